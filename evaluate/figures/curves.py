"""Precision-recall and ROC curves of each emotion, one small chart an emotion."""

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from emoclr.evaluate.figures.figure import WIDTH_IN, Figure
from emoclr.evaluate.figures.theme import LIGHT
from emoclr.evaluate.metrics.arrays import Array
from emoclr.evaluate.scores import EmotionRow, Scores

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

Mask = npt.NDArray[np.bool_]

MAX_COLUMNS = 3
MAX_NAME_LENGTH = 16
"""Characters of a name above a chart."""


@dataclass(frozen=True)
class _Drawn:
    """An emotion with, of each scored clip, whether it carries it, its probability, and whether it was named."""

    row: EmotionRow
    positive: Mask
    probability: Array
    named: Mask


def curve_figures(scores: Scores) -> list[Figure]:
    """Returns the ROC and the precision-recall figure of the headline model; emotions without a curve are left out.

    An emotion has curves where some clips carry it and some do not.
    """
    named = scores.headline.probabilities >= scores.headline.thresholds
    drawn = [
        _Drawn(
            row,
            scores.truth.targets[:, place] >= scores.truth.positive_share,
            scores.headline.probabilities[:, place],
            named[:, place],
        )
        for place, row in enumerate(scores.emotions)
        if 0 < row.positives < len(scores.truth)
    ]
    if not drawn:
        return []
    columns = min(MAX_COLUMNS, len(drawn))
    rows = math.ceil(len(drawn) / columns)
    height_in = rows * (WIDTH_IN / columns + 0.12) + 0.4
    mark = "" if scores.truth.single_label else " The dot is where the thresholds lie."
    return [
        Figure(
            "precision_recall",
            "Precision and recall of each emotion",
            f"Model: {scores.headline.name}, with each emotion's average precision. Dashed: chance, the share of "
            f"clips with the emotion.{mark}",
            partial(_draw_grid, drawn, columns, "ap", ("recall", "precision")),
            height_in,
        ),
        Figure(
            "roc",
            "ROC of each emotion",
            f"Model: {scores.headline.name}, with each emotion's AUROC. Dashed: chance.{mark}",
            partial(_draw_grid, drawn, columns, "auroc", ("false positive rate", "true positive rate")),
            height_in,
        ),
    ]


def precision_recall_points(positive: Mask, probability: Array) -> tuple[Array, Array]:
    """Returns recall and precision at every probability that occurs, each (points,), from few clips named to all."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(positive, probability)
    return recall[::-1], precision[::-1]


def roc_points(positive: Mask, probability: Array) -> tuple[Array, Array]:
    """Returns false and true positive rate, each (points,), from no clip named to all; points on a line left out."""
    from sklearn.metrics import roc_curve

    false_rate, true_rate, _ = roc_curve(positive, probability)
    return false_rate, true_rate


def _draw_grid(drawn: list[_Drawn], columns: int, metric: str, labels: tuple[str, str], canvas: "Canvas") -> None:
    rows = math.ceil(len(drawn) / columns)
    grid = canvas.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axes, one in zip(grid.flat, drawn, strict=False):
        _draw_emotion(axes, one, metric)
    for place in range(len(drawn), rows * columns):
        grid.flat[place].set_visible(False)
        # The chart above an empty place is the last of its column.
        grid.flat[place - columns].tick_params(labelbottom=True)
    canvas.supxlabel(labels[0], fontsize=11, color=LIGHT.muted)
    canvas.supylabel(labels[1], fontsize=11, color=LIGHT.muted)


def _draw_emotion(axes: "Axes", one: _Drawn, metric: str) -> None:
    row = one.row
    if metric == "ap":
        across, up = precision_recall_points(one.positive, one.probability)
        axes.plot([0, 1], [one.positive.mean()] * 2, color=LIGHT.muted, linewidth=1, linestyle=(0, (4, 3)))
    else:
        across, up = roc_points(one.positive, one.probability)
        axes.plot([0, 1], [0, 1], color=LIGHT.muted, linewidth=1, linestyle=(0, (4, 3)))
    # Precision holds until the next clip is named: a straight line between points would promise too much.
    axes.plot(across, up, color=LIGHT.accent, linewidth=1.3, drawstyle="steps-pre" if metric == "ap" else "default")
    if row.threshold is not None and one.named.any():
        recall = row.metrics["recall"].value
        point = (
            (recall, row.metrics["precision"].value) if metric == "ap" else (one.named[~one.positive].mean(), recall)
        )
        axes.plot(*point, "o", markersize=5.5, color=LIGHT.accent, markeredgecolor=LIGHT.card)
    name = row.name if len(row.name) <= MAX_NAME_LENGTH else f"{row.name[: MAX_NAME_LENGTH - 1]}…"
    axes.set_title(name, loc="left", pad=3)
    value = row.metrics[metric].value
    # Beside the curve: only a low precision-recall curve leaves the upper corner free.
    low = metric == "ap" and value < 0.6
    place, side = (0.05, "left") if metric == "ap" and not low else (0.95, "right")
    axes.text(place, 0.84 if low else 0.06, f"{value:.2f}", ha=side, color=LIGHT.text)
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.06), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1], aspect="equal")
    axes.set_xticklabels(["0", ".5", "1"])
    axes.set_yticklabels(["0", ".5", "1"])
    axes.tick_params(labelcolor=LIGHT.muted, length=0)
    axes.grid(visible=True)
