"""The figure that carries a report: the headline model among what it is compared with, by value, with intervals."""

from collections.abc import Sequence
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
class ToldRow:
    """What a row of the figure tells.

    Attributes:
        name: of the row.
        found: its value.
        baseline: whether it is what models are compared with.
        headline: whether it is the model that the page is about.
    """

    name: str
    found: Measure
    baseline: bool
    headline: bool


@dataclass(frozen=True)
class ForestRow(ToldRow):
    """A row of the figure with its places, in percent of the scale's length.

    Attributes:
        at: place of the value.
        low: place of the lower end of the interval, that of the value where there is none.
        high: place of the upper end.
    """

    at: float
    low: float
    high: float


@dataclass(frozen=True)
class Forest:
    """The rows of the figure, and a mark that they are seen against: its value, and its place if it is on the scale."""

    rows: list[ForestRow]
    mark: float | None
    mark_at: float | None


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
    told = [ToldRow(row.name, row.metrics[metric], row not in scores.models, row is headline) for row in shown]
    return laid_out(told, chance)


def laid_out(told: Sequence[ToldRow], mark: float | None, *, with_mark: bool = False) -> Forest:
    """Returns rows with their places on one scale, and that of a mark where it lies on the scale.

    Args:
        told: the rows, in the order in which they are shown.
        mark: what values are seen against, such as chance.
        with_mark: whether the scale reaches as far as the mark in any case.

    Examples:
        >>> forest = laid_out([ToldRow("b", Measure(0.5, 0.25, 0.75), False, True)], 0.0, with_mark=True)
        >>> forest.mark_at, forest.rows[0].low, forest.rows[0].high
        (4.0, 34.67, 96.0)
    """
    ends = [end for row in told for end in (row.found.value, row.found.low, row.found.high) if not np.isnan(end)]
    if with_mark and mark is not None:
        ends.append(mark)
    lowest, highest = (min(ends), max(ends)) if ends else (0.0, 1.0)
    span = (highest - lowest) or 1.0

    def place(number: float, otherwise: float) -> float:
        number = otherwise if np.isnan(number) else number
        return round(100 * ((number - lowest) / span * (1 - 2 * MARGIN) + MARGIN), 2)

    rows = [
        ForestRow(
            name=row.name,
            found=row.found,
            baseline=row.baseline,
            headline=row.headline,
            at=place(row.found.value, row.found.value),
            low=place(row.found.low, row.found.value),
            high=place(row.found.high, row.found.value),
        )
        for row in told
    ]
    at = None if mark is None or np.isnan(mark) else place(mark, mark)
    return Forest(rows, mark, at if at is not None and 0 <= at <= 100 else None)


def forest_figure(scores: Scores) -> Figure:
    """Returns the figure as a picture beside the page, which has it as a table."""
    label = METRICS[scores.truth.headline[0]].label
    forest = forest_of(scores)
    return Figure(
        "models",
        f"Models and baselines: {label}",
        "Dots are values, lines 95 % intervals over speakers; baselines are hollow, the headline model is bold."
        + (f" Chance is {forest.mark:.3f}." if forest.mark is not None else ""),
        partial(_draw, forest, label),
        ROW_IN * len(forest.rows) + 0.75,
    )


def _draw(forest: Forest, label: str, canvas: "Canvas") -> None:
    axes, rows = canvas.add_subplot(), forest.rows
    if forest.mark_at is not None and forest.mark is not None:
        axes.axvline(forest.mark, color=LIGHT.muted, linewidth=1, linestyle=":")
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
