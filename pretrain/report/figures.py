"""The figures of a pretraining report: curves and maps as SVG in the page's own colours, views as small pictures."""

import colorsys
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from emoclr.evaluate.report.page import LIGHT, data_url, figure_style
from emoclr.pretrain.report.run_state import BackboneState, MapPoint

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CHANNELS = ("mel", "chroma", "STFT")
COLOURS = ("#1f6f8b", "#c4622d", "#4f7f3a", "#8a4f9e", "#b03a55", "#6b6f1f", "#3f5fae", "#7a5a3c")
"""Of light pages; the template has their counterparts on dark ones as `--c0` to `--c7`."""
MAX_POINTS = 250
SIZE_IN = (5.2, 2.9)
MAP_IN = (4.6, 3.2)


@dataclass(frozen=True)
class Figure:
    """A figure: what it shows, and the drawing as SVG that stands in the page itself."""

    title: str
    caption: str
    svg: str


@dataclass(frozen=True)
class Curve:
    """A column of `metrics.csv` or `monitor.csv` over steps; `from_zero` keeps small changes from looking large."""

    column: str
    title: str
    caption: str
    monitored: bool = False
    from_zero: bool = False


CURVES = (
    Curve("loss", "Loss", "Of the objective; not comparable between objectives or batch sizes."),
    Curve(
        "contrastive_accuracy",
        "Contrastive accuracy",
        "Share of views whose nearest neighbour in the batch is their twin. Near 1 early, the task is too easy.",
        from_zero=True,
    ),
    Curve(
        "embedding_std",
        "Spread",
        "Deviation of normalised projections times √d: near 1 is healthy, near 0 is collapse.",
        from_zero=True,
    ),
    Curve(
        "effective_rank",
        "Effective rank",
        "How many directions the projections use; under 1.5 is collapse.",
        from_zero=True,
    ),
    Curve("learning_rate", "Learning rate", "As the optimiser had it."),
    Curve(
        "views_per_s",
        "Views a second",
        "Of all ranks; looks of the monitor and saves are left out.",
        from_zero=True,
    ),
)
MONITOR_CURVES = (
    Curve(
        "linear_auroc", "Emotions, linear probe", "Macro AUROC of a ridge regression on other speakers.", monitored=True
    ),
    Curve("knn_auroc", "Emotions, neighbours", "Macro AUROC of the 20 nearest neighbours' shares.", monitored=True),
    Curve(
        "speaker_accuracy",
        "Speakers, linear probe",
        "Share of clips whose speaker is named; dotted is chance. What rises here is voice, not feeling.",
        monitored=True,
    ),
)


def curve_figures(states: Sequence[BackboneState]) -> list[Figure]:
    """Returns a figure for each metric that some backbone has records of, all backbones in each."""
    figures = []
    for curve in (*CURVES, *MONITOR_CURVES):
        lines = [_line(state, curve) for state in states]
        if any(len(steps) for steps, _ in lines):
            ends = ", ".join(
                f"{state.name} {values[-1]:.3g}"
                for state, (_, values) in zip(states, lines, strict=True)
                if len(values)
            )
            draw = partial(_draw_curve, states, lines, curve)
            figures.append(
                Figure(curve.title, curve.caption, _svg(draw, SIZE_IN, f"{curve.title} at the end: {ends}."))
            )
    return figures


def map_figures(points: Sequence[MapPoint]) -> list[Figure]:
    """Returns a backbone's map coloured by emotion and, where speakers are known, by speaker."""
    emotions = sorted({point.emotion for point in points})
    speakers = sorted({point.speaker for point in points})
    shown = [(emotions, [point.emotion for point in points], "Strongest emotion", emotion_colours(emotions))]
    if len(speakers) > 1:
        told = f"{len(speakers)} speakers, a colour each"
        shown.append((speakers, [point.speaker for point in points], told, _hues(len(speakers))))
    figures = []
    for names, of_points, title, colours in shown:
        codes = np.searchsorted(np.array(names), np.array(of_points))
        draw = partial(_draw_map, points, [colours[code] for code in codes])
        caption = f"{len(points)} held-out clips."
        figures.append(Figure(title, caption, _svg(draw, MAP_IN, f"{title}. Neighbours on the plane sound alike.")))
    return figures


def emotion_colours(emotions: Sequence[str]) -> list[str]:
    """Returns a colour for each emotion, of the page's own as long as they suffice."""
    return list(COLOURS[: len(emotions)]) if len(emotions) <= len(COLOURS) else _hues(len(emotions))


