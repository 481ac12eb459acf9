"""The figures of a pretraining report: curves and maps as SVG in the page's own colours, views as small pictures."""

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from emoclr.evaluate.figures.figure import Figure
from emoclr.evaluate.figures.spectrograms import channel_ranges, channels_png, shade_channels
from emoclr.evaluate.figures.theme import LIGHT
from emoclr.pretrain.report.run_state import BackboneState, MapPoint

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

MIN_POINTS, MAX_POINTS = 3, 250
"""Points of a curve: fewer are numbers, which the table has."""
WIDTH_IN, HEIGHT_IN = 4.4, 2.7
MAP_WIDTH_IN, MAP_HEIGHT_IN = 4.4, 3.2


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
        "functionals_loss",
        "Loss of functionals",
        "Smooth L1 of standardised functionals of the clean crop; about 0.4 where nothing is learned of them.",
        from_zero=True,
    ),
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
        "linear_auroc", "Emotions, linear probe", "Macro AUROC of the linear probe on other speakers.", monitored=True
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
    """Returns a figure for each metric that some backbone has a few records of, all backbones in each."""
    figures = []
    for curve in (*CURVES, *MONITOR_CURVES):
        lines = [_line(state, curve) for state in states]
        if max(len(steps) for steps, _ in lines) >= MIN_POINTS:
            ends = ", ".join(
                f"{state.name} {values[-1]:.3g}"
                for state, (_, values) in zip(states, lines, strict=True)
                if len(values)
            )
            draw = partial(_draw_curve, states, lines, curve)
            alt = f"{curve.title} at the end: {ends}."
            figures.append(Figure(curve.column, curve.title, curve.caption, draw, HEIGHT_IN, WIDTH_IN, alt))
    return figures


def map_figures(points: Sequence[MapPoint]) -> list[Figure]:
    """Returns a backbone's map coloured by emotion and, where speakers are known, by speaker."""
    emotions = sorted({point.emotion for point in points})
    speakers = sorted({point.speaker for point in points})
    of_emotions = [point.emotion for point in points]
    shown = [("map_emotions", emotions, of_emotions, "Strongest emotion", emotion_colours(emotions))]
    if len(speakers) > 1:
        told = f"{len(speakers)} speakers, a colour each"
        of_speakers = [point.speaker for point in points]
        shown.append(("map_speakers", speakers, of_speakers, told, _hues(len(speakers))))
    figures = []
    for name, names, of_points, title, colours in shown:
        codes = np.searchsorted(np.array(names), np.array(of_points))
        draw = partial(_draw_map, points, [colours[code] for code in codes])
        caption, alt = f"{len(points)} held-out clips.", f"{title}. Neighbours on the plane sound alike."
        figures.append(Figure(name, title, caption, draw, MAP_HEIGHT_IN, MAP_WIDTH_IN, alt))
    return figures


def emotion_colours(emotions: Sequence[str]) -> list[str]:
    """Returns a colour for each emotion, of the page's own as long as they suffice."""
    return list(LIGHT.series[: len(emotions)]) if len(emotions) <= len(LIGHT.series) else _hues(len(emotions))


def view_pictures(images: NDArray[np.float32]) -> list[list[list[bytes]]]:
    """Returns PNGs of views (clips, V, 3, bands, frames), by clip, view and channel.

    Loud is bright, one scale for all views of a clip; masked parts are clear.
    """
    return [
        [[channels_png(channel[None]) for channel in view] for view in shade_channels(clip, channel_ranges(clip))]
        for clip in images
    ]


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
    canvas: "Canvas",
) -> None:
    from matplotlib.ticker import MaxNLocator

    axes = canvas.add_subplot()
    for place, (steps, values) in enumerate(lines):
        colour = LIGHT.series[place % len(LIGHT.series)]
        style = "-" if place < len(LIGHT.series) else "--"
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
    axes.margins(x=0.02, y=0.1)
    if curve.from_zero:
        axes.set_ylim(bottom=0)


def _draw_map(points: Sequence[MapPoint], colours: list[str], canvas: "Canvas") -> None:
    axes = canvas.add_subplot()
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
