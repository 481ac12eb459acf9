"""Annotations and pages come from the command, whole, beside a table or alone, and go on after a kill."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import parselmouth
import pytest
import soundfile as sf
from parselmouth.praat import call
from pyannote.database.util import load_rttm

import emoclr.predict.output.write_files
from emoclr.predict.output.page.page_path import draft_path

pytestmark = pytest.mark.usefixtures("small_batches")

Run = Callable[..., Any]


def data_of(page: Path) -> list[dict[str, Any]]:
    texts = re.findall(r'<script type="application/json" class="data">(.*?)</script>', page.read_text())
    return [json.loads(text) for text in texts]


@pytest.fixture
def here(run: Run, emotions: Path, recordings: Path) -> Run:
    """Returns here(*words) -> how `predict` of all recordings, heard as they are, ended; words may name others."""
    return lambda *words, of=(recordings,): run("--from", emotions, *of, "--gate", "none", *words)


def test_annotations_hold_the_segments_of_the_table(here: Run, recordings: Path, tmp_path: Path) -> None:
    assert here("--segments", "--out", tmp_path / "all.jsonl").code == 0
    assert here("--out", tmp_path / "all.rttm").code == 0
    rows = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    assert rows
    read = load_rttm(tmp_path / "all.rttm")
    turns = [(uri, turn.start, name) for uri, found in read.items() for turn, _, name in found.itertracks(True)]
    expected = [
        (
            str(Path(row["path"]).relative_to(recordings).with_suffix("")).replace(" ", "_"),
            row["start_s"],
            row["emotion"],
        )
        for row in rows
    ]
    assert sorted(turns) == sorted(expected)


def test_of_several_recordings_each_has_a_file_in_a_folder(here: Run, tmp_path: Path) -> None:
    ran = here("--out", tmp_path / "grids.TextGrid")
    assert ran.code == 2 and "--format textgrid" in ran.told
    assert here("--out", tmp_path / "grids", "--format", "textgrid").code == 0
    files = {str(path.relative_to(tmp_path / "grids")) for path in (tmp_path / "grids").rglob("*.TextGrid")}
    assert files == {"short.TextGrid", "exact.TextGrid", "long.TextGrid", "below/middle, loud.TextGrid"}
    grid = parselmouth.read(str(tmp_path / "grids/long.TextGrid"))
    assert grid.xmax == pytest.approx(2.13) and call(grid, "Get tier name", 1) == "anger"
    assert (tmp_path / "grids.errors.csv").exists()


def test_an_annotation_that_is_there_stays(here: Run, recordings: Path, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("0.5\t1.0\tcorrected\n")
    ran = here("--out", tmp_path / "long.txt", of=(recordings / "long.wav",))
    assert ran.code == 2 and "long.txt" in ran.told and "by hand" in ran.told
    assert (tmp_path / "long.txt").read_text() == "0.5\t1.0\tcorrected\n"


@pytest.mark.parametrize(
    "words, told",
    [
        (("--out", "a.vtt", "--timeline"), "--timeline"),
        (("--out", "a.vtt", "--format", "textgrid"), "leave one of them out"),
        (("--out", "labels"), "--format"),
        (("--format", "audacity"), "--out"),
        (("--page", "page.txt"), ".html"),
        (("--page-audio", "none"), "--page"),
        (("--page", "page.html", "--out", "-"), "--out"),
    ],
)
def test_what_contradicts_itself_is_refused(here: Run, recordings: Path, words: tuple[str, ...], told: str) -> None:
    ran = here(*words, of=(recordings / "long.wav",))
    assert ran.code == 2 and told in ran.told


def test_a_page_comes_alone_or_beside_a_table(here: Run, recordings: Path, tmp_path: Path) -> None:
    page, table = tmp_path / "page.html", tmp_path / "table.csv"
    assert here("--page", page).code == 0
    alone = page.read_bytes()
    assert [round(data["duration_s"], 2) for data in data_of(page)] == [0.9, 0.5, 2.13, 0.3]
    assert "no recording" not in page.read_text() and "broken.mp3" in page.read_text()
    assert here("--page", page, "--out", table).code == 0
    assert page.read_bytes() == alone
    only = tmp_path / "only.csv"
    assert here("--out", only).code == 0 and only.read_bytes() == table.read_bytes()
    assert not draft_path(page).exists() and not list(tmp_path.glob("*.part"))


def test_a_page_goes_on_after_a_kill(here: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("--page", tmp_path / "page.html", "--page-audio", "embed", "--out", tmp_path / "labels", "--format", "vtt")
    assert here(*words).code == 0
    whole = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for path in whole:
        path.unlink()
    known = emoclr.predict.output.write_files.predict_files

    def stopped(*given: Any, **options: Any) -> Any:
        for number, found in enumerate(known(*given, **options)):
            if number == 3:
                raise KeyboardInterrupt
            yield found

    monkeypatch.setattr(emoclr.predict.output.write_files, "predict_files", stopped)
    assert here(*words).code == 130
    assert not (tmp_path / "page.html").exists()
    monkeypatch.setattr(emoclr.predict.output.write_files, "predict_files", known)
    ran = here(*words)
    assert ran.code == 0 and "going on after" in ran.told
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == whole


def test_a_page_of_ones_own_stays(here: Run, tmp_path: Path) -> None:
    own = tmp_path / "notes.html"
    own.write_text("<p>mine</p>")
    assert here("--page", own).code == 2 and own.read_text() == "<p>mine</p>"
    draft = draft_path(tmp_path / "page.html")
    draft.mkdir()
    (draft / "mine.txt").write_text("mine")
    assert here("--page", tmp_path / "page.html").code == 2 and (draft / "mine.txt").exists()


def test_channels_heard_alone_are_told_apart(here: Run, recordings: Path, tmp_path: Path) -> None:
    long, rate = sf.read(recordings / "long.wav")
    sf.write(tmp_path / "call.wav", np.stack([long, long[::-1]], axis=1), rate)
    call_of = {"of": (tmp_path / "call.wav",)}
    words = ("--channels", "separate")
    assert here(*words, "--out", tmp_path / "a.jsonl", "--segments", **call_of).code == 0
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert {row["channel"] for row in rows} == {1, 2}
    ran = here(*words, "--out", tmp_path / "a.TextGrid", "--page", tmp_path / "a.html", **call_of)
    assert ran.code == 0
    grid = parselmouth.read(str(tmp_path / "a.TextGrid"))
    tiers = [call(grid, "Get tier name", n) for n in range(1, 5)]
    assert tiers == ["anger, channel 1", "sadness, channel 1", "anger, channel 2", "sadness, channel 2"]
    assert len(data_of(tmp_path / "a.html")) == 2 and "call.wav, channel 2</h2>" in (tmp_path / "a.html").read_text()
    assert here(*words, "--out", tmp_path / "a.rttm", **call_of).code == 0
    channels = [int(line.split()[2]) for line in (tmp_path / "a.rttm").read_text().splitlines()]
    assert sorted(channels) == sorted(row["channel"] for row in rows)
