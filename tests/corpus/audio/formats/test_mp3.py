"""mp3s that tell their length go to libsndfile, which then decodes what FFmpeg decodes; all others go to FFmpeg."""

import io

import av
import numpy as np
import pytest
import soundfile as sf

from emoclr.corpus.audio.formats.ffmpeg import FfmpegStream
from emoclr.corpus.audio.formats.libsndfile import SndfileStream
from emoclr.corpus.audio.formats.mp3 import tells_its_length

SECONDS = 1.3


def noise(rate, channels=1):
    return 0.1 * np.random.default_rng(0).standard_normal((round(SECONDS * rate), channels))


def by_libsndfile(rate, channels, mode, level):
    file = io.BytesIO()
    sf.write(file, noise(rate, channels), rate, format="MP3", bitrate_mode=mode, compression_level=level)
    return file.getvalue()


def by_ffmpeg(rate, channels, **options):
    file = io.BytesIO()
    with av.open(file, "w", format="mp3", options=options) as container:
        layout = "mono" if channels == 1 else "stereo"
        stream = container.add_stream("libmp3lame", rate=rate, layout=layout)
        samples = np.ascontiguousarray(noise(rate, channels).T, dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(samples, "fltp", layout)
        frame.rate = rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return file.getvalue()


WRITTEN = {
    "constant": lambda: by_libsndfile(16_000, 1, "CONSTANT", 0.2),
    "variable": lambda: by_libsndfile(22_050, 2, "VARIABLE", 0.6),
    "average": lambda: by_libsndfile(44_100, 1, "AVERAGE", 0.8),
    "FFmpeg": lambda: by_ffmpeg(48_000, 2),
    "tags": lambda: by_ffmpeg(16_000, 1, write_id3v1="1", id3v2_version="4"),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_what_tells_its_length_is_to_the_sample_what_ffmpeg_decodes(name):
    content = WRITTEN[name]()
    assert tells_its_length(content)
    one, other = (
        np.concatenate(list(stream(io.BytesIO(content)).blocks())) for stream in (SndfileStream, FfmpegStream)
    )
    np.testing.assert_allclose(one, other, atol=1e-5)
    late = np.concatenate(list(SndfileStream(io.BytesIO(content)).blocks(5_000)))
    np.testing.assert_array_equal(late, one[5_000:])


def frames_of(content):
    with av.open(io.BytesIO(content)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def test_a_file_that_was_cut_joined_or_damaged_does_not_tell_its_length():
    content = WRITTEN["constant"]()
    frames = frames_of(content)
    head = content[: len(content) - sum(map(len, frames))]  # the frame that counts the others
    count = head.index(b"Info") + 8
    assert tells_its_length(head + b"".join(frames))
    lying = bytearray(content)
    lying[count + 3] ^= 1
    half = by_libsndfile(22_050, 1, "CONSTANT", 0.2)
    others = {
        "cut": content[:-1],
        "cut at a frame": head + b"".join(frames[:-1]),
        "joined": content + content,
        "a frame dropped": head + b"".join(frames[:7] + frames[8:]),
        "something between": head + b"".join(frames[:7]) + b"\0" * 16 + b"".join(frames[7:]),
        "another rate": head + b"".join(frames[:-1] + frames_of(half)[-1:]),
        "without a count": b"".join(frames),
        "a wrong count": bytes(lying),
        "an encoder that tells no delay": content.replace(b"LAME", b"GOGO"),
        "something behind": content + b"APETAGEX" + bytes(40),
        "a tag and no more": b"ID3\4\0\0\0\0\0\0",
        "nothing": b"\xff",
    }
    assert [name for name, damaged in others.items() if tells_its_length(damaged)] == []


def test_a_long_file_is_read_in_pieces(tmp_path, monkeypatch):
    content = WRITTEN["FFmpeg"]()
    monkeypatch.setattr("emoclr.corpus.audio.formats.mp3._READ_BYTES", 300)  # less than a frame has
    path = tmp_path / "a.mp3"
    path.write_bytes(content)
    assert tells_its_length(path)
    path.write_bytes(content[:-1])
    assert not tells_its_length(path)
