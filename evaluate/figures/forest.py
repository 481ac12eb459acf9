"""The figure that carries a report: the headline model among what it is compared with, by value, with intervals."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from emoclr.evaluate.figures.figure import ROW_IN, Figure, name_rows
from emoclr.evaluate.figures.theme import LIGHT
from emoclr.evaluate.metrics.intervals import Measure
from emoclr.evaluate.metrics.registry import METRICS
from emoclr.evaluate.paired import rivals_of
from emoclr.evaluate.scores import CHANCE, Row, Scores

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

MAX_ROWS = 8
MARGIN = 0.04
"""Room at both ends of the scale, as a share of it."""


@dataclass(frozen=True)
class ForestRow:
    """A row of the figure; places are in percent of the scale's length.

    Attributes:
        name: of the row.
        found: its value.
        baseline: whether it is what models are compared with.
        headline: whether it is the model that the report is about.
        at: place of the value.
        low: place of the lower end of the interval, that of the value where there is none.
        high: place of the upper end.
    """

    name: str
    found: Measure
    baseline: bool
    headline: bool
    at: float
    low: float
    high: float


@dataclass(frozen=True)
class Forest:
    """The rows of the figure, and what chance is: its value, and its place where that is on the scale."""

    rows: list[ForestRow]
    chance: float | None
    chance_at: float | None


def forest_of(scores: Scores) -> Forest:
    """Returns at most `MAX_ROWS` rows, the highest value first: the headline model, the best other, rivals, the rest.

    Examples:
        >>> from emoclr.evaluate import Prediction, Truth, score_all
        >>> targets = np.array([[1.0], [0.0], [1.0], [0.0]])
        >>> truth = Truth(["joy"], targets, ["anna", "anna", "ben", "ben"])
        >>> guess = [Prediction(name, abs(targets - error), np.array([0.5])) for name, error in (("b", 1), ("a", 0))]
        >>> [(row.name, row.found.value, row.headline) for row in forest_of(score_all(truth, guess)).rows]
        [('a', 1.0, False), ('b', 0.0, True)]
    """
    metric = scores.truth.headline[0]

    def value(row: Row) -> float:
        return row.metrics[metric].value

    headline, *others = scores.models
    chance = next((value(row) for row in scores.baselines if row.name == CHANCE), None)
    ranked = sorted(others, key=value, reverse=True)
    chosen = [headline, *ranked[:1], *rivals_of(scores), *ranked[1:]]
    shown = sorted([row for row in chosen if not np.isnan(value(row))][:MAX_ROWS], key=value, reverse=True)
    ends = [[found.value, found.low, found.high] for found in (row.metrics[metric] for row in shown)]
    lowest, highest = (float(end) for end in (np.nanmin(ends or [[0]]), np.nanmax(ends or [[1]])))
    span = (highest - lowest) or 1.0

    def place(number: float, otherwise: float) -> float:
        number = otherwise if np.isnan(number) else number
        return round(100 * ((number - lowest) / span * (1 - 2 * MARGIN) + MARGIN), 2)

    rows = [
        ForestRow(
            name=row.name,
            found=found,
            baseline=row not in scores.models,
            headline=row is headline,
            at=place(found.value, found.value),
            low=place(found.low, found.value),
            high=place(found.high, found.value),
        )
        for row, found in ((row, row.metrics[metric]) for row in shown)
    ]
    at = None if chance is None or np.isnan(chance) else place(chance, chance)
    return Forest(rows, chance, at if at is not None and 0 <= at <= 100 else None)


def forest_figure(scores: Scores) -> Figure:
    """Returns the figure as a picture beside the page, which has it as a table."""
    label = METRICS[scores.truth.headline[0]].label
    forest = forest_of(scores)
    return Figure(
        "models",
        f"Models and baselines: {label}",
        "Dots are values, lines 95 % intervals over speakers; baselines are hollow, the headline model is bold."
        + (f" Chance is {forest.chance:.3f}." if forest.chance is not None else ""),
        partial(_draw, forest, label),
        ROW_IN * len(forest.rows) + 0.75,
    )


def _draw(forest: Forest, label: str, canvas: "Canvas") -> None:
    axes, rows = canvas.add_subplot(), forest.rows
    if forest.chance_at is not None and forest.chance is not None:
        axes.axvline(forest.chance, color=LIGHT.muted, linewidth=1, linestyle=":")
    for place, row in enumerate(rows):
        colour = LIGHT.baseline if row.baseline else LIGHT.accent
        low, high = row.found.low, row.found.high
        axes.plot([low, high], [place, place], color=colour, linewidth=2, solid_capstyle="round")
        face = LIGHT.card if row.baseline else colour
        axes.plot(row.found.value, place, "o", markersize=7, color=colour, markerfacecolor=face)
    name_rows(axes, [row.name for row in rows])
    for words, row in zip(axes.get_yticklabels(), rows, strict=True):
        words.set_fontweight("bold" if row.headline else "normal")
    axes.set_xlabel(label)
