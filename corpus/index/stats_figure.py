"""A corpus in one picture: durations, levels, rates, and where there are labels those too."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.files import write_atomically
from emoclr.corpus.index.stats import Labels, Overview
from emoclr.evaluate.figures.figure import Figure
from emoclr.evaluate.figures.render import figure_png
from emoclr.evaluate.figures.theme import LIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure as Canvas

_PANEL_IN = (4.2, 3.2)
_BINS = 60
_MIN_DB = -90.0
_SHOWN = 10
_MIN_BARS = 5
_TICKS_S = (0.01, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 300, 3600)
_FINE_TICKS_S = (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4, 5, 7, 10, 15, 20, 30, 60, 120, 300, 600, 1800, 3600)
_Draw = Callable[["Axes"], None]


def draw_overview(overview: Overview, path: Path) -> None:
    """Writes the picture as PNG, atomically.

    Raises:
        EmoclrError: it cannot be written.
    """
    panels = _panels(overview)
    columns = 2 if len(panels) <= 4 else 3
    rows = -(-len(panels) // columns)
    hours = overview.durations_s.sum() / 3600
    # Letters in a name that no font has, or that are no text, must not keep the picture from being drawn.
    name = overview.source.name.encode("ascii", "replace").decode()
    title = f"{name}: {len(overview.durations_s):,} clips, {hours:,.2f} h"
    figure = Figure(
        name="stats",
        title=title,
        caption="",
        draw=partial(_draw_panels, title, panels, (rows, columns)),
        height_in=rows * _PANEL_IN[1],
        width_in=columns * _PANEL_IN[0],
    )
    write_atomically(path, partial(Path.write_bytes, data=figure_png(figure)))


def _draw_panels(title: str, panels: list[_Draw], shape: tuple[int, int], canvas: "Canvas") -> None:
    canvas.suptitle(title, x=0.01, ha="left", fontsize=12)
    for place, draw in enumerate(panels, start=1):
        axes = canvas.add_subplot(*shape, place)
        axes.grid(visible=True)
        axes.tick_params(axis="y", labelcolor=LIGHT.muted)
        draw(axes)


def _panels(overview: Overview) -> list[_Draw]:
    rates = Counter({f"{rate / 1000:g} kHz": count for rate, count in overview.rates.items()})
    panels: list[_Draw] = [
        lambda axes: _draw_durations(axes, overview.durations_s),
        lambda axes: _draw_levels(axes, overview),
        lambda axes: _draw_counts(axes, "Sample rates, recordings", rates),
    ]
    labels = overview.labels
    if labels is None:
        return [*panels, lambda axes: _draw_counts(axes, "Endings, recordings", overview.formats)]
    panels.append(lambda axes: _draw_emotions(axes, labels))
    panels.append(lambda axes: _draw_emotions_a_clip(axes, labels))
    people = labels.clips_per_speaker
    if people is not None:
        panels.append(lambda axes: _draw_speakers(axes, people))
    return panels


def _draw_durations(axes: "Axes", durations_s: NDArray[np.float64]) -> None:
    from matplotlib.ticker import FuncFormatter

    axes.set_title("Durations, clips", loc="left")
    axes.set_xlabel("s")
    seconds = durations_s[durations_s > 0]
    if len(seconds):
        low, high = seconds.min() * 0.95, seconds.max() * 1.05
        _count_along(axes.yaxis)
        axes.hist(seconds, np.geomspace(low, high, _BINS).tolist(), color=LIGHT.accent)
        axes.set_xscale("log")
        # A decade or less has no round power of ten inside, which are the only ticks that a log scale names.
        ticks = _FINE_TICKS_S if high < 10 * low else _TICKS_S
        wanted = [tick for tick in ticks if low <= tick <= high]
        if len(wanted) > 1:
            axes.set_xticks(wanted)
            axes.minorticks_off()
        axes.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:g}"))


def _draw_levels(axes: "Axes", overview: Overview) -> None:
    axes.set_title("Levels, recordings", loc="left")
    axes.set_xlabel("dBFS")
    rms, peak = (np.maximum(values, _MIN_DB) for values in (overview.rms_db, overview.peak_db))
    lowest = min(_floor(rms), _floor(peak))
    bins = np.linspace(lowest, 0.0, _BINS).tolist()
    axes.hist(peak, bins, color=LIGHT.soft, label="peak")
    axes.hist(rms, bins, color=LIGHT.accent, label="RMS", alpha=0.85)
    axes.set_xlim(lowest, 0.5)
    _count_along(axes.yaxis)
    axes.legend(loc="upper left")
    silent = int(np.isneginf(overview.peak_db).sum())
    if silent:
        axes.set_xlabel(f"dBFS ({silent:,} of digital silence at the left edge)")


def _floor(values: NDArray[np.float64]) -> float:
    return float(np.floor(values.min() / 10) * 10) if len(values) else -60.0


def _draw_counts(axes: "Axes", title: str, counts: Counter[str]) -> None:
    shown = counts.most_common(_SHOWN)
    rest = counts.total() - sum(count for _, count in shown)
    _draw_bars(axes, title, [*shown, *([("others", rest)] if rest else [])])


def _draw_emotions(axes: "Axes", labels: Labels) -> None:
    counts = labels.positive.sum(axis=0)
    bars = [(labels.emotions[place], int(counts[place])) for place in np.argsort(-counts, kind="stable")]
    _draw_bars(axes, f"Emotions, clips with a share from {labels.positive_share:g} on", bars)


def _draw_bars(axes: "Axes", title: str, bars: list[tuple[str, int]]) -> None:
    axes.set_title(title, loc="left")
    places = np.arange(len(bars))
    axes.barh(places, [count for _, count in bars], height=0.7, color=LIGHT.accent)
    # Many names are small; beyond this they could not be read at all.
    axes.set_yticks(places, [name for name, _ in bars], fontsize=9 if len(bars) <= 12 else 5)
    axes.tick_params(axis="y", length=0, labelcolor=LIGHT.text)
    axes.grid(visible=False, axis="y")
    axes.set_ylim(max(len(bars), _MIN_BARS) - 0.5, -0.5)
    _count_along(axes.xaxis)


def _draw_emotions_a_clip(axes: "Axes", labels: Labels) -> None:
    counts = np.bincount(labels.positive.sum(axis=1))
    axes.set_title("Emotions a clip, clips", loc="left")
    axes.bar(np.arange(len(counts)), counts, width=0.7, color=LIGHT.accent)
    axes.set_xticks(np.arange(len(counts)))
    _count_along(axes.yaxis)
    axes.grid(visible=False, axis="x")


def _draw_speakers(axes: "Axes", clips_per_speaker: NDArray[np.int64]) -> None:
    axes.set_title(f"Clips of each of {len(clips_per_speaker):,} speakers", loc="left")
    axes.set_xlabel("speakers, most clips first")
    axes.fill_between(
        np.arange(len(clips_per_speaker)), np.sort(clips_per_speaker)[::-1], color=LIGHT.accent, step="mid", linewidth=0
    )
    axes.set_ylim(bottom=0)
    _count_along(axes.yaxis)


def _count_along(axis: "Axis") -> None:
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10], integer=True))
    axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
