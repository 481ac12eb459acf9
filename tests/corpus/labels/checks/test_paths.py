"""Recordings that are not where a table says are looked for where they probably are."""

import unicodedata
from pathlib import Path

import pytest

from emoclr.corpus.labels.checks.paths import paths_missing
from emoclr.corpus.labels.labels_csv import read_clips

ACCENT = "café.wav"


def told_of(folder: Path, names: list[str]) -> list[str]:
    table = folder / "tables/labels.csv"
    table.parent.mkdir(exist_ok=True)
    table.write_text("\n".join(["path", *names]))
    note = paths_missing(read_clips(table), range(len(names)))
    return [] if note is None else [note.summary, *note.cases]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with tables/clips/a.wav, tables/b.wav, tables/clips/(accented) and here/c.wav."""
    for name in (
        "tables/clips/a.wav",
        "tables/b.wav",
        f"tables/clips/{unicodedata.normalize('NFC', ACCENT)}",
        "here/c.wav",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"RIFF")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "why", "place"),
    [
        ("clips/a.WAV", "in other capitals", "tables/clips/a.wav"),
        ("clips/A.wav", "in other capitals", "tables/clips/a.wav"),
        ("clips/a.mp3", "another ending", "tables/clips/a.wav"),
        ("clips/a", "another ending", "tables/clips/a.wav"),
        (f"clips/{unicodedata.normalize('NFD', ACCENT)}", "form of Unicode", "tables/clips"),
        (r"clips\a.wav", "another system", "tables/clips/a.wav"),
        (r"C:\data\clips\a.wav", "another system", "tables/clips/a.wav"),
        (r"C:\data\clips\A.MP3", "another system", "tables/clips/a.wav"),
        ("/home/someone/clips/a.wav", "folders are others", "tables/clips/a.wav"),
        ("here/c.wav", "folder you are in", "here/c.wav"),
        ("tables/clips/a.wav", "folders are others", "tables/clips/a.wav"),
        ("clips/nothing.wav", "not found", "nearest folder is"),
        ("no/such/folder/a1.wav", "not found", "nearest folder is"),
    ],
)
def test_where_it_is_and_why_it_was_not_found(folder: Path, name: str, why: str, place: str) -> None:
    summary, case = told_of(folder, [name, "b.wav"])
    assert summary.startswith("1 of 2 recordings") and str(folder / "tables") in summary
    assert why in case and place in case


def test_kinds_are_counted_with_an_example_each_and_the_nearest_folder_is_named(folder: Path) -> None:
    summary, *cases = told_of(folder, ["clips/a.mp3", "b.MP3", "clips/x.wav", "no/y.wav", "b.wav"])
    assert summary.startswith("4 of 5")
    assert [case.split(" ")[0] for case in cases] == ["2", "2"]
    assert f"such as clips/x.wav; the nearest folder is {folder}/tables/clips" in cases[1]


def test_what_is_there_is_not_told_of(folder: Path) -> None:
    assert told_of(folder, ["b.wav", "clips/a.wav"]) == []


def test_a_folder_that_changed_is_looked_into_again(folder: Path) -> None:
    assert "not found" in told_of(folder, ["d.mp3"])[1]
    (folder / "tables/d.wav").write_bytes(b"RIFF")
    assert "another ending" in told_of(folder, ["d.mp3"])[1]
