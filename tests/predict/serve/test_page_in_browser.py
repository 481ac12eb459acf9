"""In a browser: send, see it grow, click a part and hear it, take files along; speak; and what goes wrong is told."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from emoclr.predict.serve.limits import Limits

from .conftest import PATIENCE_S, Serve, Served, wav

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")

TOKEN = "a token of thirty-two characters"
FAKE_MICROPHONE = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
HEARD = """() => { const [one] = recordings.values(); return {at: one.at, paused: one.audio?.paused ?? true}; }"""


@pytest.fixture(scope="module")
def opened(serve: Serve) -> Iterator[tuple[Page, Served]]:
    """The page of a server with a token, and the server."""
    with serve(Limits(max_bytes=2_000_000), host="127.0.0.1", token=TOKEN) as running, sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", *FAKE_MICROPHONE])
        yield browser.new_page(viewport={"width": 1280, "height": 1000}), running
        browser.close()


@pytest.fixture
def page(opened: tuple[Page, Served]) -> Iterator[Page]:
    page, running = opened
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text) if "Content Security" in said.text else None)
    page.on(
        "request",
        lambda asked: (
            None if asked.url.startswith((running.server.url, "blob:", "data:")) else problems.append(asked.url)
        ),
    )
    page.goto("about:blank")
    page.goto(f"{running.server.url}#{TOKEN}")
    yield page
    assert problems == []


def send(page: Page, content: bytes, name: str = "anna.wav") -> None:
    page.locator("#files").set_input_files({"name": name, "mimeType": "audio/wav", "buffer": content})


def until(page: Page, what: str) -> None:
    """Waits for a condition; Playwright's own way evaluates it where the page's policy forbids that."""
    given_up = time.monotonic() + PATIENCE_S
    while not page.evaluate(what):
        assert time.monotonic() < given_up
        page.wait_for_timeout(20)


def test_a_recording_is_sent_heard_clicked_and_taken_along(
    page: Page, voice: bytes, opened: tuple[Page, Served], tmp_path: Path
) -> None:
    send(page, voice, "<b>anna.wav")
    page.locator(".take a").first.wait_for()
    assert page.locator("h2").inner_text() == "<b>anna.wav" and "kept" in page.locator(".told").inner_text()
    page.locator(".segments tbody tr").first.click()
    begins = float(page.locator(".segments tbody tr").first.get_attribute("data-from") or "nan")
    until(page, f"[...recordings.values()][0].at > {begins} + 0.2")
    assert not page.evaluate(HEARD)["paused"]
    for link in page.locator(".take a").all():
        with page.expect_download() as download:
            link.click()
        download.value.save_as(tmp_path / download.value.suggested_filename)
    written = {path.suffix: path.read_text() for path in tmp_path.iterdir()}
    assert set(written) == {".csv", ".rttm", ".TextGrid", ".vtt", ".txt", ".html"}
    assert len([*tmp_path.glob("*.csv")]) == 3 and (tmp_path / "_b_anna.csv").read_text().startswith("path,start_s")
    assert opened[1].kept() == []


def test_it_grows_under_what_somebody_looks_at(page: Page, voice: bytes) -> None:
    page.evaluate(
        """() => { window.seen = []; const show = Card.prototype.show;
        Card.prototype.show = async function (...words) {
          await show.apply(this, words);
          if (seen.length === 0) { this.recording.zoom(0.5); this.recording.go(3); this.recording.over.focus(); }
          const {from, to, at, over} = this.recording;
          seen.push([to - from, at, document.activeElement === over]);
        }; }"""
    )
    send(page, voice)
    page.locator(".take a").first.wait_for()
    seen = page.evaluate("seen")
    assert len(seen) >= 2 and all(state == [5, 3, True] for state in seen[1:])
    assert page.locator(".recording").count() == 1


def test_several_are_heard_one_after_the_other_and_what_fails_is_told(page: Page) -> None:
    files = [("a.wav", wav(1.0)), ("b.wav", b"no sound"), ("c.wav", bytes(2_100_000)), ("d.wav", wav(1.0))]
    page.locator("#files").set_input_files(
        [{"name": name, "mimeType": "audio/wav", "buffer": content} for name, content in files]
    )
    until(page, "document.querySelectorAll('.take:not([hidden])').length === 2")
    told = page.locator(".told").all_inner_texts()
    assert "cannot be read" in next(text for text in told if text.startswith("b.wav"))
    assert "2.0 MB" in next(text for text in told if text.startswith("c.wav"))


def test_what_is_spoken_is_heard_meanwhile(page: Page) -> None:
    page.locator("#all").check()
    page.locator("#speak").click()
    page.locator(".recording").wait_for()
    page.locator("#speak").click()
    page.locator(".take a").first.wait_for()
    assert page.locator("#speak").inner_text() == "Speak"
    page.locator(".play").click()
    until(page, "[...recordings.values()][0].at > 0.2")


def test_who_has_no_token_is_asked_for_it(page: Page, opened: tuple[Page, Served]) -> None:
    assert TOKEN not in page.url
    page.evaluate("sessionStorage.clear()")
    send(page, wav(1.0))
    page.locator("#token").wait_for()
    page.locator("#token input").fill(TOKEN)
    page.locator("#token button").click()
    send(page, wav(1.0))
    page.locator(".take a").first.wait_for()


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen(page: Page, voice: bytes, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    send(page, voice, "a name that goes on and on " * 5 + ".wav")
    page.locator(".take a").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == width
