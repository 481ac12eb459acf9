"""Words of any script are drawn with the fonts that are installed, and what no font has is told."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from matplotlib.font_manager import findfont, get_font

from emoclr.evaluate.figures import fonts
from emoclr.evaluate.figures.figure import Figure
from emoclr.evaluate.figures.fonts import FIRST, fonts_of, missing_letters
from emoclr.evaluate.figures.render import figure_png, figure_svg
from emoclr.evaluate.report.report import Report
from emoclr.evaluate.report.writers.write import write_report

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

WORDS = {"Chinese": "喜悦", "Hindi": "खुशी", "Urdu": "خوشی"}
UNASSIGNED = "\U0003fffd"
"""A letter that no font can have."""


@pytest.fixture
def nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """No font is installed but matplotlib's own."""
    monkeypatch.setattr(fonts, "_font_of", lambda letter: None)


@pytest.mark.parametrize("word", WORDS.values(), ids=WORDS.keys())
def test_each_letter_has_a_font_or_is_told(word: str) -> None:
    families = fonts_of([word])
    assert families[0] == FIRST
    shown = [
        letter for letter in word if any(get_font(findfont(name)).get_char_index(ord(letter)) for name in families)
    ]
    assert {*shown, *missing_letters([word])} == set(word) and not set(shown) & set(missing_letters([word]))


def test_letters_that_the_first_font_has_take_no_other() -> None:
    assert fonts_of(["Ärger", "радость", "joy 1"]) == [FIRST] and missing_letters(["Ärger", "a\tb"]) == ""


def test_a_figure_asks_for_the_fonts_of_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_font_of", lambda letter: "DejaVu Serif")

    def draw(canvas: "Canvas") -> None:
        canvas.add_subplot().set_yticks([0, 1], ["喜悦", "joy"])

    assert "DejaVu Serif" in figure_svg(Figure("a", "b", "c", draw, 2))


@pytest.mark.usefixtures("nothing_else")
def test_a_report_says_which_letters_no_font_has(make_report: Callable[..., Report], tmp_path: Path) -> None:
    report = make_report(emotions=["喜悦", "joy"], models=1, clips=60)
    page = write_report(report, tmp_path).read_text()
    assert "No installed font has the letters 喜悦:" in page
    write_report(replace(report, scores=make_report(emotions=["fear", "joy"], models=1).scores), tmp_path)
    assert "No installed font" not in (tmp_path / "report.md").read_text()


def test_a_letter_that_no_font_has_costs_no_figure() -> None:
    def draw(canvas: "Canvas") -> None:
        canvas.add_subplot().set_title(UNASSIGNED)

    assert figure_png(Figure("a", "b", "c", draw, 2)).startswith(b"\x89PNG")
