"""Edit lists of mp4: what waits, is left out or comes twice; how long a recording is then, and what of it is cut."""

import io
import struct

import numpy as np
import pytest

from emoclr.corpus.audio.decoder import SAMPLE_RATE, read_waveform
from emoclr.corpus.audio.formats.mp4 import edits, plays_once

SECONDS = 5.0
MARKS_S = (0.5, 1.7, 3.1, 4.6)
CODECS = {"aac": 16_000, "libopus": 48_000, "flac": 16_000, "alac": 44_100, "pcm_s16le": 48_000, "libmp3lame": 44_100}


@pytest.fixture
def edited(encode, tmp_path):
    """Returns edited(codec, parts, long) -> path of the clicks with this edit list, of 64 bits where it is `long`.

    A part is how long it lasts and where in the sound it begins, in s; None for a pause.
    """

    def write(codec, parts, long=False):
        rate = CODECS[codec]
        container = "mov" if codec == "pcm_s16le" else "mp4"
        path = tmp_path / f"{codec}.{container}"
        # A file with the sound later has an edit list of two, the sound's own first samples in it.
        encode(path, codec, rate, container, start_s=2.0)
        content = bytearray(path.read_bytes())
        (before_ms,) = struct.unpack_from(">I", content, content.index(b"elst") + 12)
        first = rate * 2 - round(before_ms / 1000 * rate)  # the priming, which comes before 2 s
        starts = [-1 if begin_s is None else first + round(begin_s * rate) for _, begin_s in parts]
        units = [round(length_s * 1000) for length_s, _ in parts]
        entry = ">QqI" if long else ">IiI"
        entries = b"".join(struct.pack(entry, *pair, 65_536) for pair in zip(units, starts, strict=True))
        put(content, struct.pack(">II", long << 24, len(parts)) + entries)
        path.write_bytes(content)
        return path

    return write


def put(content, elst):
    """Puts an edit list in the place of another; the index is behind the sound, which does not move."""
    place = content.index(b"elst") - 4
    (length,) = struct.unpack_from(">I", content, place)
    assert content.index(b"mdat") < place
    content[place : place + length] = struct.pack(">I4s", 8 + len(elst), b"elst") + elst
    for name in (b"moov", b"trak", b"edts"):
        around = content.rindex(name, 0, place) - 4
        before = struct.unpack_from(">I", content, around)[0]
        struct.pack_into(">I", content, around, before + 8 + len(elst) - length)


def marks_s(waveform):
    """Returns when the clicks are."""
    loud = np.flatnonzero(np.abs(waveform) > 0.3) / SAMPLE_RATE
    starts = np.flatnonzero(np.diff(loud, prepend=-1.0) > 0.1)
    return [float(group.mean()) for group in np.split(loud, starts[1:])] if len(loud) else []


EDITS = {
    # The fault that was: a start that waits, and sound that is left out.
    "waits, then begins late": ([(2.36, None), (4.0, 1.0)], 4.0, [0.7, 2.1, 3.6]),
    "waits twice": ([(1.0, None), (1.36, None), (4.0, 1.0)], 4.0, [0.7, 2.1, 3.6]),
    "waits, then ends early": ([(3.0, None), (2.5, 0.0)], 2.5, [0.5, 1.7]),
    "begins late": ([(4.0, 1.0)], 4.0, [0.7, 2.1, 3.6]),
    "pauses": ([(2.0, 0.0), (3.0, None), (3.0, 2.0)], 8.0, [0.5, 1.7, 6.1, 7.6]),
    "waits, then pauses": ([(1.0, None), (2.0, 0.0), (3.0, None), (3.0, 2.0)], 8.0, [0.5, 1.7, 6.1, 7.6]),
    "pauses at its end": ([(2.0, 0.0), (9.0, None)], 2.0, [0.5, 1.7]),
    "plays twice": ([(3.0, 0.0), (3.0, 0.0)], 6.0, [0.5, 1.7, 3.5, 4.7]),
    "waits, then plays twice": ([(1.0, None), (3.0, 0.0), (3.0, 0.0)], 6.0, [0.5, 1.7, 3.5, 4.7]),
    "claims more than there is": ([(1.0, None), (9.0, 0.0)], 5.0, list(MARKS_S)),
}


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("name", EDITS)
def test_a_recording_is_as_long_as_its_edits_and_whole(edited, read, codec, name):
    parts, length_s, expected_s = EDITS[name]
    path = edited(codec, parts)
    waveform, recording = read(path)
    assert recording.partial == ""
    assert len(waveform) / SAMPLE_RATE == pytest.approx(length_s, abs=0.002)
    assert recording.info.duration_s == pytest.approx(length_s, abs=0.002)
    assert marks_s(waveform) == pytest.approx(expected_s, abs=0.1)  # a frame at each seam
    part = read_waveform(path, length_s - 1.0, length_s)
    assert marks_s(part) == pytest.approx([at - length_s + 1 for at in expected_s if at > length_s - 1], abs=0.1)


