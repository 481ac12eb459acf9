"""A figure of a report as data: what it is called, and how it is drawn. `render` makes files and pages of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

WIDTH_IN = 4.4
"""As wide as a phone: words of 11 points have 11 pixels there."""
ROW_IN = 0.32
"""Height of a named row of a chart."""


@dataclass(frozen=True)
class Figure:
    """A figure of a report.

    Attributes:
        name: of its PNG file, without the ending.
        title: above it.
        caption: how to read it, in a sentence or two.
        draw: draws it on an empty matplotlib figure, in the colours of `theme.LIGHT`: a page replaces them by its own.
        height_in: in inches.
        width_in: in inches.
        alt: what it shows, for who cannot see it; empty for title and caption.
    """

    name: str
    title: str
    caption: str
    draw: Callable[["Canvas"], None]
    height_in: float
    width_in: float = WIDTH_IN
    alt: str = ""

    @property
    def description(self) -> str:
        """What it shows, for who cannot see it."""
        return self.alt or f"{self.title}. {self.caption}"


def name_rows(axes: "Axes", names: Sequence[str]) -> None:
    """Names the rows of a chart, the first one on top."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(visible=True, axis="x")
