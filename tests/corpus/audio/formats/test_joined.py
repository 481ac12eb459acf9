"""Several recordings in one file: chained Ogg, and what `cat a b > c` makes of any format."""

import re
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

import emoclr.corpus.audio.formats.joined
from emoclr.corpus.audio.decoder import SAMPLE_RATE, decode_waveform, read_waveform
from emoclr.corpus.audio.formats.joined import _places, joined_recordings

SECONDS = 5.0

# By how many s each of them is longer than alone: what the encoder puts before the first sample is told from sound only
# at the beginning of those that are read as one.
JOINED = {
    **dict.fromkeys(["a.wav", "mulaw.wav", "a.w64", "a.aiff", "a.au", "a.caf", "a.flac", "a.voc", "a.tta"], 0.0),
    **dict.fromkeys(["a.ogg", "a.opus", "flac.ogg", "a.m4a", "a.mp4", "a.mov", "a.3gp", "a.mka", "a.amr"], 0.0),
    **dict.fromkeys(["a.flv", "a.wma", "a.wv", "a.webm", "a.mp3", "slow.mp3"], 0.0),
    **dict.fromkeys(["a.aac", "a.mts"], 1024 / 44_100),
    **dict.fromkeys(["a.mp2", "a.avi"], 481 / 44_100),
    "a.ac3": 256 / 48_000,
}


@pytest.mark.parametrize("name", JOINED)
def test_all_of_three_joined_recordings_is_read_and_in_memory_too(written, read, late_s, tmp_path, name):
    alone, _ = read(written(name))
    path = tmp_path / name
    path.write_bytes(written(name).read_bytes() * 3)
    waveform, recording = read(path)
    excess_s = (len(waveform) - 3 * len(alone)) / SAMPLE_RATE
    assert -1 / SAMPLE_RATE <= excess_s <= 2 * JOINED[name] + 3 / SAMPLE_RATE and recording.partial == ""
    np.testing.assert_array_equal(decode_waveform(path.read_bytes(), path), waveform)
    third = waveform[-len(alone) :]
    for begin, after in zip(late_s(alone), late_s(third), strict=True):
        assert abs(after - begin) <= 0.001


@pytest.mark.parametrize(("first", "second"), [("a.ogg", "a.opus"), ("a.opus", "flac.ogg"), ("a.m4a", "a.mp4")])
def test_each_of_a_chain_has_its_own_codec_rate_and_channels(written, read, late_s, tmp_path, first, second):
    path = tmp_path / first
    path.write_bytes(written(first).read_bytes() + written(second).read_bytes())
    waveform, recording = read(path)
    assert len(waveform) == pytest.approx(2 * SECONDS * SAMPLE_RATE, abs=2) and recording.partial == ""
    assert max(map(abs, late_s(waveform[int(SECONDS * SAMPLE_RATE) :]))) < 0.001
    part = read_waveform(path, SECONDS, SECONDS + 2)
    np.testing.assert_allclose(part, waveform[5 * SAMPLE_RATE :][: len(part)], atol=1e-3)


def test_a_chain_of_mono_and_stereo_is_read_whole(tmp_path, clicks, read, late_s):
    path = tmp_path / "a.ogg"
    both = np.stack([clicks(44_100)] * 2, axis=1)
    sf.write(tmp_path / "mono.ogg", both[:, 0], 44_100, "VORBIS", format="OGG")
    sf.write(tmp_path / "stereo.ogg", both, 44_100, "VORBIS", format="OGG")
    for order in (("mono", "stereo"), ("stereo", "mono")):
        path.write_bytes(b"".join((tmp_path / f"{name}.ogg").read_bytes() for name in order))
        waveform, recording = read(path)
        assert len(waveform) == 2 * SECONDS * SAMPLE_RATE and recording.partial == ""
        assert max(map(abs, late_s(waveform[int(SECONDS * SAMPLE_RATE) :]))) < 0.001


def test_a_damaged_recording_among_joined_ones_is_told(written, read, tmp_path):
    path = tmp_path / "a.m4a"
    whole = written("a.m4a").read_bytes()
    path.write_bytes(whole + whole[:20_000] + b"")
    waveform, recording = read(path)
    assert len(waveform) == SECONDS * SAMPLE_RATE
    assert "recording 2 of the 2" in recording.partial and "moov" in recording.partial