@pytest.mark.parametrize("codec", CODECS)
def test_a_recording_that_waits_and_is_cut_is_partial(encode, read, tmp_path, codec):
    rate, container = CODECS[codec], "mov" if codec == "pcm_s16le" else "mp4"
    path = tmp_path / f"a.{container}"
    encode(path, codec, rate, container, start_s=2.36, movflags="faststart")  # the index first
    content = bytearray(path.read_bytes())
    place = content.index(b"elst") + 24
    length, _ = struct.unpack_from(">Ii", content, place)
    struct.pack_into(">Ii", content, place, length - 500, rate // 2)
    path.write_bytes(content)
    whole, recording = read(path)
    assert len(whole) / SAMPLE_RATE == pytest.approx(length / 1000 - 0.5, abs=0.002) and recording.partial == ""
    path.write_bytes(content[: len(content) * 9 // 10])
    waveform, recording = read(path)
    assert len(waveform) < len(whole) - 0.1 * SAMPLE_RATE and recording.partial


@pytest.mark.parametrize("long", [False, True])
def test_edits_are_counted_from_the_first_that_plays(edited, long):
    path = edited("flac", [(1.0, None), (2.0, 0.0), (0.5, None), (9.0, 4.0)], long)
    content = path.read_bytes()
    assert edits(path, 1) == edits(io.BytesIO(content), 1) == [(2.0, False), (0.5, True), (1.0, False)]
    assert edits(path, 2) == []
    fragments = io.BytesIO(content.replace(b"udta", b"mvex"))  # of a length that they tell themselves
    assert edits(fragments, 1) == []


def test_a_damaged_list_says_nothing(edited):
    content = edited("flac", [(1.0, None), (2.0, 0.0)]).read_bytes()
    place = content.index(b"elst") + 4
    others = {
        "cut": content[: place + 10],
        "counts more than there are": content[: place + 4] + b"\xff" * 4 + content[place + 8 : place + 40],
        "no units": content.replace(b"mvhd" + content[content.index(b"mvhd") + 4 :][:16], b"mvhd" + bytes(16)),
        "begins behind its end": content[: place + 24] + b"\x7f" + content[place + 25 :],
        "of no length": content[: place + 20] + bytes(4) + content[place + 24 :],
        "nothing": b"",
        "no boxes": bytes(100),
    }
    assert [name for name, damaged in others.items() if edits(io.BytesIO(damaged), 1)] == []


def test_what_plays_once_is_told(edited):
    for parts, once in (([(5.0, 0.0)], True), ([(4.0, 1.0)], False), ([(1.0, None), (4.0, 0.0)], False)):
        for long in (False, True):
            with edited("aac", parts, long).open("rb") as file:
                assert plays_once(file) == (once and not long)
                assert file.tell() == 0
    for codec in CODECS:
        with edited(codec, [(5.0, 0.0)]).open("rb") as file:
            assert plays_once(file) == (codec == "aac")
