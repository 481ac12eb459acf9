"""CPU ms of the functionals of a crop of 2 s, in one thread, beside librosa's pitch and openSMILE's eGeMAPS.

    python benchmarks/functionals.py [LABELS.csv]

Without a CSV the crops are of synthetic voices. openSMILE is measured where it is installed.
"""

import os

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import librosa
import numpy as np
from numpy.typing import NDArray

from emoclr.corpus.clips.sources import clips_from
from emoclr.corpus.decoded.waveforms import open_waveforms
from emoclr.corpus.demo.demo_corpus import make_demo_corpus
from emoclr.pretrain.data.functionals.functionals import FUNCTIONALS, HOP_SAMPLES, functionals, power_spectra
from emoclr.pretrain.data.functionals.pitch import MAX_PITCH_HZ, MIN_PITCH_HZ, SAMPLE_RATE, WINDOW_SAMPLES, find_pitch

CROPS, SECONDS, REPEATS = 40, 2.0, 5
"""The slowest way takes a second a crop."""

Waveform = NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU ms a crop of 2 s.")
    parser.add_argument("labels", type=Path, nargs="?", help="labels.csv whose recordings are measured")
    crops = crops_of(parser.parse_args().labels)
    sizes = {"fmin": MIN_PITCH_HZ, "fmax": MAX_PITCH_HZ, "sr": SAMPLE_RATE, "frame_length": WINDOW_SAMPLES}
    ways: dict[str, Callable[[Waveform], object]] = {
        f"{len(FUNCTIONALS)} functionals": functionals,
        "pitch of it, with its spectra": lambda crop: find_pitch(power_spectra(crop)),
        "librosa.yin": partial(librosa.yin, hop_length=HOP_SAMPLES, **sizes),
        "librosa.pyin": partial(librosa.pyin, hop_length=HOP_SAMPLES, **sizes),
    }
    try:
        import opensmile
    except ImportError:
        print("openSMILE is not installed")
    else:
        smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
        ways["openSMILE, 88 functionals of eGeMAPS"] = lambda crop: smile.process_signal(crop, SAMPLE_RATE)
    for way in ways.values():
        way(crops[0])
    # Each round measures all of them, so that a busy machine is as busy for each.
    rounds = [{name: timed(way, crops) for name, way in ways.items()} for _ in range(REPEATS)]
    for name in ways:
        print(f"{name}: {statistics.median(found[name] for found in rounds):.2f} ms a crop (median of {REPEATS})")


def crops_of(labels: Path | None) -> list[Waveform]:
    """Returns first parts of clips, as long as a view."""
    with tempfile.TemporaryDirectory() as folder:
        if labels is None:
            make_demo_corpus(Path(folder) / "corpus", size="small")
            labels = Path(folder) / "corpus" / "labels.csv"
        store = open_waveforms(clips_from([labels], None))
        clips = np.linspace(0, len(store) - 1, CROPS).astype(int)
        return [store.crop(int(clip), 0, int(SECONDS * SAMPLE_RATE)) for clip in clips]


def timed(way: Callable[[Waveform], object], crops: list[Waveform]) -> float:
    """Returns CPU ms a crop."""
    began = time.process_time()
    for crop in crops:
        way(crop)
    return (time.process_time() - began) / len(crops) * 1_000


if __name__ == "__main__":
    main()
