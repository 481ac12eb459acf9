"""The page works by keyboard and for those who cannot see it, and what holds voices says so."""

import html
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from emoclr.evaluate.metrics.intervals import Measure
from emoclr.evaluate.report.report import Report
from emoclr.evaluate.report.section import Example, Section, Table
from emoclr.evaluate.report.writers.report_html import report_html
from emoclr.evaluate.report.writers.report_markdown import report_markdown

MakeReport = Callable[..., Report]
VOID = ("meta", "img", "link")
GITHUB_COMMENT = 65_536
"""Characters that a comment may have there."""


class Page(HTMLParser):
    """Collects the elements of a page, each with its attributes, and the element each lies in."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.boxed: list[bool] = []
        self.open: list[dict[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.elements.append((tag, found))
        if tag == "table" and self.open[-1].get("class") != "forest":  # that one folds its lines, and never scrolls
            self.boxed.append(bool(self.open) and self.open[-1].get("role") == "region")
        if tag not in VOID:
            self.open.append(found)

    def handle_endtag(self, tag: str) -> None:
        self.open.pop()

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def example(name: str, sound: bytes | None) -> Example:
    return Example(name, [("missed", "joy: 0.02"), ("labelled", "joy 1.00")], 2.0, b"PNG", ("mel", "STFT"), sound)


@pytest.fixture(scope="module")
def report(make_report: MakeReport) -> Report:
    """A report with all that a page may hold, written by people who try to break it."""
    section = Section(
        name="mistakes",
        title="Most confident <mistakes>",
        text="They & others.",
        tables=[Table(["what", "value"], [["a|b", Measure(-0.01, -0.02, 0.03)]])],
        examples=[example('<b>"a".wav', b"sound"), example("b.wav", None)],
    )
    return replace(make_report(), sections=[section], set_aside=[(f"{n}.wav", "broken") for n in range(500)])


@pytest.fixture(scope="module")
def page(report: Report) -> Page:
    return Page(report_html(report, []))


def test_the_first_stop_of_the_keyboard_skips_to_the_results(page: Page) -> None:
    first = next(attributes for tag, attributes in page.elements if tag in ("a", "button", "summary", "audio"))
    assert (first["href"], first["class"]) == ("#main", "skip")


def test_every_anchor_of_the_contents_leads_somewhere_and_no_name_is_given_twice(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    anchors = [attributes["href"].removeprefix("#") for attributes in page.all("a")]
    tips = [attributes["aria-describedby"] for attributes in page.all("button")]
    assert len(ids) == len(set(ids)) and {*anchors, *tips} == set(ids)
    assert {"main", "emotions", "groups", "mistakes", "made"} <= set(anchors)


def test_every_table_can_be_scrolled_by_keyboard_and_says_what_it_is(page: Page) -> None:
    boxes = [attributes for attributes in page.all("div") if "box" in attributes.get("class", "").split()]
    assert len(page.boxed) == len(boxes) >= 5 and all(page.boxed)
    assert all(box["tabindex"] == "0" and box["aria-label"] for box in boxes)


def test_the_verdict_and_its_figure_come_before_everything_else(report: Report, page: Page) -> None:
    text = report_html(report, [])
    text = text[text.index("<main>") :]
    places = [text.index(part) for part in ("<h1>", 'class="verdict"', 'class="forest"', "<details", "<h2>Emotions")]
    assert places == sorted(places) and text.index(report.summary) > text.index("<h2>Notes")
    marks = [attributes["class"] for attributes in page.all("li") if "class" in attributes]
    assert marks[: len(report.verdict)] == ["warning", "good"]


def test_what_forbids_a_conclusion_is_told_on_top_and_other_notes_at_the_end(report: Report) -> None:
    limit, finding = (sentence.text for sentence in report.verdict)
    for text in (html.unescape(report_html(report, [])), report_markdown(report, []).replace("\\", "")):
        assert text.count(limit) == 1 and text.index(limit) < text.index(
            "Emotions (" if "## " in text else "<h2>Emotions"
        )
        assert text.index("Labels are shares") > text.index("Notes") > text.index(limit)
    assert "a&lt;b" in report_html(report, []) and "<i>" not in report_html(report, [])
    assert f"- {finding}" in report_markdown(report, []).replace("\\", "")


def test_every_picture_and_player_has_words(page: Page) -> None:
    assert len(page.all("img")) == 2 and len(page.all("audio")) == 1
    assert all("Spectrogram of" in image["alt"] for image in page.all("img"))
    (player,) = page.all("audio")
    assert player["src"].startswith("data:audio/mpeg;base64,") and player["aria-label"] == '<b>"a".wav'
    assert "controls" in player and "autoplay" not in player


def test_names_of_clips_are_shown_and_never_run(report: Report) -> None:
    assert "<b>" not in report_html(report, [])


def test_a_recording_that_is_gone_is_told(report: Report) -> None:
    gone = Example("c.wav", [], 0.0, None, ("mel",), None)
    section = replace(report.sections[0], examples=[gone])
    assert "could no longer be read" in report_html(replace(report, sections=[section]), [])


def test_each_group_column_ends_with_its_gap(report: Report) -> None:
    gap = report.scores.gaps["sex"]["macro_auroc"]
    foot = report_html(report, []).split("<tfoot>")[1].split("</tfoot>")[0]
    assert f"{gap.difference.value:.3f}" in foot and f"{gap.best} − {gap.worst}" in foot
    line = next(line for line in report_markdown(report, []).splitlines() if line.startswith("| best − worst"))
    assert f"{gap.difference.value:.3f} [" in line and f"({gap.best} − {gap.worst})" in line


def test_markdown_fits_a_comment_and_folds_what_is_long(make_report: MakeReport, report: Report) -> None:
    emotions = [f"emotion {number}" for number in range(30)]
    wide = make_report(emotions=emotions, models=5, clips=600)
    text = report_markdown(replace(wide, sections=report.sections, set_aside=report.set_aside), [])
    assert len(text) < GITHUB_COMMENT
    assert "and 480 more, in report.json" in text
    assert text.count("<details>") == text.count("</details>") == 2
    assert "| a\\|b | -0.010 [-0.020 to 0.030] |" in text
