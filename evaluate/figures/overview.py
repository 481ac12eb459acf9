"""The figures that every report has, beside the one that carries it."""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from emoclr.evaluate.figures.curves import curve_figures
from emoclr.evaluate.figures.figure import ROW_IN, WIDTH_IN, Figure, name_rows
from emoclr.evaluate.figures.reliability import draw_reliability
from emoclr.evaluate.figures.theme import LIGHT
from emoclr.evaluate.metrics.arrays import Array
from emoclr.evaluate.metrics.intervals import Measure
from emoclr.evaluate.scores import Scores

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

MAX_NUMBERED_CELLS = 12


def report_figures(scores: Scores) -> list[Figure]:
    """Returns the figures of a report, in the order in which they are shown."""
    truth = scores.truth
    figures = []
    bars = (("auroc", "AUROC", "one half, which is chance"), ("ap", "Average precision", "0"))
    for name, title, origin in bars:
        mark = "" if name == "auroc" else " The mark is the share of positive clips, which is chance."
        figures.append(
            Figure(
                f"emotions_{name}",
                f"{title} of each emotion",
                f"Model: {scores.headline.name}. Bars start at {origin}; lines are 95 % intervals.{mark}",
                partial(_draw_emotions, scores, name),
                ROW_IN * len(truth.emotions) + 0.75,
            )
        )
    figures.append(
        Figure(
            "reliability",
            "Does a probability mean what it says?",
            f"Model: {scores.headline.name}. All emotions together (dots, larger for more clips) and each alone "
            "(thin lines). On the diagonal, probabilities are the shares that occur.",
            partial(_draw_reliability, scores),
            4.3,
        )
    )
    figures += curve_figures(scores)
    side = (0.42 if truth.single_label else 0.62) * len(truth.emotions) + 1.6
    title, caption = matrix_words(scores)
    figures.append(
        Figure(
            "confusion" if truth.single_label else "co_occurrence",
            title,
            caption,
            partial(_draw_matrix, list(truth.emotions), matrices_of(scores)),
            max(3.4, min(0.36 * len(truth.emotions) + 1.4, 14.0)),
            max(WIDTH_IN, min(side, 14.0)),
        )
    )
    return figures


def matrix_words(scores: Scores) -> tuple[str, str]:
    """Returns the title and the caption of `matrices_of`."""
    if scores.truth.single_label:
        return "What is taken for what", "Rows: labels. Columns: answers, in percent of the row."
    return (
        "Which emotions come together",
        "Of the clips with the row's emotion, how many percent also have the column's: by the labels on the left of a "
        "cell, as predicted on the right. Where both are alike, the model mixes what people mix.",
    )


def matrices_of(scores: Scores) -> list[Array]:
    """Returns what is taken for what, of single labels one matrix of shares; else co-occurrence in labels, predictions.

    Each is (emotions, emotions), shares of the row's clips, nan where it has none.
    """
    if scores.truth.single_label:
        return [_confusion(scores)]
    return [
        _together(scores.truth.targets >= scores.truth.positive_share),
        _together(scores.headline.probabilities >= scores.headline.thresholds),
    ]


def _draw_emotions(scores: Scores, metric: str, canvas: "Canvas") -> None:
    axes = canvas.add_subplot()
    origin = 0.5 if metric == "auroc" else 0.0
    for place, row in enumerate(scores.emotions):
        found = row.metrics[metric]
        axes.barh(place, found.value - origin, left=origin, height=0.62, color=LIGHT.soft)
        axes.plot([found.low, found.high], [place, place], color=LIGHT.accent, linewidth=2, solid_capstyle="round")
        axes.plot(found.value, place, "o", markersize=4, color=LIGHT.accent)
        if metric == "ap":
            share = row.positives / len(scores.truth)
            axes.plot([share, share], [place - 0.36, place + 0.36], color=LIGHT.muted, linewidth=1.5)
    name_rows(axes, [row.name for row in scores.emotions])
    lowest = min([origin, *(row.metrics[metric].low for row in scores.emotions if _known(row.metrics[metric]))])
    axes.set_xlim(lowest, 1.0)
    axes.set_xlabel("AUROC" if metric == "auroc" else "average precision")


def _draw_reliability(scores: Scores, canvas: "Canvas") -> None:
    draw_reliability(canvas.add_subplot(), scores.truth.targets, scores.headline.probabilities)


def _draw_matrix(names: list[str], matrices: list[Array], canvas: "Canvas") -> None:
    """Draws a matrix; of two, a cell is parted: the first one's on the left, the second one's on the right."""
    from matplotlib.colors import ListedColormap

    axes, n_names, n_parts = canvas.add_subplot(), len(names), len(matrices)
    shares = np.stack(matrices, axis=-1).reshape(n_names, n_names * n_parts)
    if n_parts > 1:  # with itself, an emotion always comes together
        shares[np.repeat(np.eye(n_names, dtype=np.bool_), n_parts, axis=1)] = np.nan
    # More or less of one colour over the card, so that the page's own colours can take their places.
    columns, rows = np.arange(n_names * n_parts + 1) / n_parts - 0.5, np.arange(n_names + 1) - 0.5
    alpha: Any = np.nan_to_num(shares)  # a number a cell, which matplotlib's types do not know of this method
    axes.pcolormesh(columns, rows, np.zeros_like(shares), cmap=ListedColormap([LIGHT.accent]), alpha=alpha)
    axes.vlines(rows, -0.5, n_names - 0.5, color=LIGHT.card, linewidth=3)
    axes.hlines(rows, -0.5, n_names - 0.5, color=LIGHT.card, linewidth=3)
    axes.set(ylim=(n_names - 0.5, -0.5), xlim=(-0.5, n_names - 0.5))
    axes.set_xticks(range(n_names), names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(n_names), names)
    axes.tick_params(length=0, labelcolor=LIGHT.text)
    axes.spines[:].set_visible(False)
    if n_names > MAX_NUMBERED_CELLS:
        return
    for (row, part), share in np.ndenumerate(shares):
        if not np.isnan(share):
            colour = LIGHT.card if share > 0.55 else LIGHT.text
            middle = (part + 0.5) / n_parts - 0.5
            axes.text(middle, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=9, color=colour)


def _known(found: Measure) -> bool:
    return not np.isnan(found.low)


def _confusion(scores: Scores) -> Array:
    n_emotions = len(scores.truth.emotions)
    counts = np.zeros((n_emotions, n_emotions))
    np.add.at(counts, (scores.truth.targets.argmax(1), scores.headline.probabilities.argmax(1)), 1)
    return _shares(counts, counts.sum(1))


def _together(present: "np.typing.NDArray[np.bool_]") -> Array:
    counts = present.T.astype(np.float64) @ present
    return _shares(counts, np.diag(counts))


def _shares(counts: Array, of: Array) -> Array:
    shares: Array = counts / np.where(of > 0, of, np.nan)[:, None]
    return shares