@pytest.mark.parametrize("offset", [1_000, 480_000])
def test_opus_that_was_cut_out_of_a_longer_stream_keeps_its_places(written, read, late_s, tmp_path, offset):
    """Libsndfile does not cut its pre-skip: everything is 6.5 ms late."""
    content = bytearray(written("a.opus").read_bytes())
    place = 0
    while place < len(content):
        end = place + 27 + content[place + 26]
        end += sum(content[place + 27 : end])
        granule = struct.unpack_from("<q", content, place + 6)[0]
        struct.pack_into("<q", content, place + 6, granule + offset if granule > 0 else granule)
        content[place + 22 : place + 26] = bytes(4)
        struct.pack_into("<I", content, place + 22, ogg_checksum(content[place:end]))
        place = end
    path = tmp_path / "a.opus"
    path.write_bytes(content)
    waveform, recording = read(path)
    assert len(waveform) == SECONDS * SAMPLE_RATE and recording.partial == ""
    assert max(map(abs, late_s(waveform))) < 0.001


def ogg_checksum(page: bytes) -> int:
    """CRC-32 of an Ogg page (RFC 3533): polynomial 0x04c11db7, nothing reflected."""
    remainder = 0
    for byte in page:
        remainder ^= byte << 24
        for _ in range(8):
            remainder = ((remainder << 1) ^ (0x104C11DB7 if remainder & 0x80000000 else 0)) & 0xFFFFFFFF
    return remainder


@pytest.mark.parametrize("padding", [0, 20_000])
def test_an_mp3_behind_several_tags_is_one(written, read, tmp_path, padding):
    """Programs that cut podcasts put a tag before that of the encoder, and pictures into both."""
    alone = written("a.mp3")
    size = 50_000
    tag = b"ID3\4\0\0" + bytes(size >> shift & 127 for shift in (21, 14, 7, 0)) + b"\1" * size + bytes(padding)
    path = tmp_path / "a.mp3"
    path.write_bytes(2 * tag + alone.read_bytes())
    assert joined_recordings(path) == [(0, path.stat().st_size)]
    waveform, recording = read(path)
    assert len(waveform) >= len(read(alone)[0]) and recording.partial == ""


def test_a_beginning_that_comes_twice_before_the_sound_is_no_second_recording(written, read, tmp_path):
    path = tmp_path / "a.m4a"
    content = written("a.m4a").read_bytes()
    size = struct.unpack_from(">I", content)[0] + 8  # of its box and the free one: nothing behind them moves
    assert content[size - 4 : size] == b"free"
    boxes = b"".join(
        struct.pack(">I4s4sI", length, b"ftyp", b"M4A ", 0).ljust(length, b" ") for length in (16, size - 16)
    )
    path.write_bytes(boxes + content[size:])
    assert len(joined_recordings(path)) == 2
    alone, _ = read(written("a.m4a"))
    waveform, recording = read(path)
    assert recording.partial == "" and len(waveform) == len(alone)


def test_one_recording_is_one(form, written):
    path = Path(written(form.name))
    assert joined_recordings(path) == [(0, path.stat().st_size)] == joined_recordings(path.read_bytes())


@pytest.mark.parametrize("read_bytes", [1, 7, 64, 65, 1_000])
def test_a_mark_is_found_wherever_it_lies_between_two_reads(read_bytes, monkeypatch, tmp_path):
    monkeypatch.setattr(emoclr.corpus.audio.formats.joined, "_READ_BYTES", read_bytes)
    mark = b"<" + bytes(62) + b">"
    content = mark + b"x" * 100 + mark + b"x" + mark + b"<" + bytes(61) + b">" + mark
    (tmp_path / "file").write_bytes(content)
    pattern = re.compile(re.escape(mark))
    expected = [found.start() for found in pattern.finditer(content)]
    assert len(expected) == 4
    assert list(_places(content, pattern)) == list(_places(tmp_path / "file", pattern)) == expected
