"""What a setting of fine-tuning is worth: trainings that differ in one thing, scored on speakers nothing was chosen by.

    python benchmarks/finetuning.py LABELS.csv --from RUN --variant "name: key=value key=value" [--variant ...]

Every variant is trained on four fifths of the training speakers; the moment to stop, temperatures and thresholds are
chosen on the other fifth, and the scores are those of the labels' validation speakers. Test speakers take no part, so
what is settled here can be reported on them. Prints a Markdown table, one row as soon as it is known: the mean over
seeds of each metric, and by how much it lies above the first variant's, with 95 % intervals over the same resamples of
speakers. `--pairs` scores recordings that hold two emotions, too: each validation clip with another one of its speaker
behind it, each emotion as strong as in the clip where it is stronger.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

# The folder of this script would be looked through first, and it holds a file that is called like a package.
import numpy as np
from numpy.typing import NDArray

from emoclr.configs.settings import load_settings
from emoclr.corpus.clips.sources import clips_of
from emoclr.corpus.decoded.waveforms import Waveforms, open_waveforms
from emoclr.corpus.labels.division import learnable, train_validation_test
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.labels_csv import read_labels
from emoclr.corpus.labels.splits import speaker_codes, speaker_folds
from emoclr.evaluate.metrics.arrays import Array, Weighted
from emoclr.evaluate.metrics.intervals import Measure, measure
from emoclr.evaluate.metrics.registry import weighted_metrics
from emoclr.finetune.data.labeled_clips import Task
from emoclr.finetune.model.checkpoint import load_model
from emoclr.finetune.model.temperatures import calibrate
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.training.initial_weights import find_initial_weights
from emoclr.finetune.training.member import Member, train_member
from emoclr.pretrain.encoder.embedding import embed_clips

HELD_OUT = 5
PAIRS = "two clips: "
SPLIT_SEED = 0


@dataclass(frozen=True)
class Trained:
    """A variant's metrics as functions of the clips' weights, the mean over seeds, and how its trainings went."""

    metrics: Weighted
    best_epochs: list[int]
    minutes: float


def main() -> None:
    parser = argparse.ArgumentParser(description="Short fine-tunings, scored on validation speakers.")
    parser.add_argument("labels", type=Path)
    parser.add_argument("--variant", action="append", required=True, help='"name: key=value key=value"')
    parser.add_argument("--from", dest="source", type=Path, help="run of pretrain; without: from scratch")
    parser.add_argument("--backbone", default="mobilenetv3_small_100")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each variant")
    parser.add_argument("--config", default="finetune.yaml")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--pairs", action="store_true", help="score two clips in one recording, too")
    arguments = parser.parse_args()
    task, table = task_of(arguments)
    scored = table.select(table.rows_of("test"))
    speakers = [str(code) for code in speaker_codes(scored)]
    names = ["uar", "wa"] if task.single_label else ["macro_auroc", "map"]
    names += [f"{PAIRS}{name}" for name in ("macro_auroc", "map") if arguments.pairs]

    def cells(weighted: Weighted, sign: str) -> str:
        found = measure(weighted, speakers, arguments.resamples, SPLIT_SEED)
        return " | ".join(written(found[name], sign) for name in names)

    differences = " | ".join(f"difference of {name}" for name in names)
    print(f"| variant | best epoch | {' | '.join(names)} | {differences} | minutes |", flush=True)
    print(f"|{' --- |' * (3 + 2 * len(names))}", flush=True)
    first: Trained | None = None
    for variant in arguments.variant:
        title, _, overrides = variant.partition(":")
        trained = train(arguments, task, overrides.split())
        against = cells(difference(trained.metrics, first.metrics), "+") if first else " | " * (len(names) - 1)
        first = first or trained
        epochs = ", ".join(map(str, trained.best_epochs))
        row = f"{title.strip()} | {epochs} | {cells(trained.metrics, '')} | {against} | {trained.minutes:.0f}"
        print(f"| {row} |", flush=True)


def task_of(arguments: argparse.Namespace) -> tuple[Task, LabelTable]:
    """Returns what all variants learn, and its labels, of which `test` are the labels' own validation speakers."""
    table = read_labels(arguments.labels, None)
    fitted, scored = table.rows_of("train"), table.rows_of("validation")
    splits = np.full(len(table), "", dtype=object)
    splits[fitted] = "train"
    _, held_out = speaker_folds(table.select(fitted), HELD_OUT, SPLIT_SEED)[0]
    splits[fitted[held_out]] = "validation"
    splits[scored] = "test"
    table = replace(table, splits=splits.tolist()).select(np.sort(np.concatenate([fitted, scored])))
    store = open_waveforms(clips_of(table), arguments.cache)
    table = table.select(store.source_rows)
    share = load_settings(FinetuneSettings, arguments.config, []).positive_share
    table, rows, division, _ = learnable(table, np.arange(len(table)), None, share, SPLIT_SEED, validated=True)
    targets = np.zeros((len(store), len(table.emotions)), dtype=np.float32)
    targets[rows] = table.targets
    fit, held, test = (rows[part] for part in train_validation_test(table, division, 0))
    return Task(store, table.emotions, targets, fit, held, test, table.single_label), table


