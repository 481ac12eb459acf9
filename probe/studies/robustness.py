"""Robustness: what models say of the same clips in noise, over a telephone or in a room, and how far they fall."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from emoclr.augment.robustness import CONDITIONS, Condition, DegradedWaveforms
from emoclr.configs.console import say, track
from emoclr.corpus.decoded.waveforms import Waveforms
from emoclr.corpus.labels.division import Division
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.evaluate.figures.figure import ROW_IN, Figure, name_rows
from emoclr.evaluate.figures.theme import LIGHT
from emoclr.evaluate.linear_probe import Rows
from emoclr.evaluate.metrics.intervals import Measure, Metrics
from emoclr.evaluate.metrics.registry import METRICS
from emoclr.evaluate.paired import paired_differences
from emoclr.evaluate.report.formatting import json_metrics
from emoclr.evaluate.report.section import Cell, Section, Table
from emoclr.evaluate.scores import CHANCE, Prediction, Truth, metrics_of
from emoclr.probe.features.features import UNTRAINED, Features
from emoclr.probe.fitting import Fits, predictions_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

NAME = "stress"
CLEAN = "as recorded"
MARKERS = "osD^vPX*"
LEGEND_COLUMNS = 2
LEGEND_ROWS = 0.6
"""Of the chart, that a row of the legend takes."""

StoredPredictions = Sequence[tuple[Condition, Sequence[Prediction]]]
"""What models say under each condition."""


def robustness_of_probes(
    features: Sequence[Features],
    fits: Fits,
    store: Waveforms,
    rows: Rows,
    table: LabelTable,
    division: Division,
    seed: int,
) -> StoredPredictions:
    """Returns what fitted probes say of the scored clips under each condition; models first, then baselines.

    Args:
        features: what the probes were fitted to.
        fits: the probes.
        store: the clips as recorded.
        rows: (clips of the table,) their numbers in the store.
        table: labels of the clips.
        division: which clips each fold scores.
        seed: of what is random in a condition.
    """
    clips = rows[division.scored]
    ends = np.cumsum([len(test) for _, test in division.folds])[:-1]
    tell_cost(store, clips)
    found = []
    for condition in CONDITIONS:
        say(f"stress: {condition.label}")
        stressed = DegradedWaveforms(store, clips, condition, seed)
        matrices = {described.name: np.split(described.describe(stressed), ends) for described in features}
        scored = [{name: parts[fold] for name, parts in matrices.items()} for fold in range(len(division.folds))]
        models, baselines = predictions_of(features, fits, scored, table, division)
        found.append((condition, [*models, *baselines]))
    return found


def tell_cost(store: Waveforms, clips: Rows) -> None:
    """Says how much there is to hear."""
    ratio = len(CONDITIONS) * store.samples[clips].sum() / store.samples.sum()
    say(
        f"stress: {len(CONDITIONS)} conditions of {len(clips):,} clips, "
        f"{ratio:.1f} times as much sound as all clips of the labels"
    )


def compared(models: Sequence[Prediction], baselines: Sequence[Prediction]) -> list[Prediction]:
    """Returns the headline model and the baselines that can fall: chance hears nothing.

    Of untrained twins, that of the headline model stands for all.
    """
    headline = models[0]
    twin = f"{UNTRAINED} {headline.name}"
    others = [
        baseline
        for baseline in baselines
        if baseline.name != CHANCE and (baseline.name == twin or not baseline.name.startswith(f"{UNTRAINED} "))
    ]
    return [headline, *others]


def robustness_section(truth: Truth, clean: Sequence[Prediction], stressed: StoredPredictions) -> Section:
    """Returns the section of a report that says how far models fall.

    Args:
        truth: the clips that were scored.
        clean: what models say of the clips as recorded, the headline one first.
        stressed: what these models, and maybe others, say under each condition.
    """
    values = {model.name: [metrics_of(truth, model)] for model in clean}
    drops: dict[str, list[Metrics]] = {model.name: [] for model in clean}
    pairs = [(model, answers) for model in clean for _, answers in stressed]
    for model, answers in track(pairs, "stress: intervals"):
        answer = next(answer for answer in answers if answer.name == model.name)
        values[model.name].append(metrics_of(truth, answer))
        drops[model.name].append(paired_differences(truth, model, answer))
    conditions = [condition for condition, _ in stressed]
    done = "; ".join(f"{condition.label}: {condition.description}" for condition in conditions)
    tables = [_headline_table(clean[0].name, conditions, values, drops, truth.headline)]
    if len(clean) > 1:
        tables.append(_drop_table(conditions, drops, truth.headline[0]))
    return Section(
        name=NAME,
        title="Robustness",
        text=f"The {len(truth):,} scored clips once more, each changed as a recording may be ({done}). Models and "
        "thresholds are the same. A drop is the value as recorded minus that under the condition, both on the same "
        "resamples of speakers: where its interval holds 0, no drop was shown.",
        tables=tables,
        figures=[_figure(conditions, values, truth.headline[0])],
        data={
            "conditions": {condition.name: condition.description for condition in conditions},
            "models": {
                name: {
                    condition.name: {"metrics": json_metrics(found), "drop": json_metrics(fallen)}
                    for condition, found, fallen in zip(conditions, values[name][1:], drops[name], strict=True)
                }
                for name in values
            },
        },
    )


def _headline_table(
    name: str,
    conditions: Sequence[Condition],
    values: Mapping[str, Sequence[Metrics]],
    drops: Mapping[str, Sequence[Metrics]],
    metrics: Sequence[str],
) -> Table:
    labels = [CLEAN, *(condition.label for condition in conditions)]
    rows: list[list[Cell]] = []
    for place, label in enumerate(labels):
        cells: list[Cell] = [label]
        for metric in metrics:
            cells += [values[name][place][metric], drops[name][place - 1][metric] if place else "–"]
        rows.append(cells)
    head = [cell for metric in metrics for cell in (METRICS[metric].label, "drop")]
    return Table(["", *head], rows, f"Under each condition: {name}")


def _drop_table(conditions: Sequence[Condition], drops: Mapping[str, Sequence[Metrics]], metric: str) -> Table:
    rows: list[list[Cell]] = [
        [condition.label, *(fallen[place][metric] for fallen in drops.values())]
        for place, condition in enumerate(conditions)
    ]
    return Table(["", *drops], rows, f"Drops of {METRICS[metric].label}, beside those of others")


def _figure(conditions: Sequence[Condition], values: Mapping[str, Sequence[Metrics]], metric: str) -> Figure:
    labels = [CLEAN, *(condition.label for condition in conditions)]
    return Figure(
        NAME,
        f"Robustness: {METRICS[metric].label} under each condition",
        f"Filled: {next(iter(values))}, lines are its 95 % intervals over speakers. Hollow: those it is compared with.",
        partial(
            _draw, labels, {name: [found[metric] for found in of_model] for name, of_model in values.items()}, metric
        ),
        ROW_IN * (len(labels) + LEGEND_ROWS * -(-len(values) // LEGEND_COLUMNS)) + 0.75,
    )


def _draw(labels: list[str], values: Mapping[str, Sequence[Measure]], metric: str, canvas: "Canvas") -> None:
    axes = canvas.add_subplot()
    for number, (name, found) in enumerate(values.items()):
        points = [measured.value for measured in found]
        judged = number == 0
        if judged:
            lows, highs = [measured.low for measured in found], [measured.high for measured in found]
            axes.hlines(range(len(found)), lows, highs, color=LIGHT.accent, linewidth=2)
        axes.plot(
            points,
            range(len(points)),
            MARKERS[number % len(MARKERS)],
            markersize=7 if judged else 6,
            color=LIGHT.accent if judged else LIGHT.baseline,
            markerfacecolor=LIGHT.accent if judged else LIGHT.card,
            label=name,
            zorder=3 if judged else 2,
        )
    axes.axhline(0.5, color=LIGHT.line, linewidth=0.8)
    name_rows(axes, labels)
    axes.set_xlabel(METRICS[metric].label)
    canvas.legend(loc="outside upper left", ncols=LEGEND_COLUMNS, fontsize=8.5)
