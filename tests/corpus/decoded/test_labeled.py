"""A table of labels is told what is probably not meant so, once it is decoded, in every command alike."""

from collections.abc import Callable
from pathlib import Path

import pytest

from emoclr.corpus.audit.run import audit
from emoclr.corpus.decoded.labeled import open_labeled
from emoclr.corpus.decoded.waveforms import NoReadableClips, open_waveforms
from emoclr.corpus.index.stats import overview_of
from emoclr.corpus.labels.labels_csv import read_labels

ROWS = ["a.wav,1,0,Anna,0,1500", "a.wav,0,1,anna,100,1900", "b.wav,0,1,ben,0,1000", "b.mp3,1,0,ben,0,1000"]


@pytest.fixture
def labels(tmp_path: Path, write_noise: Callable[..., Path], in_this_process: None) -> Path:
    """Parts in milliseconds of two recordings of 2 s, one of them written with another ending."""
    for name in ("a", "b"):
        write_noise(tmp_path / f"{name}.wav", 2.0, loud=True, dull=False, seed=ord(name))
    (tmp_path / "labels.csv").write_text("\n".join(["path,joy,fear,speaker,start_s,end_s", *ROWS]))
    return tmp_path / "labels.csv"


def test_it_is_said_and_kept_for_the_report(labels: Path, capsys: pytest.CaptureFixture[str]) -> None:
    opened = open_labeled(read_labels(labels), open_waveforms)
    assert len(opened.store) == len(opened.table) == 2
    speakers, parts, paths = opened.notes
    assert "'Anna' (1 clip) and 'anna' (1 clip)" in speakers
    assert parts.startswith("Of 4 parts, 2 end after their recording and are cut there and 1 begin")
    assert "milliseconds" in parts and "2.00 s" in parts
    assert paths.startswith("1 of 3 recordings") and str(labels.parent / "b.wav") in paths
    told = capsys.readouterr().err
    assert all(f"note: {note}" in told for note in opened.notes)


def test_an_audit_and_the_numbers_of_a_corpus_say_the_same(labels: Path) -> None:
    notes = open_labeled(read_labels(labels), open_waveforms).notes
    assert list(overview_of(labels).notes) == notes
    found = {finding.check: finding for finding in audit(labels).findings}
    for check, note in zip(
        ("speakers written in several ways", "parts beyond the end", "recordings that are not there"),
        notes,
        strict=True,
    ):
        assert found[check].summary[:-1] in note and found[check].cases[0] in note


def test_where_no_recording_is_there_the_error_says_where_it_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    table = tmp_path / "tables/labels.csv"
    table.write_text("path,joy\nclips/a.wav,1\nclips/b.wav,0\n")
    with pytest.raises(NoReadableClips) as caught:
        open_labeled(read_labels(table), open_waveforms)
    told = str(caught.value)
    assert f"{tmp_path}/tables/clips/a.wav: no such file" in told
    assert f"relative paths count from the table's folder, {tmp_path}/tables" in told
    assert f"the nearest folder is {tmp_path}/tables" in told
    (tmp_path / "clips").mkdir()
    (tmp_path / "tables/b.wav").write_bytes(b"RIFF")
    with pytest.raises(NoReadableClips, match=r"there is .*/tables/b\.wav"):
        open_labeled(read_labels(table).select([1]), open_waveforms)


def test_nothing_is_said_of_a_table_as_it_should_be(labels: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels.write_text("\n".join(["path,joy,speaker,start_s,end_s", "a.wav,1,anna,0,1.5", "b.wav,0,ben,,"]))
    assert open_labeled(read_labels(labels), open_waveforms).notes == []
    assert overview_of(labels).notes == [] and "note" not in capsys.readouterr().err
