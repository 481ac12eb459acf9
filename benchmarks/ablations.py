"""What a change of the recipe is worth: short pretraining runs that differ in one thing, probed on validation speakers.

    python benchmarks/ablations.py VOTES.csv --intended INTENDED.csv --keep runs --views 80000 --network-s 600 \
        --variant "as it is:" --variant "name: key=value key=value" ...
    python benchmarks/ablations.py VOTES.csv --intended INTENDED.csv --encoder "name: RUN/resnet10t" --encoder ...

Each variant pretrains a backbone on the training rows of VOTES.csv (and of `--more`): once for the same number of views
(`--views`), once for the same CPU time of its network (`--network-s`), or both. Linear probes of the frozen encoder are
fitted to training speakers and scored on validation speakers; test speakers take no part. A row is printed as soon as
it is known. At the end each budget has a table of means over seeds with 95 % intervals over validation speakers, and
one of paired differences from its first variant. With `--keep` the same command goes on where it was stopped. With
`--encoder` encoders that are there already are scored and compared in the same way.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from ablation_scores import Arrays, Task, answers, metrics_of

from emoclr.augment.robustness import CONDITIONS
from emoclr.configs.errors import ConfigError
from emoclr.configs.files import write_atomically
from emoclr.configs.settings import load_settings
from emoclr.corpus.clips.sources import clips_of
from emoclr.corpus.decoded.waveforms import open_waveforms
from emoclr.corpus.labels.labels_csv import read_labels
from emoclr.evaluate.metrics.intervals import Measure
from emoclr.pretrain.encoder.checkpoint import load_encoder, untrained_encoder
from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings
from emoclr.pretrain.encoder.precision import choose_precision
from emoclr.pretrain.run import pretrain
from emoclr.pretrain.settings import PretrainSettings

UNTRAINED = "untrained"
SCORES = "scores.npz"
MADE_WITH = "ablation.json"


class Budget(NamedTuple):
    """What every variant may spend: views, or CPU seconds of the network."""

    amount: float
    unit: str

    def __str__(self) -> str:
        return f"{self.amount:,.0f} {self.unit}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Short pretraining runs, probed on validation speakers.")
    parser.add_argument("votes", type=Path, help="labels.csv with train and validation speakers")
    parser.add_argument("--intended", type=Path, help="the same clips with one emotion each, for UAR")
    parser.add_argument("--more", type=Path, nargs="+", default=[], help="CSVs whose training rows are added")
    parser.add_argument("--variant", action="append", default=[], help='"name: key=value key=value"')
    parser.add_argument("--encoder", action="append", default=[], help='"name: FOLDER" of one that is there')
    parser.add_argument("--config", default="simclr-small.yaml")
    parser.add_argument("--backbone", default="resnet10t")
    parser.add_argument("--views", type=float, help="views of each variant (default: 80000, unless --network-s)")
    parser.add_argument("--network-s", type=float, help="CPU seconds of each variant's network")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="a run of each variant for each (default: 0)")
    parser.add_argument("--stress", nargs="*", default=["noise_10_db"], choices=[one.name for one in CONDITIONS])
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--keep", type=Path, help="folder the runs stay in, so that the command can go on")
    arguments = parser.parse_args()
    if bool(arguments.variant) == bool(arguments.encoder):
        parser.error("give --variant, or --encoder")
    budgets = [Budget(arguments.views, "views")] if arguments.views else []
    budgets += [Budget(arguments.network_s, "s of the network")] if arguments.network_s else []
    task = open_task(arguments)
    if arguments.encoder:
        score(arguments, task)
        return
    with tempfile.TemporaryDirectory() as name:
        for budget in budgets or [Budget(80_000, "views")]:
            compare(arguments, task, budget, arguments.keep or Path(name))


def open_task(arguments: argparse.Namespace) -> Task:
    """Returns the clips of training and validation speakers, decoded, with their labels."""
    votes = read_labels(arguments.votes)
    votes = votes.select(np.sort(np.concatenate([votes.rows_of("train"), votes.rows_of("validation")])))
    store = open_waveforms(clips_of(votes), arguments.cache)
    votes = votes.select(store.source_rows)
    intended = None
    if arguments.intended:
        intended = read_labels(arguments.intended)
        place = {path: row for row, path in enumerate(intended.paths)}
        intended = intended.select([place[path] for path in votes.paths])
        if not intended.single_label:
            raise ConfigError(f"{arguments.intended}: UAR needs one emotion a clip")
    return Task(votes, intended, store, arguments.stress)


def compare(arguments: argparse.Namespace, task: Task, budget: Budget, runs: Path) -> None:
    """Trains and scores all variants with one budget, and prints its tables."""
    found: dict[str, list[Arrays]] = {}
    columns = list(metrics_of(task, []))
    head = ["variant", "seed", "steps", "network s", "contrastive accuracy", "minutes", *columns]
    print(f"\n{budget}, {arguments.backbone} unless the variant says otherwise\n")
    print_head(head)
    # Seeds outermost: whenever it ends, every variant has had as many.
    for seed in arguments.seeds:
        for place, variant in enumerate(arguments.variant):
            title, _, overrides = variant.partition(":")
            folder = runs / f"{title.strip()}-{budget.unit.split()[0]}-{budget.amount:g}-{seed}"
            facts, rows = run_variant(arguments, task, budget, folder, [f"seed={seed}", *overrides.split()])
            for label, arrays in {UNTRAINED: rows[UNTRAINED], title.strip(): rows["pretrained"]}.items():
                if label == UNTRAINED and place:
                    continue
                found.setdefault(label, []).append(arrays)
                told = [facts[key] if label != UNTRAINED else "" for key in head[2:6]]
                values = (f"{value.value:.4f}" for value in metrics_of(task, [arrays]).values())
                print_row([label, str(seed), *told, *values])
    print_tables(task, found)


def score(arguments: argparse.Namespace, task: Task) -> None:
    """Scores encoders that are there, and prints their tables."""
    settings = load_settings(PretrainSettings, arguments.config, [f"data={arguments.votes}", "out=none"])
    found = {}
    for given in arguments.encoder:
        title, _, folder = given.partition(":")
        encoder, _ = load_encoder(Path(folder.strip()))
        found[title.strip()] = [answers(encoder, settings, task)]
    print_tables(task, found)


def print_tables(task: Task, found: Mapping[str, Sequence[Arrays]]) -> None:
    """Prints means over seeds, and their differences from the first that was trained."""
    columns = list(metrics_of(task, []))
    first = next(label for label in found if label != UNTRAINED)
    print()
    print_head(["variant", *columns])
    for label, seeds in found.items():
        print_row([label, *map(with_interval, metrics_of(task, seeds).values())])
    print(f"\nDifferences from {first}, on the same resamples of speakers:\n")
    print_head(["variant", *columns])
    for label, seeds in found.items():
        if label != first:
            print_row([label, *map(signed, metrics_of(task, seeds, found[first]).values())])


def run_variant(
    arguments: argparse.Namespace, task: Task, budget: Budget, folder: Path, overrides: list[str]
) -> tuple[dict[str, str], dict[str, Arrays]]:
    """Returns what is to be told of a run, and the answers of its encoder and of the same network untrained.

    What `folder` holds of the same run is taken up: its answers, or a training that was stopped.
    """
    note = folder / MADE_WITH
    known = json.loads(note.read_text(encoding="utf-8")) if note.exists() else {}
    settings, network_s = settings_of(arguments, budget, folder / "run", overrides, known.get("epochs"))
    made_with = settings.model_dump(mode="json", exclude={"out", "cache", "cache_gb", "workers"})
    if known and known != made_with:
        raise ConfigError(f"{folder}: holds another variant of this name; remove it, or name this one otherwise")
    write_atomically(note, lambda path: path.write_text(json.dumps(made_with), encoding="utf-8"))
    if not (folder / SCORES).exists():
        began = time.monotonic()
        (run,) = pretrain(settings, resume=(settings.out / "run.yaml").exists())
        minutes = (time.monotonic() - began) / 60
        encoder, card = load_encoder(run)
        facts = [str(card.step), f"{network_s:.0f}", f"{latest_accuracy(run):.2f}", f"{minutes:.0f}"]
        arrays = {f"pretrained {key}": value for key, value in answers(encoder, settings, task).items()}
        untrained = answers(untrained_encoder(card, settings.seed), settings, task)
        arrays |= {f"{UNTRAINED} {key}": value for key, value in untrained.items()}

        def write(path: Path) -> None:
            with path.open("wb") as file:
                np.savez(file, facts=np.array(facts), **arrays)

        write_atomically(folder / SCORES, write)
    with np.load(folder / SCORES) as kept:
        told = dict(zip(["steps", "network s", "contrastive accuracy", "minutes"], kept["facts"].tolist(), strict=True))
        rows: dict[str, Arrays] = {"pretrained": {}, UNTRAINED: {}}
        for key in kept.files:
            kind, _, name = key.partition(" ")
            if name:
                rows[kind][name] = kept[key]
    return told, rows


def settings_of(
    arguments: argparse.Namespace, budget: Budget, out: Path, overrides: list[str], begun: int | None
) -> tuple[PretrainSettings, float]:
    """Returns the variant's settings, with the epochs that bring it nearest to its budget, and its network's CPU s.

    A budget of time is that of when a run began, whose epochs are then given: the same network never takes the same.
    """
    given = [
        f"data={','.join(map(str, [arguments.votes, *arguments.more]))}",
        "splits=[train]",
        f"backbones=[{arguments.backbone}]",
        f"out={out}",
        *([f"cache={arguments.cache}"] if arguments.cache else []),
        *overrides,
    ]
    settings = load_settings(PretrainSettings, arguments.config, given)
    clips = sum(len(read_labels(path).rows_of("train")) for path in [arguments.votes, *arguments.more])
    views_of_epoch = 2 * settings.batch_size * (clips // settings.batch_size)
    view_s = network_s_of_view(settings)
    views = budget.amount if budget.unit == "views" else budget.amount / view_s
    epochs = max(1, round(views / views_of_epoch))
    if begun is not None and budget.unit != "views":
        epochs = begun
    given = [f"epochs={epochs}", *given]
    return load_settings(PretrainSettings, arguments.config, given), epochs * views_of_epoch * view_s


def network_s_of_view(settings: PretrainSettings) -> float:
    """Returns the CPU s that the spectrogram and the network take for a view, forwards and backwards: the best of 3."""
    (name,) = settings.backbones
    encoder = Encoder(EncoderSettings(backbone=name, spectrogram=settings.spectrogram)).train()
    half = choose_precision(settings.precision, encoder.backbone, "cpu", settings.crop_s) == "bf16-mixed"
    waveforms = torch.randn(32, round(settings.crop_s * settings.spectrogram.sample_rate))
    taken = []
    for _ in range(3):
        began = time.process_time()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            loss = encoder(waveforms).float().square().mean()
        loss.backward()
        taken.append(time.process_time() - began)
    return min(taken) / len(waveforms)


def latest_accuracy(folder: Path) -> float:
    """Returns the mean contrastive accuracy of the last fifth of the records; nan where an objective has none."""
    records = pd.read_csv(folder / "metrics.csv")
    if "contrastive_accuracy" not in records:
        return float("nan")
    return statistics.mean(records["contrastive_accuracy"][-max(1, len(records) // 5) :])


def with_interval(found: Measure) -> str:
    return f"{found.value:.3f} [{found.low:.3f}–{found.high:.3f}]"


def signed(found: Measure) -> str:
    return f"{found.value:+.3f} [{found.low:+.3f} to {found.high:+.3f}]"


def print_head(names: Sequence[str]) -> None:
    print_row(names)
    print_row(["---"] * len(names))


def print_row(cells: Sequence[str]) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
