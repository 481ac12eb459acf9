import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from emoclr.configs.errors import ConfigError
from emoclr.corpus.audio.voice import FRAME_S, voiced_frames
from emoclr.corpus.cli import main
from emoclr.corpus.clips import segment as module
from emoclr.corpus.clips.segment import segment
from emoclr.corpus.clips.voiced_segments import MAX_PAUSE_S, voiced_segments
from emoclr.corpus.demo.expression import express
from emoclr.corpus.demo.voice import draw_voice, speak

RATE = 16_000


@pytest.fixture(scope="module")
def said() -> np.ndarray:
    """Three seconds of a made voice."""
    rng = np.random.default_rng(0)
    voice = draw_voice("female", rng)
    return speak(voice, express("happiness", voice, rng), 3.0, rng)


@pytest.fixture
def write_call(tmp_path: Path, said: np.ndarray) -> Callable[..., Path]:
    """Returns write(name, pauses_s) -> path: the voice after each of some pauses, and a second of silence."""

    def write(name: str, *pauses_s: float) -> Path:
        pieces = [piece for pause_s in pauses_s for piece in (np.zeros(round(pause_s * RATE)), said)]
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(path, np.concatenate([*pieces, np.zeros(RATE)]), RATE)
        return path

    return write


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_segments_are_where_the_voice_is(write_call, tmp_path, capsys):
    write_call("calls/a.wav", 2.0, 4.0)
    write_call("calls/b.wav", 1.5)
    sf.write(tmp_path / "calls/c.wav", np.zeros(RATE), RATE)
    (tmp_path / "calls/d.wav").write_text("no sound")
    out = tmp_path / "segments.csv"
    assert main(["segment", str(tmp_path / "calls"), "--out", str(out)]) == 0
    rows = rows_of(out)
    assert [row["path"] for row in rows] == ["calls/a.wav", "calls/a.wav", "calls/b.wav"]
    for row, begins_s in zip(rows, (2.0, 9.0, 1.5), strict=True):
        assert float(row["start_s"]) == pytest.approx(begins_s, abs=0.25)
        assert float(row["end_s"]) == pytest.approx(begins_s + 3, abs=0.25)
    told = capsys.readouterr().err
    assert "4 recordings" in told and "3 segments" in told
    assert "1 recording without a segment" in told and "c.wav" in told
    assert "1 recording set aside" in told and "d.wav: cannot be read as audio" in told
    assert sorted(path.name for path in tmp_path.iterdir()) == ["calls", "segments.csv"]


def test_parts_and_speakers_of_a_table_count(write_call, write_csv, tmp_path, in_this_process):
    write_call("a.wav", 2.0, 4.0)
    write_call("b.wav", 1.5)
    table = write_csv("path,start_s,end_s,speaker", "a.wav,7,14,anna", "b.wav,,,", name="calls.csv")
    assert segment([table], tmp_path / "segments.csv", 1.0, 8.0)
    first, second = rows_of(tmp_path / "segments.csv")
    assert first["speaker"] == "anna" and second["speaker"] == ""
    assert float(first["start_s"]) == pytest.approx(9.0, abs=0.25)


def test_a_run_that_was_killed_goes_on(write_call, tmp_path, in_this_process, monkeypatch, capsys):
    for name in ("a.wav", "b.wav"):
        write_call(f"calls/{name}", 1.0)
    heard: list[str] = []

    def listen(part: module.Part) -> module.Segmented:
        if heard == ["a.wav"]:
            heard.append("killed")
            raise KeyboardInterrupt
        heard.append(part.path.name)
        return listened(part)

    listened = module.segment_part
    monkeypatch.setattr(module, "segment_part", listen)
    out = tmp_path / "segments.csv"
    with pytest.raises(KeyboardInterrupt):
        segment([tmp_path / "calls"], out, 1.0, 8.0)
    assert not out.exists()
    assert segment([tmp_path / "calls"], out, 1.0, 8.0)
    assert heard == ["a.wav", "killed", "b.wav"]
    assert "after 1 recording" in capsys.readouterr().err
    assert [row["path"] for row in rows_of(out)] == ["calls/a.wav", "calls/b.wav"]


def test_what_was_heard_for_other_lengths_is_heard_again(write_call, tmp_path, in_this_process):
    write_call("calls/a.wav", 1.0)
    out = tmp_path / "segments.csv"
    (tmp_path / ".segments.csv.partial").write_text('[["x", 0, null, 1, 8, 0, 0], [[[0, 1]], 1, 1, "", ""]]\n[[1\n[]\n')
    assert segment([tmp_path / "calls"], out, 0.5, 1.5)
    lengths = [float(row["end_s"]) - float(row["start_s"]) for row in rows_of(out)]
    assert len(lengths) >= 2 and max(lengths) <= 1.5 + 1e-9 and min(lengths) >= 0.5 - 1e-9


def test_lengths_that_no_cut_can_keep_are_refused(tmp_path):
    for lengths in (("3", "5"), ("0", "5"), ("-1", "5"), ("nan", "5")):
        words = ["segment", str(tmp_path), "--out", "x.csv", f"--min-s={lengths[0]}", f"--max-s={lengths[1]}"]
        assert main(words) == 2
    with pytest.raises(ConfigError, match="--max-s 5"):
        segment([tmp_path], tmp_path / "x.csv", 3.0, 5.0)


@settings(max_examples=60, deadline=None)
@given(
    runs=st.lists(st.tuples(st.floats(0, 1, width=32), st.integers(1, 400)), min_size=1, max_size=30),
    min_s=st.floats(0.2, 2),
    more=st.floats(2, 6),
)
@example(runs=[(0.0, 1), (1.0, 271)], min_s=0.2, more=2.0)
@example(runs=[(1.0, 13)], min_s=0.203125, more=2.0)
def test_segments_have_the_lengths_that_were_asked_for_and_hold_all_long_voices(runs, min_s, more):
    probabilities = np.concatenate([np.full(count, level, np.float32) for level, count in runs])
    max_s = more * min_s
    segments = voiced_segments(probabilities, min_s, max_s)
    voiced = voiced_frames(probabilities)
    before_s = -1.0
    inside = np.zeros(len(voiced), dtype=bool)
    for start_s, end_s in segments:
        assert min_s - 2e-3 <= end_s - start_s <= max_s + 2e-3
        assert start_s >= before_s
        before_s = end_s
        first, last = round(start_s / FRAME_S), round(end_s / FRAME_S)
        inside[first:last] = True
        quiet = ~voiced[first:last]
        assert voiced[first] and voiced[last - 1]
        assert (
            not quiet.any()
            or max(map(len, "".join(map(str, quiet.astype(int))).split("0"))) <= MAX_PAUSE_S / FRAME_S + 1
        )
    edges = np.diff(voiced.astype(int), prepend=0, append=0).nonzero()[0].reshape(-1, 2)
    for start, end in edges:
        if (end - start) * FRAME_S >= min_s:
            assert inside[start:end].all()
