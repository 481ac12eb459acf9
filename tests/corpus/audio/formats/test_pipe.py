"""Through a pipe: the samples of the same file; of FLAC each frame once it is there."""

import contextlib
import io
import os
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile as sf

from emoclr.corpus.audio.decoder import Recording
from emoclr.corpus.audio.errors import DecoderError
from emoclr.corpus.audio.formats.flac_pipe import FlacPipeStream
from emoclr.corpus.audio.formats.open_stream import open_stream
from emoclr.corpus.audio.formats.pipe import Pipe

RATE = 16_000
FRAME = 4_096
"""Samples in a frame, of libFLAC."""
PATIENCE_S = 20.0

SIGNAL = np.float32(0.1) * np.random.default_rng(0).standard_normal((8 * FRAME + 100, 2)).astype(np.float32)


def flac(samples: np.ndarray = SIGNAL) -> bytes:
    file = io.BytesIO()
    sf.write(file, samples, RATE, format="FLAC")
    return file.getvalue()


def packet_sizes(content: bytes) -> list[int]:
    """Returns the bytes of each frame, as FFmpeg finds them."""
    with av.open(io.BytesIO(content)) as file:
        return [packet.size for packet in file.demux() if packet.size]


def without_length(content: bytes) -> bytes:
    """Returns a FLAC as encoders write it that cannot go back: the number of samples is 0."""
    return content[:21] + bytes([content[21] & 0xF0]) + bytes(4) + content[26:]


@contextlib.contextmanager
def piped(content: bytes) -> Iterator[Pipe]:
    end, begin = os.pipe()

    def feed() -> None:
        with contextlib.suppress(BrokenPipeError), os.fdopen(begin, "wb") as file:
            file.write(content)

    thread = threading.Thread(target=feed, daemon=True)
    thread.start()
    with os.fdopen(end, "rb") as file:
        yield Pipe(file)
    thread.join()


def decoded(content: bytes) -> tuple[np.ndarray, str]:
    """Returns all samples, (frames, channels), and what was not decoded."""
    with piped(content) as pipe:
        stream = open_stream(Path("stdin"), pipe)
        with contextlib.closing(stream):
            return np.concatenate(list(stream.blocks())), stream.partial


def test_a_frame_is_decoded_once_all_of_it_is_there() -> None:
    content = flac()
    sizes = packet_sizes(content)
    first = len(content) - sum(sizes)
    end, begin = os.pipe()
    found: list[int] = []
    seen = threading.Semaphore(0)

    def read() -> None:
        with os.fdopen(end, "rb") as file:
            stream = open_stream(Path("stdin"), Pipe(file))
            for block in stream.blocks():
                found.append(len(block))
                seen.release()
            stream.close()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    with os.fdopen(begin, "wb", buffering=0) as file:
        file.write(content[:first])
        for size in sizes[:3]:
            file.write(content[first : first + size])
            first += size
            assert seen.acquire(timeout=PATIENCE_S)
        assert found == 3 * [FRAME]
    reader.join(PATIENCE_S)


@pytest.mark.parametrize(
    "change",
    [bytes, without_length, lambda content: content + b"TAG" + bytes(125)],
    ids=["whole", "length unknown", "a tag behind it"],
)
def test_samples_are_those_of_the_file(change: Callable[[bytes], bytes]) -> None:
    content = flac()
    found, partial = decoded(change(content))
    assert partial == ""
    np.testing.assert_array_equal(found, sf.read(io.BytesIO(content), dtype="float32")[0])


def test_what_breaks_off_is_told() -> None:
    content = flac()
    found, partial = decoded(content[: len(content) // 2])
    assert 3 * FRAME <= len(found) < 5 * FRAME and "breaks off" in partial and f"{len(SIGNAL) / RATE:.2f} s" in partial
    found, partial = decoded(without_length(content)[: len(content) // 2])
    assert 3 * FRAME <= len(found) < 5 * FRAME


def test_what_follows_a_damage_is_heard() -> None:
    """libsndfile ends there."""
    samples = np.repeat(SIGNAL, 8, axis=0)
    content = bytearray(flac(samples))
    content[len(content) // 4 : len(content) // 4 + 50] = b"\xa5" * 50
    found, partial = decoded(bytes(content))
    assert len(samples) - 8 * FRAME < len(found) < len(samples) and "breaks off" in partial
    np.testing.assert_allclose(found[-10 * FRAME :], samples[-10 * FRAME :], atol=1e-4)


def test_one_joined_to_another_is_heard_to_its_end() -> None:
    found, _ = decoded(2 * without_length(flac()))
    assert len(found) > 1.5 * len(SIGNAL)


def test_what_libsndfile_refuses_goes_to_ffmpeg() -> None:
    """The pipe is at its beginning again."""
    with piped(b"fLaC" + bytes(100)) as pipe:
        with pytest.raises(DecoderError):
            FlacPipeStream(pipe)
        assert pipe.peek(6) == b"fLaC\0\0"


def test_a_recording_begins_where_it_is_asked_to() -> None:
    with piped(flac()) as pipe, Recording(Path("stdin"), pipe, "mean") as recording:
        assert len(recording.waveform(start_s=1.0)) == len(SIGNAL) - RATE


@pytest.mark.parametrize("movflags", ["empty_moov", "frag_keyframe", "empty_moov+frag_every_frame"])
def test_an_mp4_in_fragments_is_heard_to_its_end(movflags: str) -> None:
    """What its index tells of is the first fragment, or nothing."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4", options={"movflags": movflags, "frag_duration": "300000"}) as container:
        stream = container.add_stream("aac", rate=RATE, layout="stereo")
        for first in range(0, len(SIGNAL), 1_024):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(SIGNAL[first : first + 1_024].T), "fltp", "stereo")
            frame.sample_rate, frame.pts, frame.time_base = RATE, first, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    found, partial = decoded(file.getvalue())
    with contextlib.closing(open_stream(Path("a.mp4"), file.getvalue())) as whole:
        np.testing.assert_array_equal(found, np.concatenate(list(whole.blocks())))
    assert partial == "" and len(found) >= len(SIGNAL)
