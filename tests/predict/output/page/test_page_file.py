"""The page holds all that it shows, escaped, and is as small as it has to be."""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from emoclr.evaluate.report.writers.page import address_of
from emoclr.finetune.model.checkpoint import EnsembleCard
from emoclr.predict.output.page.page_file import PageSettings
from emoclr.predict.output.page.page_path import is_page
from emoclr.predict.output.page.recording_on_page import PagedRecording, thinned
from emoclr.predict.output.page.sound_picture import BANDS, Picture
from emoclr.predict.stream.rows import Spoken
from emoclr.predict.stream.segments import Segment

EMOTIONS = ["<b>joy</b>", "anger & more", '"fear"</script>']
Make = Callable[..., PagedRecording]


class Elements(HTMLParser):
    """The elements of a page with their attributes, and the text of its scripts."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._class = ""
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._class = dict(attrs).get("class") or dict(attrs).get("id") or "" if tag == "script" else tag

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self._class, []).append(data)


def test_names_stay_text(recording: Make, write: Callable[..., Path]) -> None:
    page = write([recording("<i>a</i> & b.wav", 10), recording("c.wav", 10)], limits=("<u>limit</u>",))
    elements = Elements(page)
    assert not {tag for tag, _ in elements.found} & {"b", "u"}
    assert sum(tag == "script" for tag, _ in elements.found) == 4  # of each recording, the settings and the code
    assert EMOTIONS[2] in elements.texts["span"] and "<i>a</i> & b.wav" in elements.texts["a"]
    assert json.loads(elements.texts["settings"][0])["thresholds"] == [0.5, 0.5, 0.5]


def test_the_answer_and_its_limits_come_first_and_notes_are_folded(recording: Make, write: Callable[..., Path]) -> None:
    page = write([recording("calls/a.wav", 10), recording("calls/b.wav", 10)], limits=("Trained on acted speech.",))
    html = page.read_text(encoding="utf-8")
    parts = [
        "0:06.0 (50 %)",
        "2 recordings, 0:20.0",
        "; heard by my-&lt;b&gt;emotions",
        "Trained on acted speech.",
        "<summary>",
        "Labels are votes.",
    ]
    places = [html.index(part) for part in parts]
    assert places == sorted(places) and places[-1] < html.index("</details>")
    elements = Elements(page)
    assert elements.texts["a"][-2:] == ["a.wav", "b.wav"] and "calls/a.wav" in elements.texts["h2"]
    assert "calls" in elements.texts["span"]
    assert html.count("--share: 50%; --of: var(--series-0)") == 2


def test_a_limit_of_the_card_is_a_sentence_where_no_name_stands_before_it() -> None:
    windows = {"thresholds": [0.5], "window_s": 2.0, "hop_s": 1.0}
    said = {"limits": "trained on acted speech", "cautions": ["It is Bad."]}
    card = EnsembleCard(members=["a"], emotions=["joy"], **windows, **said)
    assert PageSettings.of_card(card, "none").limits == ["Trained on acted speech.", "It is Bad."]


def test_a_folder_is_common_to_all_or_stays(recording: Make, write: Callable[..., Path]) -> None:
    elements = Elements(write([recording("calls/a.wav", 5), recording("b.wav", 5)]))
    assert elements.texts["a"][-2:] == ["calls/a.wav", "b.wav"]


def test_nothing_is_fetched(recording: Make, write: Callable[..., Path]) -> None:
    page = write([recording("a.wav", 10)])
    for tag, attributes in Elements(page).found:
        assert not attributes.keys() & {"src", "srcset", "action", "data-src"}, tag
        assert (attributes.get("href") or "#").startswith("#")
    assert not re.findall(r"https?://|@import|url\(", page.read_text(encoding="utf-8"))


def test_the_script_gets_what_was_heard(recording: Make, write: Callable[..., Path]) -> None:
    one = recording("a.wav", 12.5)
    data = json.loads(Elements(write([one])).texts["data"][0])
    assert data["duration_s"] == 12.5 and data["voiced"] == [[1.0, 6.0], [7.0, 8.0]]
    assert data["segments"] == [[[2.0, 5.0]], [], []] and data["low"] == [1, 2]
    lanes = np.array([np.frombuffer(base64.b64decode(lane), np.uint8) for lane in data["probabilities"]])
    assert pytest.approx(one.probabilities, abs=0.5 / 255 + 1e-9) == lanes.T / 255
    assert np.frombuffer(base64.b64decode(data["moments"]), "<f4") == pytest.approx(one.moments_s)


def test_an_hour_takes_less_than_three_megabytes(recording: Make, write: Callable[..., Path]) -> None:
    rng = np.random.default_rng(0)
    columns, windows = 45_000 // 10, 3_600 // 10
    noise = Picture(0.08, rng.integers(0, 256, columns, np.uint8), rng.integers(60, 180, (BANDS, columns), np.uint8))
    tenth = replace(
        recording("a.wav", 10),
        spoken=Spoken(360.0, 360.0, [0.0, 162.0, 0.0]),
        picture=noise,  # nothing makes it smaller; voices take half of that
        moments_s=np.arange(windows) * 1.0,
        probabilities=rng.uniform(size=(windows, len(EMOTIONS))),
        segments=[Segment(Path("a.wav"), start, start + 0.9, EMOTIONS[1], 0.9) for start in np.arange(0, 360, 2.0)],
    )
    bare = write([recording("a.wav", 0.5)]).stat().st_size
    assert (write([tenth]).stat().st_size - bare) * 10 < 3.2e6


def test_sounds_are_in_the_page_beside_it_or_left_out(recording: Make, write: Callable[..., Path]) -> None:
    one = [recording("calls/a 1.wav", 10)]
    assert "sound" not in Elements(write(one)).texts
    linked = [attributes for _, attributes in Elements(write(one, "link")).found if "data-src" in attributes]
    assert [each["data-src"] for each in linked] == [address_of(Path("calls/a 1.wav"), write(one, "link"))]
    held = base64.b64decode(Elements(write(one, "embed")).texts["sound"][0])
    assert len(held) == pytest.approx(10 * 40_000 / 8, rel=0.05)


def test_an_address_leads_from_the_page_to_the_recording(tmp_path: Path) -> None:
    page = tmp_path / "pages/all.html"
    assert address_of(tmp_path / "pages/a'\"<#?ü.wav", page) == "a%27%22%3C%23%3F%C3%BC.wav"
    assert address_of(tmp_path / "b.wav", page) == "../b.wav"
    assert address_of(tmp_path / "pages/c:1.wav", page) in ("c%3A1.wav", "./c:1.wav")


def test_moments_that_are_close_are_told_together() -> None:
    moments_s = np.arange(100) / 10
    probabilities = np.random.default_rng(0).uniform(size=(100, 2))
    fewer_s, largest = thinned(moments_s, probabilities)
    assert len(fewer_s) == 40 and fewer_s[:3].tolist() == [0.0, 0.3, 0.5]
    assert np.array_equal(largest[0], probabilities[:3].max(axis=0))
    same_s, same = thinned(moments_s * 5, probabilities)
    assert np.array_equal(same_s, moments_s * 5) and np.array_equal(same, probabilities)


def test_a_page_is_known_as_one(recording: Make, write: Callable[..., Path], tmp_path: Path) -> None:
    assert is_page(write([recording("a.wav", 1)]))
    (tmp_path / "own.html").write_text("<html><p>my notes</p></html>")
    assert not is_page(tmp_path / "own.html")
