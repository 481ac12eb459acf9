"""Which changes of a clip the audit sees through, and how even folds are: ours and scikit-learn's."""

import argparse
import io
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray

from emoclr.configs.console import track
from emoclr.corpus.audio.decoder import SAMPLE_RATE, read_waveform
from emoclr.corpus.audit.fingerprints import copies, fingerprint
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.labels_csv import read_labels
from emoclr.corpus.labels.splits import Rows, speaker_codes, speaker_folds

Waveform = NDArray[np.float32]

N_FOLDS = 5
SEEDS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labels", type=Path, help="a labels.csv")
    parser.add_argument("--clips", type=int, default=300, help="how many clips are changed and looked for")
    arguments = parser.parse_args()
    table = read_labels(arguments.labels)
    compare_folds(table)
    if arguments.clips:
        recall(table, arguments.clips)


def compare_folds(table: LabelTable) -> None:
    for name, divide in (("StratifiedGroupKFold", stratified), ("ours", ours)):
        worst = [worst_deviation(table, divide(table, seed)) for seed in range(SEEDS)]
        median, highest = 100 * np.median(worst), 100 * np.max(worst)
        print(
            f"{name}: an emotion's share in one of {N_FOLDS} folds is off by at most {median:.2f} percentage points "
            f"(median of {SEEDS} seeds; at most {highest:.2f})"
        )


def worst_deviation(table: LabelTable, tests: list[Rows]) -> float:
    return max(float(np.abs(table.targets[rows].mean(0) - table.targets.mean(0)).max()) for rows in tests)


def ours(table: LabelTable, seed: int) -> list[Rows]:
    return [test for _, test in speaker_folds(table, N_FOLDS, seed)]


def stratified(table: LabelTable, seed: int) -> list[Rows]:
    from sklearn.model_selection import StratifiedGroupKFold

    speakers = speaker_codes(table)
    folds = StratifiedGroupKFold(N_FOLDS, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return [test for _, test in folds.split(speakers, table.targets.argmax(axis=1), speakers)]


def recall(table: LabelTable, n_clips: int) -> None:
    rows = np.sort(np.random.default_rng(0).permutation(len(table))[:n_clips])
    waveforms = [read_waveform(table.paths[row]) for row in track(rows, "decoding", total=len(rows))]
    originals = [fingerprint(waveform) for waveform in waveforms]
    print(f"{len(originals)} clips, {sum(map(len, waveforms)) / SAMPLE_RATE:.0f} s")
    for name, change in CHANGES.items():
        changed = [fingerprint(change(waveform)) for waveform in waveforms]
        pairs = [(first, second - len(originals)) for first, second, _ in copies(originals + changed)]
        found = sum(first == second for first, second in pairs)
        others = {frozenset((first % len(rows), second % len(rows))) for first, second in pairs if first != second}
        wrong = sum(len(pair) > 1 for pair in others)
        print(f"{name}: {found / len(rows):.1%} found, {wrong} pairs of different clips", flush=True)


def coded(
    form: str, subtype: str, rate: int = SAMPLE_RATE, compression: float | None = None
) -> Callable[[Waveform], Waveform]:
    def change(waveform: Waveform) -> Waveform:
        file = io.BytesIO()
        samples = soxr.resample(waveform, SAMPLE_RATE, rate)
        sf.write(file, samples, rate, subtype, format=form, compression_level=compression)
        file.seek(0)
        return resampled(sf.read(file, dtype="float32")[0], rate)

    return change


def resampled(samples: Waveform, rate: float) -> Waveform:
    return np.clip(soxr.resample(samples, rate, SAMPLE_RATE), -1, 1).astype(np.float32)


def noisy(waveform: Waveform) -> Waveform:
    noise = np.random.default_rng(len(waveform)).normal(size=len(waveform)) * np.sqrt(np.mean(waveform**2)) / 10
    return (waveform + noise).astype(np.float32)


CHANGES: dict[str, Callable[[Waveform], Waveform]] = {
    "mp3, 16 kHz": coded("MP3", "MPEG_LAYER_III"),
    "mp3, 44.1 kHz": coded("MP3", "MPEG_LAYER_III", 44_100),
    "mp3, 16 kHz, smallest": coded("MP3", "MPEG_LAYER_III", compression=0.95),
    "Vorbis": coded("OGG", "VORBIS"),
    "Vorbis, smallest": coded("OGG", "VORBIS", compression=1.0),
    "Opus": coded("OGG", "OPUS"),
    "Opus, smallest": coded("OGG", "OPUS", compression=1.0),
    "wav, 8 kHz": coded("WAV", "PCM_16", 8_000),
    "telephone (u-law, 8 kHz)": coded("WAV", "ULAW", 8_000),
    "12 dB softer": lambda waveform: waveform / 4,
    "12 dB louder, clipped": lambda waveform: np.clip(waveform * 4, -1, 1),
    "white noise 20 dB below": noisy,
    "first 0.1 s cut off": lambda waveform: waveform[1_604:],
    "first third cut off": lambda waveform: waveform[len(waveform) // 3 :],
    "first 60 % cut off": lambda waveform: waveform[int(0.6 * len(waveform)) :],
    "0.5 s of silence before": lambda waveform: np.pad(waveform, (8_004, 0)),
    "0.5 % faster": lambda waveform: resampled(waveform, SAMPLE_RATE * 1.005),
    "2 % faster": lambda waveform: resampled(waveform, SAMPLE_RATE * 1.02),
    "backwards": lambda waveform: waveform[::-1],
}


if __name__ == "__main__":
    main()
