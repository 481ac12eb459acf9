"""Robustness: how far metrics fall when the same clips are degraded (noise, telephone, room), as a section."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

from emoclr.configs.console import track
from emoclr.evaluate.figures.figure import ROW_IN, Figure, name_rows
from emoclr.evaluate.figures.theme import LIGHT
from emoclr.evaluate.metrics.intervals import Measure, Metrics
from emoclr.evaluate.metrics.registry import METRICS
from emoclr.evaluate.paired import paired_differences
from emoclr.evaluate.report.formatting import json_metrics
from emoclr.evaluate.report.section import Cell, Section, Table
from emoclr.evaluate.scores import Prediction, Truth, metrics_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

NAME = "stress"
CLEAN = "as recorded"
MARKERS = "osD^vPX*"
LEGEND_COLUMNS = 1
LEGEND_ROWS = 0.7
"""Of the chart, that a row of the legend takes."""


class Condition(Protocol):
    """A way of degrading recordings, as a report tells of it."""

    @property
    def name(self) -> str:
        """Its key in `report.json`."""

    @property
    def label(self) -> str:
        """Its row in tables and figures."""

    @property
    def description(self) -> str:
        """What is done to a recording."""


DegradedPredictions = Sequence[tuple[Condition, Sequence[Prediction]]]
"""Of each condition the models' predictions for the degraded clips."""


def robustness_section(truth: Truth, clean: Sequence[Prediction], degraded: DegradedPredictions) -> Section:
    """Returns the metrics under each condition, and their drops, as a section of a report.

    Args:
        truth: the clips that were scored.
        clean: the models' predictions for the clips as recorded, the headline model first.
        degraded: predictions of these models, and maybe of others, for the same clips under each condition.
    """
    values = {model.name: [metrics_of(truth, model)] for model in clean}
    drops: dict[str, list[Metrics]] = {model.name: [] for model in clean}
    pairs = [(model, predictions) for model in clean for _, predictions in degraded]
    for model, predictions in track(pairs, "stress: intervals"):
        prediction = next(prediction for prediction in predictions if prediction.name == model.name)
        values[model.name].append(metrics_of(truth, prediction))
        drops[model.name].append(paired_differences(truth, model, prediction))
    conditions = [condition for condition, _ in degraded]
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
    canvas.legend(loc="outside upper left", ncols=LEGEND_COLUMNS)
