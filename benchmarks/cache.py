"""Random 5 s crops: read from the cache, against decoded from 48 kHz mp3 each time."""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from emoclr.corpus.audio.decoder import read_waveform
from emoclr.corpus.clips.sources import clips_from
from emoclr.corpus.decoded.waveforms import open_waveforms

CLIPS, SECONDS, RATE, CROP_S = 100, 10.0, 48_000, 5.0
ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of recordings; without, mp3s are made")
    data = parser.parse_args().data
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if data is None:
            data = folder / "mp3"
            make_recordings(data)
        clips = clips_from([data])
        store = open_waveforms(clips, folder / "cache")
        rng = np.random.default_rng(0)
        chosen = rng.integers(0, len(store), CLIPS)
        room = np.maximum(0, store.durations_s[chosen] - CROP_S)
        starts = rng.uniform(0, 1, CLIPS) * room
        cached, whole, part = [], [], []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            for clip, start in zip(chosen, starts, strict=True):
                store.crop(int(clip), int(16_000 * start), int(16_000 * CROP_S))
            cached.append(time.perf_counter() - began)
            began = time.perf_counter()
            for clip, start in zip(chosen, starts, strict=True):
                read_waveform(store.path(int(clip)), float(start), float(start + CROP_S))
            part.append(time.perf_counter() - began)
            began = time.perf_counter()
            for clip in chosen:
                read_waveform(store.path(int(clip)))
            whole.append(time.perf_counter() - began)
    milliseconds = [1000 * min(times) / CLIPS for times in (cached, part, whole)]
    print(f"a crop of {CROP_S:g} s: {milliseconds[0]:.3f} ms from the cache")
    print(
        f"decoding that part of the recording: {milliseconds[1]:.2f} ms, {milliseconds[1] / milliseconds[0]:.0f} times"
    )
    print(f"decoding all of the recording: {milliseconds[2]:.2f} ms, {milliseconds[2] / milliseconds[0]:.0f} times")


def make_recordings(folder: Path) -> None:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for clip in range(CLIPS):
        noise = rng.normal(0, 0.05, int(SECONDS * RATE))
        tone = 0.3 * np.sin(2 * np.pi * (100 + clip) * np.arange(len(noise)) / RATE)
        soundfile.write(folder / f"{clip:03}.mp3", noise + tone, RATE, format="MP3", subtype="MPEG_LAYER_III")


if __name__ == "__main__":
    main()
