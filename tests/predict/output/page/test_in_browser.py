"""In a browser the page plays where it is clicked, its cursor runs along, and keys and zoom do what they say."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")

STATE = """() => {
  const seen = [...recordings.values()][0], moved = new DOMMatrix(getComputedStyle(seen.one(".cursor")).transform).e;
  return {at: seen.at, paused: seen.audio?.paused ?? true, from: seen.from, to: seen.to, cursor: moved,
          said: seen.one(".said").textContent, here: seen.all("tr.here").length,
          drawn: [...recordings.values()].filter(one => one.drawn).length};
}"""


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser.new_page(viewport={"width": 1280, "height": 1000})
        browser.close()


@pytest.fixture
def opened(tab: Page, recording: Callable[..., Any], write: Callable[..., Path]) -> Iterator[Page]:
    problems: list[str] = []
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.on(
        "request",
        lambda asked: None if asked.url.startswith(("file:", "data:", "blob:")) else problems.append(asked.url),
    )
    tab.goto(write([recording(f"{n}.wav", 20) for n in range(6)], "embed").as_uri())
    tab.wait_for_function("[...recordings.values()][0].drawn")
    yield tab
    assert problems == []


@pytest.mark.parametrize(("width", "height"), [(1280, 700), (390, 900)])
@pytest.mark.parametrize(("count", "figure"), [(1, "canvas.wave"), (40, "#recordings .list")])
def test_the_answer_and_its_figure_are_seen_at_once(
    tab: Page,
    recording: Callable[..., Any],
    write: Callable[..., Path],
    width: int,
    height: int,
    count: int,
    figure: str,
) -> None:
    limit = "trained on acted sentences of one corpus; on other speech unmeasured, and laughs often come out wrong"
    page = write([recording(f"calls/{n}.wav", 5) for n in range(count)], limits=(limit,))
    tab.set_viewport_size({"width": width, "height": height})
    tab.goto(page.as_uri())
    ends = tab.locator(figure).first.bounding_box()
    assert ends is not None and ends["y"] + ends["height"] <= height
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    tab.set_viewport_size({"width": 1280, "height": 1000})


def test_a_click_plays_from_there_and_the_cursor_runs_along(opened: Page) -> None:
    box = opened.locator(".over").first.bounding_box()
    assert box is not None
    opened.mouse.click(box["x"] + box["width"] / 2, box["y"] + 30)
    opened.wait_for_function("[...recordings.values()][0].at > 10.2")
    opened.keyboard.press("Space")
    state = opened.evaluate(STATE)
    assert 10.2 < state["at"] < 15 and state["cursor"] == pytest.approx(state["at"] / 20 * box["width"], abs=2)
    opened.wait_for_function("[...recordings.values()][0].audio.paused")


def test_keys_go_to_segments_and_closer(opened: Page) -> None:
    opened.locator(".over").first.focus()
    opened.keyboard.press("n")
    state = opened.evaluate(STATE)
    assert state["at"] == pytest.approx(2.0) and state["here"] == 1 and state["said"].startswith("<b>joy</b>")
    opened.keyboard.press("+")
    state = opened.evaluate(STATE)
    assert state["to"] - state["from"] == pytest.approx(10) and state["from"] <= 2 <= state["to"]
    opened.keyboard.press("0")
    opened.keyboard.press("Home")
    assert opened.evaluate(STATE)["to"] == 20 and opened.evaluate(STATE)["said"] == "no speech"


def test_what_is_found_is_shown_and_the_rest_not_drawn(opened: Page) -> None:
    assert 0 < opened.evaluate(STATE)["drawn"] < 6
    opened.locator("#find").fill("4.w")
    assert opened.locator(".recording:visible").count() == 1 and opened.locator("#list tbody tr:visible").count() == 1
    opened.locator("#find").fill("")
    assert opened.locator("#list tbody tr:visible").count() == 6