def view_pictures(images: NDArray[np.float32]) -> list[list[list[str]]]:
    """Returns the pictures of views (clips, V, 3, bands, frames) as addresses, by clip, view and channel.

    Loud is bright, one scale for both views of a clip; masked parts are left out.
    """
    import matplotlib as mpl

    pictures = []
    for clip in images:
        low, high = np.nanquantile(clip, 0.02, axis=(0, 2, 3)), np.nanmax(clip, axis=(0, 2, 3))
        rows = []
        for view in clip:
            scaled = (view - low[:, None, None]) / np.maximum(high - low, 1e-6)[:, None, None]
            rows.append([_png(mpl.colormaps["magma"](channel[::-1], bytes=True)) for channel in scaled])
        pictures.append(rows)
    return pictures


def _png(pixels: NDArray[np.uint8]) -> str:
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return data_url(content.getvalue())


def _line(state: BackboneState, curve: Curve) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns steps and values, means of neighbours where there are more than can be drawn."""
    rows = state.monitor if curve.monitored else state.rows
    found = np.array([(row["step"], row[curve.column]) for row in rows if curve.column in row], dtype=np.float64)
    found = found.reshape(-1, 2)
    found = found[np.isfinite(found).all(axis=1)]
    parts = np.array_split(found, min(len(found), MAX_POINTS)) if len(found) else []
    means = np.array([part.mean(axis=0) for part in parts]).reshape(-1, 2)
    if len(found):
        means[-1] = found[-1]  # the last value is the one the tables tell
    return means[:, 0], means[:, 1]


def _draw_curve(
    states: Sequence[BackboneState],
    lines: list[tuple[NDArray[np.float64], NDArray[np.float64]]],
    curve: Curve,
    axes: "Axes",
) -> None:
    from matplotlib.ticker import MaxNLocator

    for place, (steps, values) in enumerate(lines):
        colour = COLOURS[place % len(COLOURS)]
        style = "-" if place < len(COLOURS) else "--"
        axes.plot(
            steps, values, style, color=colour, linewidth=1.6, marker="o" if len(steps) < 12 else "", markersize=4
        )
    chances = [row["speaker_chance"] for state in states for row in state.monitor if "speaker_chance" in row]
    if curve.column == "speaker_accuracy" and np.isfinite(chances).any():
        axes.axhline(float(np.nanmean(chances)), color=LIGHT.muted, linewidth=1, linestyle=":")
    axes.set_xlabel("step")
    axes.grid(visible=True)
    axes.tick_params(length=0, labelcolor=LIGHT.muted)
    axes.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    axes.margins(x=0.02, y=0.08)
    if curve.from_zero:
        axes.set_ylim(bottom=0)


def _draw_map(points: Sequence[MapPoint], colours: list[str], axes: "Axes") -> None:
    axes.scatter(
        [p.x for p in points],
        [p.y for p in points],
        s=min(60, max(14, 6_000 / len(points))),
        c=colours,
        linewidths=0,
        alpha=0.85,
    )
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_aspect("equal", adjustable="datalim")
    axes.spines[:].set_visible(False)


def _hues(number: int) -> list[str]:
    """Returns colours of one lightness that show on light and on dark pages."""
    colours = [colorsys.hls_to_rgb(place / number, 0.52, 0.62) for place in range(number)]
    return ["#" + "".join(f"{round(255 * part):02x}" for part in colour) for colour in colours]


def _svg(draw: Callable[["Axes"], None], size_in: tuple[float, float], description: str) -> str:
    """Returns a drawing as SVG for the page, its colours replaced by the page's."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure as Canvas

    more = {"svg.fonttype": "none", "svg.hashsalt": description, "font.family": "sans-serif"}
    with mpl.rc_context(figure_style(LIGHT) | more):
        canvas = Canvas(figsize=size_in, layout="constrained")
        FigureCanvasSVG(canvas)
        canvas.patch.set_visible(False)
        axes = canvas.add_subplot()
        axes.patch.set_visible(False)
        draw(axes)
        content = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        canvas.savefig(content, format="svg", metadata=nothing)
    drawing = content.getvalue()
    drawing = drawing[drawing.index("<svg ") :]
    drawing = re.sub(r' xmlns(:\w+)?="[^"]*"| version="[^"]*"|<metadata>.*?</metadata>', "", drawing, flags=re.DOTALL)
    drawing = drawing.replace("xlink:href=", "href=")
    drawing = re.sub(r'<svg (height|width)="[^"]*"([^>]*?) (width|height)="[^"]*"', r"<svg\2", drawing, count=1)
    ours = {colour: f"var(--c{place})" for place, colour in enumerate(COLOURS)}
    ours |= {LIGHT.text: "var(--text)", LIGHT.muted: "var(--muted)", LIGHT.grid: "var(--line)"}
    for colour, variable in ours.items():
        drawing = drawing.replace(colour, variable)
    return drawing.replace("<svg", f'<svg role="img" aria-label="{description}"', 1)
