"""What a change of the recipe is worth: short pretraining runs that differ in one thing, probed on validation speakers.

    python benchmarks/ablations.py LABELS.csv [LABELS.csv ...] --variant "name: key=value key=value" [--variant ...]

Every variant pretrains the backbone on the training rows of all CSVs for the same number of views, then a linear probe
of the frozen encoder is fitted to the first CSV's training speakers and scored on its validation speakers. Test
speakers take no part. Prints a Markdown table, one row as soon as it is known. `untrained` is always the first row.
"""

import argparse
import csv
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

# The folder of this script would be looked through first, and it holds a file that is called like a package.
sys.path[0] = str(Path(__file__).parents[1])

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from configs.settings import load_settings
from corpus.labels import LabelTable, read_labels
from corpus.splits import speaker_folds
from corpus.waveforms import WaveformStore, clips_of, open_waveforms
from pretrain.checkpoint import load_encoder, untrained_encoder
from pretrain.devices import choose_device
from pretrain.encoder import Encoder
from pretrain.run import pretrain
from pretrain.settings import PretrainSettings
from probe.embed import embed_clips
from probe.linear import LinearProbe
from probe.metrics import POSITIVE_SHARE
from probe.speakers import voice_hits, voice_task

SEED = 0


def main() -> None:
    parser = argparse.ArgumentParser(description="Short pretraining runs, probed on validation speakers.")
    parser.add_argument("labels", nargs="+", type=Path)
    parser.add_argument("--variant", action="append", required=True, help='"name: key=value key=value"')
    parser.add_argument("--config", default="simclr-small.yaml")
    parser.add_argument("--backbone", default="mobilenetv3_small_100")
    parser.add_argument("--views", type=int, default=80_000)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--keep", type=Path, help="folder the runs stay in")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        runs = arguments.keep or Path(name)
        table = read_labels(arguments.labels[0], None)
        table = table.select(np.sort(np.concatenate([table.rows_of("train"), table.rows_of("validation")])))
        store = open_waveforms(clips_of(table), arguments.cache)
        table = table.select(store.source_rows)
        print("| variant | steps | contrastive accuracy | macro AUROC | speaker probe | minutes |", flush=True)
        print("| --- | --- | --- | --- | --- | --- |", flush=True)
        for place, variant in enumerate(arguments.variant):
            title, _, overrides = variant.partition(":")
            began = time.monotonic()
            settings = settings_of(arguments, runs / title.strip(), overrides.split())
            (folder,) = pretrain(settings)
            minutes = (time.monotonic() - began) / 60
            encoder, card = load_encoder(folder)
            score = partial(
                scored, window_s=settings.crop_s, store=store, table=table, device=choose_device(settings.accelerator)
            )
            if place == 0:
                print(f"| untrained | 0 | | {score(untrained_encoder(card, SEED))} | 0 |", flush=True)
            found = score(encoder)
            accuracy = latest_accuracy(folder)
            print(f"| {title} | {card.step:,} | {accuracy:.2f} | {found} | {minutes:.0f} |", flush=True)


def settings_of(arguments: argparse.Namespace, out: Path, overrides: list[str]) -> PretrainSettings:
    """Returns the variant's settings, with as many epochs as bring it nearest to the number of views."""
    given = [
        f"data={','.join(map(str, arguments.labels))}",
        "splits=[train]",
        f"backbones=[{arguments.backbone}]",
        f"out={out}",
        *([f"cache={arguments.cache}"] if arguments.cache else []),
    ]
    settings = load_settings(PretrainSettings, arguments.config, [*given, *overrides])
    clips = sum(len(read_labels(path, None).rows_of("train")) for path in arguments.labels)
    views = 2 * settings.batch_size * (clips // settings.batch_size)
    epochs = max(1, round(arguments.views / views))
    return load_settings(PretrainSettings, arguments.config, [*given, f"epochs={epochs}", *overrides])


def scored(encoder: Encoder, window_s: float, store: WaveformStore, table: LabelTable, device: str) -> str:
    """Returns the macro AUROC on validation speakers and the accuracy of the speaker probe, as two cells."""
    features = embed_clips(encoder, store, window_s, window_s / 2, device=device).astype(np.float64)
    fitted, held_out = table.rows_of("train"), table.rows_of("validation")
    folds = speaker_folds(table.select(fitted), 5, SEED)
    probe = LinearProbe(single_label=False).fit(features[fitted], table.targets[fitted], folds)
    answers = probe.predict_proba(features[held_out])
    auroc = roc_auc_score(table.targets[held_out] >= POSITIVE_SHARE, answers, average="macro")
    task = voice_task(table, SEED)
    voices = f"{voice_hits(features, task, SEED).mean():.3f}" if task else "no voices"
    return f"{auroc:.4f} | {voices}"


def latest_accuracy(folder: Path) -> float:
    """Returns the mean contrastive accuracy of the last fifth of the records."""
    with (folder / "metrics.csv").open(encoding="utf-8", newline="") as lines:
        rows = [float(row.get("contrastive_accuracy") or "nan") for row in csv.DictReader(lines)]
    return statistics.mean(rows[-max(1, len(rows) // 5) :])


if __name__ == "__main__":
    torch.set_num_threads(2)
    main()
