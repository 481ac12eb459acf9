"""The figures that every report has, beside the one that carries it."""

from functools import partial
from typing import TYPE_CHECKING

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
    if truth.single_label:
        title, caption = "What is taken for what", "Rows: labels. Columns: predictions, as a share of the row."
        matrices = [("", _confusion(scores))]
    else:
        title = "Which emotions come together"
        caption = "Of the clips with the row's emotion, the share that also has the column's: labels, then predictions."
        matrices = [
            ("labels", _together(truth.targets >= truth.positive_share)),
            ("predictions", _together(scores.headline.probabilities >= scores.headline.thresholds)),
        ]
    side = WIDTH_IN * 0.86 if len(matrices) == 1 else 0.42 * len(truth.emotions) * len(matrices) + 2.4
    figures.append(
        Figure(
            "confusion" if truth.single_label else "co_occurrence",
            title,
            caption,
            partial(_draw_matrices, list(truth.emotions), matrices),
            max(4.3, min(side, 14.0)),
        )
    )
    return figures


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


def _draw_matrices(names: list[str], matrices: list[tuple[str, Array]], canvas: "Canvas") -> None:
    from matplotlib.colors import ListedColormap

    accent = ListedColormap([LIGHT.accent])
    panels = canvas.subplots(len(matrices), 1, squeeze=False)[:, 0]
    for axes, (title, matrix) in zip(panels, matrices, strict=True):
        # More or less of one colour over the card, so that the page's own colours can take their places.
        edges = np.arange(len(names) + 1) - 0.5
        axes.pcolormesh(edges, edges, np.zeros_like(matrix), cmap=accent, alpha=np.nan_to_num(matrix))
        axes.set(aspect="equal", ylim=(len(names) - 0.5, -0.5))
        axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(names)), names)
        axes.tick_params(length=0, labelcolor=LIGHT.text, labelsize=9.5 if len(names) <= MAX_NUMBERED_CELLS else 6)
        axes.spines[:].set_visible(False)
        axes.set_title(title, loc="left")
        if len(names) > MAX_NUMBERED_CELLS:
            continue
        for (row, column), value in np.ndenumerate(matrix):
            shown = "–" if np.isnan(value) else f"{value:.2f}"
            colour = LIGHT.card if value > 0.55 else LIGHT.text
            axes.text(column, row, shown, ha="center", va="center", fontsize=8.5, color=colour)


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
