"""Figures as PNG files and as SVG inside of pages: the only place that makes matplotlib canvases."""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any

from emoclr.evaluate.figures.figure import Figure
from emoclr.evaluate.figures.fonts import fonts_of
from emoclr.evaluate.figures.theme import LIGHT

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

DPI = 200
FONT_SIZE = 11.0
STYLE: Any = {
    "font.size": FONT_SIZE,
    "text.parse_math": False,  # a name with dollar signs is a name
    "text.color": LIGHT.text,
    "axes.facecolor": LIGHT.card,
    "axes.edgecolor": LIGHT.line,
    "axes.labelcolor": LIGHT.muted,
    "axes.titlecolor": LIGHT.text,
    "axes.titlesize": FONT_SIZE,
    "axes.labelsize": FONT_SIZE,
    "xtick.labelsize": FONT_SIZE,
    "ytick.labelsize": FONT_SIZE,
    "legend.fontsize": FONT_SIZE,
    "axes.ymargin": 0.08,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "figure.facecolor": LIGHT.card,
    "legend.frameon": False,
    "legend.labelcolor": LIGHT.text,
    "xtick.color": LIGHT.muted,
    "ytick.color": LIGHT.line,
    "ytick.labelcolor": LIGHT.text,
    "grid.color": LIGHT.line,
    "grid.linewidth": 0.8,
}
"""matplotlib's settings (rcParams)."""


def figure_png(figure: Figure) -> bytes:
    """Returns a figure as PNG in light colours; the same figure gives the same bytes."""
    content = io.BytesIO()
    with _drawn(figure) as canvas:
        # Without the version of matplotlib in the file.
        canvas.savefig(content, format="png", dpi=DPI, metadata={"Software": None})
    return content.getvalue()


def figure_svg(figure: Figure) -> str:
    """Returns a figure as an SVG element in the colours and the font of the page that it is put into.

    One drawing serves light and dark screens and print; its words can be searched, and it is sharp at every size.
    """
    content = io.StringIO()
    with _drawn(figure) as canvas:
        # The card of the page lies behind it.
        for patch in (canvas.patch, *(axes.patch for axes in canvas.axes)):
            patch.set_visible(False)
        canvas.savefig(content, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    drawing = content.getvalue()
    drawing = drawing[drawing.index("<svg ") :]
    drawing = re.sub(r' xmlns(:\w+)?="[^"]*"| version="[^"]*"|<metadata>.*?</metadata>', "", drawing, flags=re.DOTALL)
    drawing = drawing.replace("xlink:href=", "href=")
    drawing = re.sub(r'<svg (height|width)="[^"]*"([^>]*?) (width|height)="[^"]*"', r"<svg\2", drawing, count=1)
    # Names of groups come again in every figure, and nothing refers to them.
    drawing = drawing.replace('<g id="', '<g class="')
    for variable, colour in LIGHT.variables().items():
        drawing = drawing.replace(colour, f"var({variable})")
    return drawing.replace("<svg", f'<svg role="img" aria-label="{escape(figure.description)}"', 1)


@contextmanager
def _drawn(figure: Figure) -> Iterator["Canvas"]:
    """Yields the matplotlib figure with everything drawn, while its settings are in force."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas
    from matplotlib.text import Text

    # Words stay words, and names of shapes are the same every time and others in every figure.
    of_svg = {"svg.fonttype": "none", "svg.hashsalt": figure.description}

    def draw() -> Canvas:
        canvas = Canvas(figsize=(figure.width_in, figure.height_in), layout="constrained")
        FigureCanvasAgg(canvas)
        figure.draw(canvas)
        return canvas

    with mpl.rc_context(STYLE | of_svg), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # the report tells it once, of all its figures
        canvas = draw()
        families = fonts_of(found.get_text() for found in canvas.findobj(Text))
        if len(families) > 1:
            # Words take their font when they are made.
            with mpl.rc_context({"font.family": families}):
                canvas = draw()
        yield canvas