def train(arguments: argparse.Namespace, task: Task, overrides: list[str]) -> Trained:
    """Returns what a variant comes to, trained once a seed."""
    given = [f"backbones=[{arguments.backbone}]", f"epochs={arguments.epochs}"]
    began = time.monotonic()
    each, best_epochs = [], []
    for seed in range(arguments.seeds):
        settings = load_settings(FinetuneSettings, arguments.config, [*given, f"seed={seed}", *overrides])
        (initial,) = find_initial_weights([arguments.source] if arguments.source else [], settings)
        encoder, crop_s, origin = initial.encoder(settings, task.store, task.train)
        with tempfile.TemporaryDirectory() as folder:
            audio_pretrained = arguments.source is not None
            member = train_member(
                Path(folder) / initial.name, encoder, task, settings, crop_s, origin, audio_pretrained=audio_pretrained
            )
            both = score_pairs(member, task, settings) if arguments.pairs else None
        thresholds = np.array(member.card.thresholds)
        alone = weighted_metrics(
            task.targets[task.test], member.test, thresholds, task.single_label, settings.positive_share
        )
        each.append(with_pairs(alone, both) if both else alone)
        best_epochs.append(int(member.card.metrics["best_epoch"]))

    def mean(weights: Array) -> dict[str, Array]:
        found = [metrics(weights) for metrics in each]
        return {name: np.mean([one[name] for one in found], axis=0) for name in found[0]}

    return Trained(mean, best_epochs, (time.monotonic() - began) / 60)


class TwoInOne:
    """Recordings that are a clip of a store and another one behind it."""

    def __init__(self, store: Waveforms, pairs: Sequence[tuple[int, int]]) -> None:
        self.store, self.pairs = store, pairs
        self.samples = np.array([store.samples[first] + store.samples[second] for first, second in pairs])

    def __len__(self) -> int:
        return len(self.pairs)

    def waveform(self, clip: int) -> NDArray[np.float32]:
        """Returns a recording whole."""
        return np.concatenate([self.store.waveform(part) for part in self.pairs[clip]])

    def crop(self, clip: int, start_sample: int, n_samples: int) -> NDArray[np.float32]:
        """Returns a part of a recording."""
        return self.waveform(clip)[start_sample : start_sample + n_samples]


def score_pairs(member: Member, task: Task, settings: FinetuneSettings) -> Weighted:
    """Returns metrics of weights of the scored clips, each of which begins a recording of two."""
    drawn = np.random.default_rng(SPLIT_SEED)
    speakers = task.store.speakers[task.test]
    second = [
        int(drawn.choice(task.test[(speakers == who) & (task.test != clip)]))
        for clip, who in zip(task.test, speakers, strict=True)
    ]
    pairs = TwoInOne(task.store, list(zip(task.test.tolist(), second, strict=True)))
    model, card = load_model(member.folder)
    logits = embed_clips(model, pairs, card.window_s, card.hop_s, short=card.short, pooling=card.windows)
    probabilities = calibrate(logits.astype(np.float64), np.array(card.temperatures))
    targets = np.maximum(task.targets[task.test], task.targets[second])
    return weighted_metrics(targets, probabilities, np.array(card.thresholds), False, settings.positive_share)


def with_pairs(alone: Weighted, both: Weighted) -> Weighted:
    """Returns the metrics of clips and, under names of their own, of pairs."""

    def weighted(weights: Array) -> dict[str, Array]:
        return {**alone(weights), **{f"{PAIRS}{name}": found for name, found in both(weights).items()}}

    return weighted


def difference(first: Weighted, second: Weighted) -> Weighted:
    """Returns the metrics of the first less those of the second, on the same clips."""

    def weighted(weights: Array) -> dict[str, Array]:
        ours, theirs = first(weights), second(weights)
        return {name: ours[name] - theirs[name] for name in ours}

    return weighted


def written(found: Measure, sign: str) -> str:
    return f"{found.value:{sign}.4f} [{found.low:{sign}.4f}, {found.high:{sign}.4f}]"


if __name__ == "__main__":
    main()
