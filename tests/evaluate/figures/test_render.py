"""A figure is drawn once: as PNG in light colours, and as SVG in those of its page."""

import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from emoclr.evaluate.figures.figure import Figure
from emoclr.evaluate.figures.render import DPI, figure_png, figure_svg
from emoclr.evaluate.figures.theme import LIGHT

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas


def draw(canvas: "Canvas") -> None:
    axes = canvas.add_subplot()
    for number, colour in enumerate(LIGHT.series):
        axes.plot([0, 1], [0, number], "o-", color=colour)
    axes.set_title("<a> & b $\\frac{$")


def figure(name: str) -> Figure:
    return Figure(name, f'The "{name}" & others', "Read <it>.", draw, 2.0, 4.0)


def test_a_png_has_the_asked_size_and_the_same_bytes_every_time() -> None:
    content = figure_png(figure("a"))
    width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
    assert content.startswith(b"\x89PNG") and (width, height) == (4 * DPI, 2 * DPI)
    assert content == figure_png(figure("a"))


def test_a_drawing_is_whole_and_has_words_and_no_colours_of_its_own() -> None:
    svg = figure_svg(figure("a"))
    root = ET.fromstring(svg)
    assert root.get("aria-label") == 'The "a" & others. Read <it>.' and root.get("role") == "img"
    assert root.get("viewBox") and root.get("width") is None and root.get("height") is None
    assert "<a> & b $\\frac{$" in {text.text for text in root.iter("text")}
    assert not any(colour in svg for colour in LIGHT.variables().values())
    series = {"var(--accent)", *(f"var(--series-{place})" for place in range(1, len(LIGHT.series)))}
    assert series <= set(re.findall(r"var\([^)]*\)", svg))
    assert svg == figure_svg(figure("a"))


def test_no_two_drawings_of_a_page_share_a_name() -> None:
    ids = [re.findall(r' id="([^"]*)"', figure_svg(figure(name))) for name in "ab"]
    assert ids[0] and len(set(ids[0]) | set(ids[1])) == len(ids[0]) + len(ids[1])
    referred = re.findall(r'(?:href="#|url\(#)([^")]*)', figure_svg(figure("a")))
    assert referred and set(referred) <= set(ids[0])
