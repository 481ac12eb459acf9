"""Segments as Audacity's labels, WebVTT, TextGrid and RTTM, read by those who know these forms."""

import random
from pathlib import Path

import parselmouth
import pytest
import webvtt
from parselmouth.praat import call
from pyannote.database.util import load_rttm

from emoclr.predict.output.annotations.annotation import Annotation, names_of
from emoclr.predict.output.annotations.audacity_labels import audacity_labels
from emoclr.predict.output.annotations.rttm import rttm
from emoclr.predict.output.annotations.textgrid import textgrid
from emoclr.predict.output.annotations.webvtt import webvtt as written_webvtt
from emoclr.predict.stream.segments import Segment

EMOTIONS = ["anger", 'sad "so" <b>&amp;', "freude, groß"]
DURATION_S = 7_384.25


def some_segments(emotions: list[str], seed: int) -> list[Segment]:
    """Segments of each emotion that do not overlap, some of which touch, in no order."""
    draw = random.Random(seed)
    segments = []
    for emotion in emotions:
        at_s = 0.0
        while (start_s := at_s + draw.choice([0.0, 0.25, 700.5])) < DURATION_S - 900:
            at_s = start_s + draw.uniform(0.2, 800)
            segments.append(Segment(Path("a.wav"), start_s, at_s, emotion, draw.uniform(0.3, 1)))
        segments.append(Segment(Path("a.wav"), DURATION_S - 1, DURATION_S, emotion, 0.5))
    draw.shuffle(segments)
    return segments


@pytest.fixture
def annotation() -> Annotation:
    return Annotation("calls/a 1", DURATION_S, EMOTIONS, some_segments(EMOTIONS[:2], seed=0))


def test_labels_are_what_the_manual_of_audacity_says(annotation: Annotation) -> None:
    # Three columns between tabs, s with a point, a line each: manual.audacityteam.org, Importing and Exporting Labels.
    rows = [line.split("\t") for line in audacity_labels(annotation).splitlines()]
    assert len(rows) == len(annotation.segments)
    starts = [float(start) for start, _, _ in rows]
    assert starts == sorted(starts)
    for (start, end, label), found in zip(rows, annotation.in_time(), strict=True):
        assert float(start) == pytest.approx(found.start_s, abs=5e-4)
        assert float(end) == pytest.approx(found.end_s, abs=5e-4)
        assert label == f"{found.emotion} {found.probability:.2f}"


def test_cues_are_read_by_webvtt_py(annotation: Annotation) -> None:
    cues = webvtt.from_string(written_webvtt(annotation)).captions
    assert len(cues) == len(annotation.segments)
    for cue, found in zip(cues, annotation.in_time(), strict=True):
        assert cue.start_in_seconds + cue.start_time.milliseconds / 1000 == pytest.approx(found.start_s, abs=6e-4)
        assert cue.end_in_seconds + cue.end_time.milliseconds / 1000 == pytest.approx(found.end_s, abs=6e-4)
    raw = {cue.raw_text for cue in cues}
    assert not any("<" in text or "-->" in text for text in raw)


def test_tiers_are_read_by_praat(annotation: Annotation, tmp_path: Path) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_text(textgrid(annotation), encoding="utf-8")
    grid = parselmouth.read(str(path))
    assert grid.xmin == 0 and grid.xmax == pytest.approx(DURATION_S)
    assert [call(grid, "Get tier name", tier) for tier in (1, 2, 3)] == EMOTIONS
    assert call(grid, "Get number of intervals", 3) == 1 and call(grid, "Get label of interval", 3, 1) == ""
    for tier, emotion in enumerate(EMOTIONS[:2], start=1):
        named = []
        reached_s = 0.0
        for place in range(1, call(grid, "Get number of intervals", tier) + 1):
            start_s = call(grid, "Get starting point", tier, place)
            assert start_s == reached_s
            reached_s = call(grid, "Get end point", tier, place)
            if text := call(grid, "Get label of interval", tier, place):
                named.append((start_s, reached_s, float(text)))
        expected = [found for found in annotation.in_time() if found.emotion == emotion]
        assert len(named) == len(expected)
        for found, (start_s, end_s, probability) in zip(expected, named, strict=True):
            assert (start_s, end_s) == pytest.approx((found.start_s, found.end_s), abs=6e-4)
            assert probability == pytest.approx(found.probability, abs=6e-3)


def test_a_segment_that_rounds_past_the_end_stays_within_the_tier(tmp_path: Path) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_text(textgrid(Annotation("a", 1.2344, ["joy"], [Segment(Path("a"), 0.2, 1.2346, "joy", 0.9)])))
    assert call(parselmouth.read(str(path)), "Get end point", 1, 2) == 1.234


def test_lines_are_read_by_pyannote(annotation: Annotation, tmp_path: Path) -> None:
    path = tmp_path / "all.rttm"
    other = Annotation("b", 3.0, EMOTIONS, [Segment(Path("b.wav"), 1.0, 2.5, "freude, groß", 0.71)])
    path.write_text(rttm(annotation) + rttm(other), encoding="utf-8")
    read = load_rttm(path)
    assert set(read) == {"calls/a_1", "b"}
    assert [(turn.start, turn.end, name) for turn, _, name in read["b"].itertracks(yield_label=True)] == [
        (1.0, 2.5, "freude,_groß")
    ]
    turns = list(read["calls/a_1"].itertracks(yield_label=True))
    assert len(turns) == len(annotation.segments)
    by_emotion = {found.emotion: 0.0 for found in annotation.segments}
    for found in annotation.segments:
        by_emotion[found.emotion] += found.end_s - found.start_s
    assert read["calls/a_1"].label_duration("anger") == pytest.approx(by_emotion["anger"], abs=0.1)


@pytest.mark.parametrize("write", [audacity_labels, written_webvtt, textgrid, rttm])
def test_an_emotion_of_two_lines_breaks_no_file(write, tmp_path: Path) -> None:
    emotion = "very\nsad\tindeed"
    annotation = Annotation("a\nb", 2.0, [emotion], [Segment(Path("a"), 0.5, 1.0, emotion, 0.9)])
    plain = Annotation("ab", 2.0, ["sad"], [Segment(Path("a"), 0.5, 1.0, "sad", 0.9)])
    assert write(annotation).count("\n") == write(plain).count("\n")
    assert write(annotation).count("\t") == write(plain).count("\t")


def test_names_are_unique_and_short(tmp_path: Path) -> None:
    assert names_of([Path("x/a.wav")]) == ["a"]
    assert names_of([Path("x/a.wav"), Path("y/a.wav"), Path("b.ogg")]) == ["x/a", "y/a", "b"]
    assert names_of([Path("a.wav"), Path("a.mp3"), Path("a.wav.mp3")]) == ["a.wav", "a.mp3", "a.wav.mp3"]
    assert names_of([]) == []
