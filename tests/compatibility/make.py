"""Writes the files in v0_1/: a cache, indexes, tars, runs, checkpoints, reports and predictions of commit 91de39e.

    python tests/compatibility/make.py OUT

runs the commands that are first on PATH (for v0_1 those of `.venv/bin` of that commit) in a temporary folder. The
recordings are not committed: they are made of integers, the same bytes on every machine, and the tests make them anew.
"""

import csv
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path
from shlex import split

import numpy as np

RATE = 16_000
CLIPS, SPEAKERS, DURATION_S = 24, 6, 0.25
MODIFIED_NS = 1_700_000_000_000_000_000
SPLITS = ("train", "train", "train", "validation", "test", "test")
BACKBONE = "test_efficientnet"
TINY = "cache=cache crop_s=0.2 batch_size={} precision=fp32 accelerator=cpu workers=0"
PRETRAIN = split(
    f"pretrain data=recordings/labels.csv backbones={BACKBONE} {TINY.format(8)} epochs=8 spectrogram.n_fft=512 "
    "spectrogram.bands=32 projection_hidden=32 projection_size=16 speakers_per_batch=4 augment.nearby_s=0.1 "
    "augment.transforms=[] log_every_steps=1 save_every_steps=1"
)
PROBE = split(
    "probe --from pretrained --data recordings/labels.csv cache=cache bootstrap_resamples=20 device=cpu players=false"
)
FINETUNE = split(
    f"finetune --from pretrained --data recordings/labels.csv {TINY.format(4)} epochs=2 seeds=2 "
    "bootstrap_resamples=20 players=false"
)
OTHERS = (
    split("corpus scan recordings --out index.parquet"),
    split("corpus scan recordings --out index.csv"),
    split("corpus shard recordings/short.csv --out tars/corpus-%06d.tar"),
    [*PROBE, "--out", "probe"],
    [*FINETUNE, "--out", "emotions"],
    split("predict --from emotions recordings --out predictions.csv"),
    split("predict --from emotions recordings --out timeline.csv --timeline"),
)
LEFT_OUT = ("*.png", "*.html", "*.md", "tensorboard", "recordings", "uninterrupted")


def write_recordings(folder: Path) -> Path:
    """Writes noise that is loud where it is angry and dull where it is sad, and returns its labels.csv."""
    folder.mkdir(parents=True)
    rows = []
    for clip in range(CLIPS):
        speaker, loud, dull = clip // (CLIPS // SPEAKERS), clip % 2, clip // 2 % 2
        noise = np.random.default_rng(clip).integers(-1_000, 1_000, round(DURATION_S * RATE)) * (6 if loud else 1)
        samples = (noise + np.roll(noise, 1) + np.roll(noise, 2)) // 3 if dull else noise
        path = folder / f"{clip:02}.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(samples.astype("<i2").tobytes())
        os.utime(path, ns=(MODIFIED_NS, MODIFIED_NS))
        rows.append([path.name, 0.9 * loud, 0.8 * dull, f"s{speaker}", "fm"[speaker % 2], SPLITS[speaker]])
    head = ["path", "anger", "sadness", "speaker", "sex", "split"]
    for name, some in (("labels.csv", rows), ("short.csv", rows[:4])):
        with (folder / name).open("w", newline="") as file:
            csv.writer(file).writerows([head, *some])
    return folder / "labels.csv"


def stopped(command: list[str], saved: Path) -> None:
    """Runs a command until the file `saved` is there, and asks it to end then."""
    with subprocess.Popen(command) as process:
        while not saved.exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)


def main(out: Path) -> None:
    """Writes the files to `out`, without the place where they were made."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name).resolve()
        os.chdir(place)
        write_recordings(place / "recordings")
        stopped([*PRETRAIN, "out=pretrained"], place / "pretrained" / BACKBONE / "resume.ckpt")
        subprocess.run([*PRETRAIN, "out=uninterrupted"], check=True)
        shutil.copy(place / "uninterrupted" / BACKBONE / "metrics.csv", "uninterrupted.csv")
        for command in OTHERS:
            subprocess.run(command, check=True)
        for card in place.glob("*/run.yaml"):
            card.write_text(card.read_text().replace(name, "/made"))
        shutil.copytree(place, out, ignore=shutil.ignore_patterns(*LEFT_OUT))


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
