"""In a browser, pages of reports give their answer at once, can be read on a phone, and pass axe's checks."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from emoclr.evaluate.figures.overview import report_figures
from emoclr.evaluate.figures.spectrograms import channels_png
from emoclr.evaluate.report.comparison import compare_reports
from emoclr.evaluate.report.predictions_csv import ScoredClips, predictions_csv
from emoclr.evaluate.report.report import Report
from emoclr.evaluate.report.section import Example, Section
from emoclr.evaluate.report.sentence import Sentence
from emoclr.evaluate.report.writers.comparison_html import comparison_html
from emoclr.evaluate.report.writers.report_html import report_html
from emoclr.evaluate.report.writers.report_json import report_json

MakeReport = Callable[..., Report]
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SIZES = {"desktop": (1280, 700), "phone": (390, 900)}
"""Width, and within which height the verdict and its figure end."""
WARNING = (
    "The clips are synthetic voices: what is measured on them says nothing about people, and must not be told as if it "
    "did."
)
VERDICT = [
    Sentence(WARNING, "limit", "warning"),
    Sentence("48 of 360 scored clips, of 3 speakers, were heard in pretraining, without labels.", "limit", "warning"),
    Sentence("The ensemble works on clips like these: macro AUROC 0.844 (0.805 to 0.878), better than all.", "fitness"),
    Sentence("Use it: `predict --from checkpoints/my-emotions recordings`.", "next"),
]

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def pages(make_report: MakeReport, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A report with all that it may hold, as long as it gets; and two of them set against each other."""
    folder = tmp_path_factory.mktemp("pages")
    picture = channels_png(np.arange(320, dtype=np.uint8).reshape(2, 8, 20))
    facts = [("speaker", "anna")]
    examples = [Example("a.ogg", facts, 2.0, picture, ("mel", "STFT"), b"sound", "labelled joy; heard fear")]
    section = Section("mistakes", "Most confident mistakes", "By `threshold`, or threshold.", examples=examples)
    report = replace(make_report(models=7), verdict=VERDICT, sections=[section])
    figures = report_figures(report.scores)
    found = {"report": folder / "report.html", "comparison": folder / "comparison.html"}
    found["report"].write_text(report_html(report, figures))
    truth = report.scores.truth
    clips = ScoredClips([(f"{clip}.wav", "0", "") for clip in range(len(truth))], truth.speakers)
    for name in "ab":
        (folder / name).mkdir()
        (folder / name / "report.json").write_text(json.dumps(report_json(report)))
        (folder / name / "answers.csv").write_text(predictions_csv(clips, truth, report.scores.headline))
    found["comparison"].write_text(comparison_html(compare_reports([folder / "a", folder / "b"]), found["comparison"]))
    return found


@pytest.fixture
def opened(request: pytest.FixtureRequest, browser: Browser, pages: dict[str, Path]) -> Iterator[tuple[Page, int]]:
    name, size, scheme = request.param
    width, height = SIZES[size]
    tab = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    tab.goto(pages[name].as_uri())
    yield tab, height
    tab.close()


def shown(*names: str, schemes: tuple[str, ...] = ("light",)) -> pytest.MarkDecorator:
    cases = [(name, size, scheme) for name in names for size in SIZES for scheme in schemes]
    return pytest.mark.parametrize("opened", cases, indirect=True, ids="-".join)


@shown("report", "comparison")
def test_the_answer_and_its_figure_are_seen_at_once(opened: tuple[Page, int]) -> None:
    tab, height = opened
    ends = tab.locator(".forest").first.bounding_box()
    assert ends is not None and ends["y"] + ends["height"] <= height
    assert tab.evaluate("document.documentElement.scrollWidth") == tab.viewport_size["width"]  # type: ignore[index]


@shown("report")
def test_words_of_figures_can_be_read(opened: tuple[Page, int]) -> None:
    tab, _ = opened
    sizes = tab.evaluate(
        """() => [...document.querySelectorAll("figure svg text")].filter(word => word.getClientRects().length).map(
          word => Math.hypot(word.getScreenCTM().a, word.getScreenCTM().b) * parseFloat(getComputedStyle(word).fontSize)
        )"""
    )
    assert len(sizes) > 20 and min(sizes) >= 11


@shown("report", "comparison")
def test_a_term_is_explained_by_keyboard_and_by_touch_and_hushed_by_escape(opened: tuple[Page, int]) -> None:
    tab, _ = opened
    term = tab.locator("main .term:visible").first
    tip = term.locator(".tip")
    assert not tip.is_visible()
    term.locator("button").focus()
    box = tip.bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= tab.viewport_size["width"]  # type: ignore[index]
    tab.keyboard.press("Escape")
    assert not tip.is_visible()
    tab.keyboard.press("Tab")
    term.locator("button").click()
    assert tip.is_visible()


@pytest.fixture(params=["report", "comparison"])
def phone(request: pytest.FixtureRequest, browser: Browser, pages: dict[str, Path]) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 390, "height": 900}, has_touch=True, is_mobile=True)
    tab = context.new_page()
    tab.goto(pages[request.param].as_uri())
    yield tab
    context.close()


def test_a_tap_explains_a_term_and_another_hushes_it(phone: Page) -> None:
    term = phone.locator("main .term:visible").first
    term.locator("button").tap()
    assert term.locator(".tip").is_visible()
    phone.locator("h1").tap()
    assert not term.locator(".tip").is_visible()


def test_a_finger_moves_a_wide_table_and_not_the_page(phone: Page) -> None:
    tables = phone.locator(".box:visible")
    widths = "boxes => boxes.map(box => box.scrollWidth - box.clientWidth)"
    table = tables.nth(next(at for at, more in enumerate(tables.evaluate_all(widths)) if more > 100))
    table.scroll_into_view_if_needed()
    where = table.bounding_box()
    assert where is not None
    touch = phone.context.new_cdp_session(phone)
    y = where["y"] + 20
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": 300, "y": y}]})
    for x in range(290, 140, -10):
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x, "y": y}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert table.evaluate("box => box.scrollLeft") > 50
    assert phone.evaluate("scrollX") == 0


@shown("report")
def test_all_channels_of_a_mistake_are_shown_on_demand(opened: tuple[Page, int]) -> None:
    tab, _ = opened
    strip = tab.locator(".strip").first
    low = strip.bounding_box()
    tab.locator("details.all summary").first.click()
    high = strip.bounding_box()
    assert low is not None and high is not None and high["height"] > 2 * low["height"]


@shown("report", "comparison", schemes=("light", "dark"))
def test_axe_finds_nothing(opened: tuple[Page, int]) -> None:
    tab, _ = opened
    tab.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    found = Axe().run(tab)
    assert [(one["id"], one["nodes"][0]["html"]) for one in found.response["violations"]] == []
