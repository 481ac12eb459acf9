"""How a figure of a report is drawn: twice, for light pages (and for the PNG files) and for dark ones."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emoclr.evaluate.report.page import DARK, LIGHT, Theme, figure_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

WIDTH_IN = 5.6
ROW_IN = 0.32
DPI = 200

Draw = Callable[["Canvas", Theme], None]


@dataclass(frozen=True)
class Figure:
    """A drawn figure: PNG bytes for either page, what it shows, and the same for who cannot see it."""

    name: str
    title: str
    caption: str
    light: bytes
    dark: bytes


def draw_figure(name: str, title: str, caption: str, height_in: float, draw: Draw) -> Figure:
    """Returns a figure of `WIDTH_IN` by `height_in`, drawn on a page of either theme."""
    return Figure(name, title, caption, _render(draw, LIGHT, height_in), _render(draw, DARK, height_in))


def name_rows(axes: "Axes", names: Sequence[str]) -> None:
    """Names the rows of a chart, the first one on top."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(visible=True, axis="x")


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
