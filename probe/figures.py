"""The figures of a report, each drawn twice: for light pages (and for the PNG files) and for dark ones."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from configs.pages import DARK, LIGHT, Theme, figure_style
from probe.metrics import ECE_BINS, Array, reliability
from probe.scores import Measure, Scores

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

WIDTH_IN = 5.6
ROW_IN = 0.32
DPI = 200
MOST_CELLS_WITH_NUMBERS = 12
FEWEST_CLIPS_OF_A_BIN = 5
METRIC_LABELS = {
    "macro_auroc": "macro AUROC",
    "map": "mAP",
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "ece": "ECE",
    "uar": "UAR",
    "wa": "WA",
}


Draw = Callable[["Canvas", Theme], None]


@dataclass(frozen=True)
class Figure:
    """A drawn figure: PNG bytes for either page, what it shows, and the same for who cannot see it."""

    name: str
    title: str
    caption: str
    light: bytes
    dark: bytes


def report_figures(scores: Scores) -> list[Figure]:
    """Returns the figures of a report, in the order in which they are shown."""
    truth = scores.truth
    compared = ("uar", "macro_auroc") if truth.single_label else ("macro_auroc", "map")
    figures = [
        _figure(
            f"models_{name}",
            f"Models and baselines: {METRIC_LABELS[name]}",
            "Dots are values, lines 95 % intervals over speakers; baselines are hollow.",
            ROW_IN * len(scores.rows) + 0.75,
            partial(_draw_models, scores, name),
        )
        for name in compared
    ]
    bars = (("auroc", "AUROC", "one half, which is chance"), ("ap", "Average precision", "0"))
    for name, title, origin in bars:
        mark = "" if name == "auroc" else " The mark is the share of positive clips, which is chance."
        figures.append(
            _figure(
                f"emotions_{name}",
                f"{title} of each emotion",
                f"Model: {scores.headline.name}. Bars start at {origin}; lines are 95 % intervals.{mark}",
                ROW_IN * len(truth.emotions) + 0.75,
                partial(_draw_emotions, scores, name),
            )
        )
    figures.append(
        _figure(
            "reliability",
            "Does a probability mean what it says?",
            f"Model: {scores.headline.name}. All emotions together (dots, larger for more clips) and each alone "
            "(thin lines). On the diagonal, probabilities are the shares that occur.",
            4.3,
            partial(_draw_reliability, scores),
        )
    )
    if truth.single_label:
        title, caption = "What is taken for what", "Rows: labels. Columns: answers, as a share of the row."
        matrices = [("", _confusion(scores))]
    else:
        title = "Which emotions come together"
        caption = "Of the clips with the row's emotion, the share that also has the column's: labels, then answers."
        matrices = [
            ("labels", _together(truth.targets >= truth.positive_share)),
            ("answers", _together(scores.headline.probabilities >= scores.headline.thresholds)),
        ]
    side = WIDTH_IN * 0.86 if len(matrices) == 1 else 0.42 * len(truth.emotions) * len(matrices) + 2.4
    figures.append(
        _figure(
            "confusion" if truth.single_label else "co_occurrence",
            title,
            caption,
            max(4.3, min(side, 14.0)),
            partial(_draw_matrices, list(truth.emotions), matrices),
        )
    )
    return figures


def _figure(name: str, title: str, caption: str, height_in: float, draw: Draw) -> Figure:
    return Figure(name, title, caption, _render(draw, LIGHT, height_in), _render(draw, DARK, height_in))


def _render(draw: Draw, theme: Theme, height_in: float) -> bytes:
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    with mpl.rc_context(figure_style(theme)):
        canvas = Canvas(figsize=(WIDTH_IN, height_in), facecolor=theme.card, layout="constrained")
        FigureCanvasAgg(canvas)
        draw(canvas, theme)
        content = io.BytesIO()
        # Without the version in the file, the same numbers give the same bytes.
        canvas.savefig(content, format="png", dpi=DPI, metadata={"Software": None})
    return content.getvalue()


def _draw_models(scores: Scores, metric: str, canvas: "Canvas", theme: Theme) -> None:
    axes = canvas.add_subplot()
    rows = scores.rows
    for place, row in enumerate(rows):
        found = row.metrics[metric]
        is_model = place < len(scores.models)
        colour = theme.accent if is_model else theme.baseline
        axes.plot([found.low, found.high], [place, place], color=colour, linewidth=2, solid_capstyle="round")
        axes.plot(
            found.value,
            place,
            "o",
            markersize=7,
            color=colour,
            markerfacecolor=colour if is_model else theme.card,
        )
    if scores.baselines and scores.models:
        axes.axhline(len(scores.models) - 0.5, color=theme.grid, linewidth=0.8)
    _name_rows(axes, [row.name for row in rows])
    axes.set_xlabel(METRIC_LABELS[metric])


def _draw_emotions(scores: Scores, metric: str, canvas: "Canvas", theme: Theme) -> None:
    axes = canvas.add_subplot()
    origin = 0.5 if metric == "auroc" else 0.0
    for place, row in enumerate(scores.emotions):
        found = row.metrics[metric]
        axes.barh(place, found.value - origin, left=origin, height=0.62, color=theme.soft)
        axes.plot([found.low, found.high], [place, place], color=theme.accent, linewidth=2, solid_capstyle="round")
        axes.plot(found.value, place, "o", markersize=4, color=theme.accent)
        if metric == "ap":
            share = row.positives / len(scores.truth)
            axes.plot([share, share], [place - 0.36, place + 0.36], color=theme.muted, linewidth=1.5)
    _name_rows(axes, [row.name for row in scores.emotions])
    lowest = min([origin, *(row.metrics[metric].low for row in scores.emotions if _known(row.metrics[metric]))])
    axes.set_xlim(lowest, 1.0)
    axes.set_xlabel("AUROC" if metric == "auroc" else "average precision")


def _draw_reliability(scores: Scores, canvas: "Canvas", theme: Theme) -> None:
    targets, probabilities = scores.truth.targets, scores.headline.probabilities
    axes = canvas.add_subplot()
    axes.plot([0, 1], [0, 1], color=theme.muted, linewidth=1, linestyle=(0, (4, 3)))
    for emotion in range(targets.shape[1]):
        said, heard, counts = reliability(targets[:, emotion], probabilities[:, emotion])
        enough = counts >= FEWEST_CLIPS_OF_A_BIN
        axes.plot(said[enough], heard[enough], color=theme.soft, linewidth=1)
    said, heard, counts = reliability(targets, probabilities)
    filled = counts >= FEWEST_CLIPS_OF_A_BIN
    axes.plot(said[filled], heard[filled], color=theme.accent, linewidth=1.5)
    sizes = 12 + 160 * np.sqrt(counts[filled] / max(counts.max(), 1))
    axes.scatter(said[filled], heard[filled], s=sizes, color=theme.accent, edgecolor=theme.card, zorder=3)
    axes.set(
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
        xlabel=f"probability ({ECE_BINS} bins)",
        ylabel="share of clips",
    )
    axes.tick_params(axis="y", labelcolor=theme.muted)
    axes.grid(visible=True)
    axes.set_aspect("equal")


def _draw_matrices(names: list[str], matrices: list[tuple[str, Array]], canvas: "Canvas", theme: Theme) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("shades", [theme.card, theme.accent])
    panels = canvas.subplots(len(matrices), 1, squeeze=False)[:, 0]
    for axes, (title, matrix) in zip(panels, matrices, strict=True):
        axes.imshow(np.nan_to_num(matrix), cmap=shades, vmin=0, vmax=1)
        axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(names)), names)
        axes.tick_params(length=0, labelcolor=theme.text, labelsize=9.5 if len(names) <= MOST_CELLS_WITH_NUMBERS else 6)
        axes.spines[:].set_visible(False)
        axes.set_title(title, loc="left")
        if len(names) > MOST_CELLS_WITH_NUMBERS:
            continue
        for (row, column), value in np.ndenumerate(matrix):
            on_dark = (value > 0.55) == (theme is LIGHT)
            shown = "–" if np.isnan(value) else f"{value:.2f}"
            colour = "#ffffff" if on_dark else "#10151a"
            axes.text(column, row, shown, ha="center", va="center", fontsize=8.5, color=colour)


def _name_rows(axes: "Axes", names: list[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(visible=True, axis="x")


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
