"""What a change of the recipe is worth: short pretraining runs that differ in one thing, probed on validation speakers.

    python benchmarks/ablations.py LABELS.csv [LABELS.csv ...] --variant "name: key=value key=value" [--variant ...]

Every variant pretrains the backbone on the training rows of all CSVs for the same number of views, then a linear probe
of the frozen encoder is fitted to the first CSV's training speakers and scored on its validation speakers. Test
speakers take no part. Prints a Markdown table, one row as soon as it is known; of several seeds, their mean and spread
at the end. `untrained` is always the first row of a seed.
"""

import argparse
import csv
import statistics
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

# The folder of this script would be looked through first, and it holds a file that is called like a package.
import numpy as np
from sklearn.metrics import roc_auc_score

from emoclr.augment.robustness import CONDITIONS, Condition, DegradedWaveforms
from emoclr.configs.settings import load_settings
from emoclr.corpus.clips.sources import clips_of
from emoclr.corpus.decoded.waveforms import Waveforms, WaveformStore, open_waveforms
from emoclr.corpus.labels.division import speaker_task
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.labels_csv import read_labels
from emoclr.corpus.labels.splits import speaker_folds
from emoclr.evaluate.linear_probe import LinearProbe
from emoclr.evaluate.metrics.arrays import Array
from emoclr.evaluate.positive_share import POSITIVE_SHARE
from emoclr.evaluate.speaker_probe import voice_hits
from emoclr.pretrain.encoder.checkpoint import load_encoder, untrained_encoder
from emoclr.pretrain.encoder.devices import choose_device
from emoclr.pretrain.encoder.embedding import embed_clips
from emoclr.pretrain.encoder.encoder import Encoder
from emoclr.pretrain.run import pretrain
from emoclr.pretrain.settings import PretrainSettings

SEED = 0
"""Of the folds, the speaker probe and the conditions: the same for every run."""
AUROC = "macro AUROC"
UNTRAINED = "untrained"

Row = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description="Short pretraining runs, probed on validation speakers.")
    parser.add_argument("labels", nargs="+", type=Path)
    parser.add_argument("--variant", action="append", required=True, help='"name: key=value key=value"')
    parser.add_argument("--config", default="simclr-small.yaml")
    parser.add_argument("--backbone", default="mobilenetv3_small_100")
    parser.add_argument("--views", type=int, default=80_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="a run of each variant for each (default: 0)")
    parser.add_argument("--stress", nargs="*", default=[], choices=[condition.name for condition in CONDITIONS])
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--keep", type=Path, help="folder the runs stay in")
    arguments = parser.parse_args()
    conditions = [condition for condition in CONDITIONS if condition.name in arguments.stress]
    columns = ["steps", "contrastive accuracy", AUROC, *(condition.label for condition in conditions)]
    columns += ["speaker probe", "minutes"]
    with tempfile.TemporaryDirectory() as name:
        runs = arguments.keep or Path(name)
        table = read_labels(arguments.labels[0], None)
        table = table.select(np.sort(np.concatenate([table.rows_of("train"), table.rows_of("validation")])))
        store = open_waveforms(clips_of(table), arguments.cache)
        table = table.select(store.source_rows)
        found: dict[str, list[Row]] = {}
        print_head(["variant", "seed", *columns])
        # Seeds outermost: whenever it ends, every variant has had as many.
        for seed in arguments.seeds:
            for place, variant in enumerate(arguments.variant):
                title, _, overrides = variant.partition(":")
                title = title.strip()
                began = time.monotonic()
                settings = settings_of(arguments, runs / f"{title}-{seed}", [f"seed={seed}", *overrides.split()])
                (folder,) = pretrain(settings)
                minutes = (time.monotonic() - began) / 60
                encoder, card = load_encoder(folder)
                score = partial(
                    scores,
                    window_s=settings.crop_s,
                    store=store,
                    table=table,
                    conditions=conditions,
                    device=choose_device(settings.accelerator),
                )
                rows = {title: {"steps": float(card.step), "contrastive accuracy": latest_accuracy(folder)}}
                rows[title] |= {"minutes": minutes} | score(encoder)
                if place == 0:
                    rows = {UNTRAINED: score(untrained_encoder(card, seed))} | rows
                for label, row in rows.items():
                    found.setdefault(label, []).append(row)
                    print_row([label, str(seed), *(cell(column, [row]) for column in columns)])
        if len(arguments.seeds) > 1:
            print()
            print_head(["variant", *columns])
            for label, rows_of_seeds in found.items():
                print_row([label, *(cell(column, rows_of_seeds) for column in columns)])


def print_head(names: Sequence[str]) -> None:
    print_row(names)
    print_row(["---"] * len(names))


def print_row(cells: Sequence[str]) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


def cell(column: str, rows: Sequence[Row]) -> str:
    """Returns the mean of a column over seeds, with the least and the greatest where there are several."""
    values = [row[column] for row in rows if column in row]
    if not values:
        return ""
    digits = {"steps": 0, "minutes": 0, "contrastive accuracy": 2}.get(column, 4)
    mean = f"{statistics.mean(values):.{digits}f}"
    if len(values) == 1 or not digits:
        return mean
    return f"{mean} ({min(values):.{digits}f} to {max(values):.{digits}f})"


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


def scores(
    encoder: Encoder,
    window_s: float,
    store: WaveformStore,
    table: LabelTable,
    conditions: Sequence[Condition],
    device: str,
) -> Row:
    """Returns the macro AUROC on validation speakers, as recorded and under conditions, and how many voices are named.

    The probe hears clips as they were recorded, and is asked about them under each condition.
    """

    def describe(clips: Waveforms) -> Array:
        return embed_clips(encoder, clips, window_s, window_s / 2, device=device).astype(np.float64)

    features = describe(store)
    fitted, held_out = table.rows_of("train"), table.rows_of("validation")
    folds = speaker_folds(table.select(fitted), 5, SEED)
    probe = LinearProbe(single_label=False).fit(features[fitted], table.targets[fitted], folds)
    heard = table.targets[held_out] >= POSITIVE_SHARE

    def auroc(asked: Array) -> float:
        return float(roc_auc_score(heard, probe.predict_proba(asked), average="macro"))

    row = {AUROC: auroc(features[held_out])}
    for condition in conditions:
        row[condition.label] = auroc(describe(DegradedWaveforms(store, held_out, condition, SEED)))
    if task := speaker_task(table, SEED):
        row["speaker probe"] = float(voice_hits(features, task, SEED).mean())
    return row


def latest_accuracy(folder: Path) -> float:
    """Returns the mean contrastive accuracy of the last fifth of the records."""
    with (folder / "metrics.csv").open(encoding="utf-8", newline="") as lines:
        rows = [float(row.get("contrastive_accuracy") or "nan") for row in csv.DictReader(lines)]
    return statistics.mean(rows[-max(1, len(rows) // 5) :])


if __name__ == "__main__":
    main()
