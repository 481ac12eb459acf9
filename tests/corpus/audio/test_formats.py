"""Containers and codecs of formats.csv: marks at known times, lengths, parts, who decodes; docs/data.md says it."""

import re
from pathlib import Path

import numpy as np
import pytest

from emoclr.corpus.audio.decoder import SAMPLE_RATE, decode_waveform, read_waveform
from emoclr.corpus.audio.formats import ffmpeg, libsndfile

MILLISECOND = 0.001
SECONDS = 5.0
CHAPTER = Path(__file__).parents[3] / "docs/data.md"


def test_a_recording_has_its_length_and_every_mark_its_place(form, written, read, late_s):
    waveform, recording = read(written(form.name))
    excess_s = len(waveform) / SAMPLE_RATE - SECONDS
    late, rounding_s = form.late_ms / 1000, 1 / SAMPLE_RATE
    assert min(0.0, late) - rounding_s <= excess_s <= form.excess_samples / form.rate + rounding_s
    assert recording.partial == "" and recording.notes == []
    assert all(min(0.0, late) - MILLISECOND <= mark <= max(0.0, late) + MILLISECOND for mark in late_s(waveform))


def test_a_part_is_what_the_whole_holds_there(form, written, read):
    whole, _ = read(written(form.name))
    for start_s, end_s in ((1.5, 2.0), (3.0, 3.4), (4.2, 4.9)):
        part = read_waveform(written(form.name), start_s, end_s)
        expected = whole[round(start_s * SAMPLE_RATE) :][: len(part)]
        assert len(part) == pytest.approx((end_s - start_s) * SAMPLE_RATE, abs=1)
        reach = 16  # samples, 1 ms
        shifted = [
            float(np.square(np.roll(part, shift)[reach:-reach] - expected[reach:-reach]).sum())
            for shift in range(-reach, reach + 1)
        ]
        assert min(shifted) <= 0.05 * float(np.square(expected[reach:-reach]).sum()) + 1e-9


def test_the_library_that_decodes_is_the_one_that_was_measured(form, written, monkeypatch):
    """The last one that opens the file; the other one may have refused it before."""
    opened = []

    def spy(kind, name):
        def open_one(source):
            stream = kind(source)
            opened.append(name)
            return stream

        return open_one

    monkeypatch.setattr(ffmpeg, "FfmpegStream", spy(ffmpeg.FfmpegStream, "FFmpeg"))
    monkeypatch.setattr(libsndfile, "SndfileStream", spy(libsndfile.SndfileStream, "libsndfile"))
    assert len(read_waveform(written(form.name), 1.0, 1.5)) == pytest.approx(0.5 * SAMPLE_RATE, abs=1)
    assert set(opened) == {form.reader}


@pytest.mark.parametrize("name", ["a.m4a", "a.mp3", "a.webm", "a.opus", "a.flac"])
def test_bytes_in_memory_are_read_as_the_file_is(written, read, name):
    whole, _ = read(written(name))
    np.testing.assert_array_equal(decode_waveform(written(name).read_bytes(), Path(name)), whole)


def rows_of_the_chapter() -> list[dict[str, str]]:
    """Returns the table of formats in docs/data.md."""
    lines = re.search(r"^### Formats$.*?((?:^\|[^\n]*\n)+)", CHAPTER.read_text(), re.DOTALL | re.MULTILINE)
    assert lines is not None
    head, _, *rows = ([cell.strip() for cell in line.strip("|\n").split("|")] for line in lines[1].splitlines())
    return [dict(zip(head, row, strict=True)) for row in rows]


def names(cell: str) -> set[str]:
    return {name.strip() for name in cell.split(",")}


def test_docs_say_of_each_format_who_reads_it_and_how_exactly(form):
    ending = form.name.split(".")[1]
    (row,) = [
        row for row in rows_of_the_chapter() if ending in names(row["container"]) and form.sound in names(row["codec"])
    ]
    assert row["read by"] == form.reader
    assert (row["length"] == "exact") == (form.excess_samples == 0 and form.late_ms >= 0)
    assert row["places"].startswith("exact") == (form.late_ms == 0)


def test_every_container_and_codec_that_docs_name_is_tested(formats):
    tested = {(form.name.split(".")[1], form.sound) for form in formats}
    for row in rows_of_the_chapter():
        if row["length"] == "not measured":
            continue
        for container in names(row["container"]):
            assert any((container, sound) in tested for sound in names(row["codec"])), (container, row)
        for sound in names(row["codec"]):
            assert any((container, sound) in tested for container in names(row["container"])), (sound, row)
