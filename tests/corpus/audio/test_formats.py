"""Containers and codecs that FFmpeg writes: marks at known times, lengths, parts, and what is told of a broken file."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile as sf
from scipy.io import wavfile

from emoclr.corpus.audio.decoder import SAMPLE_RATE, AudioError, Recording, decode_waveform, read_waveform

SECONDS = 5.0
MARKS_S = (0.5, 1.7, 3.1, 4.6)
MILLISECOND = 0.001

FORMATS = [
    # name, codec, rate, container, samples of a codec's frame that may be too many, s by which marks may be late
    ("a.m4a", "aac", 44_100, "ipod", 0, 0.0),
    ("a.mp4", "aac", 16_000, "mp4", 0, 0.0),
    ("a.mov", "aac", 48_000, "mov", 0, 0.0),
    ("a.3gp", "aac", 16_000, "3gp", 0, 0.0),
    ("alac.m4a", "alac", 44_100, "ipod", 0, 0.0),
    ("pcm.mov", "pcm_s16be", 16_000, "mov", 0, 0.0),
    ("a.mkv", "aac", 44_100, "matroska", 1024, 0.0),
    ("a.mka", "flac", 44_100, "matroska", 0, 0.0),
    ("a.webm", "libopus", 48_000, "webm", 0, 0.0),
    ("a.opus", "libopus", 48_000, "ogg", 0, 0.0),
    ("a.mp3", "libmp3lame", 44_100, "mp3", 0, 0.0),
    ("slow.mp3", "libmp3lame", 16_000, "mp3", 0, 0.0),
    ("a.flac", "flac", 44_100, "flac", 0, 0.0),
    ("a.wv", "wavpack", 44_100, "wv", 0, 0.0),
    ("a.tta", "tta", 44_100, "tta", 0, 0.0),
    ("alaw.wav", "pcm_alaw", 8_000, "wav", 0, 0.0),
    # These say nothing of what the encoder put before the first sample: FFmpeg's own encoders take so much.
    ("a.amr", "libopencore_amrnb", 8_000, "amr", 160, 0.02),
    ("amr.3gp", "libopencore_amrnb", 8_000, "3gp", 160, 0.02),
    ("a.aac", "aac", 44_100, "adts", 2048, 0.0233),
    ("a.mts", "aac", 44_100, "mpegts", 2048, 0.0233),
    ("a.flv", "aac", 44_100, "flv", 2048, 0.0233),
    ("a.mp2", "mp2", 44_100, "mp2", 1152, 0.012),
    ("a.avi", "mp2", 44_100, "avi", 1152, 0.012),
    ("a.ac3", "ac3", 48_000, "ac3", 1536, 0.006),
]


def clicks(rate: int) -> np.ndarray:
    """Four clicks of 4 ms in faint noise, float32 (samples,)."""
    signal = 0.001 * np.random.default_rng(0).standard_normal(int(SECONDS * rate))
    length = int(0.004 * rate)
    click = 0.8 * np.hanning(length) * np.sin(2 * np.pi * 1000 * np.arange(length) / rate)
    for at_s in MARKS_S:
        first = int(at_s * rate) - length // 2
        signal[first : first + length] += click
    return signal.astype(np.float32)


def encode(path: Path, codec: str, rate: int, container: str, streams: int = 1) -> Path:
    """Writes `clicks`; further streams, each of them silence, come first."""
    with av.open(str(path), "w", format=container) as file:
        made = [file.add_stream(codec, rate=rate, layout="mono") for _ in range(streams)]
        for number, stream in enumerate(made):
            signal = clicks(rate) if number == streams - 1 else np.zeros(int(SECONDS * rate), np.float32)
            frame = av.AudioFrame.from_ndarray(signal[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
            converter = av.AudioResampler(format=stream.codec_context.format.name, layout="mono", rate=rate)
            fifo = av.AudioFifo()
            for converted in converter.resample(frame):
                fifo.write(converted)
            while (part := fifo.read(stream.codec_context.frame_size or 1024, partial=True)) is not None:
                file.mux(stream.encode(part))
            file.mux(stream.encode(None))
    return path


def late_s(waveform: np.ndarray) -> list[float]:
    """By how much each click is late, in s."""
    found = []
    for at_s in MARKS_S:
        first = int((at_s - 0.3) * SAMPLE_RATE)
        energy = np.convolve(waveform[first : first + int(0.6 * SAMPLE_RATE)] ** 2, np.ones(64), "same")
        found.append((first + int(energy.argmax())) / SAMPLE_RATE - at_s)
    return found


def read(path: Path) -> tuple[np.ndarray, Recording]:
    with Recording(path, path) as recording:
        return np.concatenate(list(recording.blocks())), recording


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Returns written(name) -> path of one of `FORMATS`, each encoded once."""
    folder = tmp_path_factory.mktemp("formats")

    def write(name: str) -> Path:
        codec, rate, container = next(row[1:4] for row in FORMATS if row[0] == name)
        path = folder / name
        return path if path.exists() else encode(path, codec, rate, container)

    return write


@pytest.mark.parametrize(("name", "codec", "rate", "container", "padding", "lag_s"), FORMATS, ids=lambda row: str(row))
def test_a_recording_has_its_length_and_every_mark_its_place(written, name, codec, rate, container, padding, lag_s):
    waveform, recording = read(written(name))
    excess_s = len(waveform) / SAMPLE_RATE - SECONDS
    assert -MILLISECOND <= excess_s <= padding / rate + MILLISECOND
    assert recording.partial == "" and recording.notes == []
    tolerance_s = MILLISECOND if lag_s == 0 else lag_s + MILLISECOND
    assert all(abs(late) <= tolerance_s for late in late_s(waveform))


@pytest.mark.parametrize("name", [row[0] for row in FORMATS])
def test_a_part_is_what_the_whole_holds_there(written, name):
    whole, _ = read(written(name))
    for start_s, end_s in ((1.5, 2.0), (3.0, 3.4), (4.2, 4.9)):
        part = read_waveform(written(name), start_s, end_s)
        expected = whole[round(start_s * SAMPLE_RATE) :][: len(part)]
        assert len(part) == pytest.approx((end_s - start_s) * SAMPLE_RATE, abs=1)
        reach = 16  # samples, 1 ms
        shifted = [
            float(np.square(np.roll(part, shift)[reach:-reach] - expected[reach:-reach]).sum())
            for shift in range(-reach, reach + 1)
        ]
        assert min(shifted) <= 0.05 * float(np.square(expected[reach:-reach]).sum()) + 1e-9


@pytest.mark.parametrize("name", ["a.m4a", "a.mp3", "a.webm", "a.opus", "a.flac"])
def test_bytes_in_memory_are_read_as_the_file_is(written, name):
    whole, _ = read(written(name))
    np.testing.assert_array_equal(decode_waveform(written(name).read_bytes(), Path(name)), whole)


def test_an_mp3_of_variable_rate_without_its_first_frame_is_read_to_its_end(tmp_path):
    """Libsndfile takes the first frame's size for that of all, and stops at 0.54 of 3 s."""
    signal = np.zeros(3 * SAMPLE_RATE, np.float32)
    signal[:3_200] = 0.3 * np.random.default_rng(0).standard_normal(3_200)
    path = tmp_path / "with.mp3"
    sf.write(path, signal, SAMPLE_RATE, format="MP3", bitrate_mode="VARIABLE", compression_level=0.5)
    content = path.read_bytes()
    bare = tmp_path / "without.mp3"
    bare.write_bytes(content[content.index(content[:2], 2) :])
    assert len(read_waveform(bare)) / SAMPLE_RATE == pytest.approx(3.0, abs=0.1)
    assert len(read_waveform(path)) == 3 * SAMPLE_RATE


def test_all_of_joined_files_and_of_a_chain_of_streams_is_read(written, tmp_path):
    for name in ("a.mp3", "slow.mp3", "a.opus"):
        content = written(name).read_bytes()
        joined = tmp_path / name
        joined.write_bytes(content + content)
        waveform, recording = read(joined)
        assert len(waveform) / SAMPLE_RATE == pytest.approx(2 * SECONDS, abs=0.09) and recording.partial == ""
    joined = tmp_path / "joined.wav"
    joined.write_bytes(written("alaw.wav").read_bytes() * 2)
    waveform, recording = read(joined)
    assert len(waveform) == SECONDS * SAMPLE_RATE and "another wav" in recording.partial


@pytest.mark.parametrize("tail", [b"TAG" + bytes(125), bytes(5_000)], ids=["ID3v1", "zeros"])
def test_what_stands_behind_the_last_frame_of_a_flac_costs_nothing(written, tmp_path, tail):
    path = tmp_path / "tail.flac"
    path.write_bytes(written("a.flac").read_bytes() + tail)
    waveform, recording = read(path)
    assert len(waveform) == SECONDS * SAMPLE_RATE and recording.partial == ""
    np.testing.assert_array_equal(waveform, read(written("a.flac"))[0])


@pytest.mark.parametrize("name", ["a.flac", "a.mp3", "a.webm", "alaw.wav", "a.mkv", "a.opus"])
def test_a_recording_that_is_cut_keeps_what_is_there_and_is_partial(written, tmp_path, name):
    content = written(name).read_bytes()
    path = tmp_path / name
    path.write_bytes(content[: len(content) * 2 // 3])
    waveform, recording = read(path)
    assert 1.5 < len(waveform) / SAMPLE_RATE < 4.5 and recording.partial
    whole, _ = read(written(name))
    assert np.abs(waveform[:SAMPLE_RATE] - whole[:SAMPLE_RATE]).max() < 1e-3


def test_an_mp4_that_was_cut_before_its_index_says_so(written, tmp_path):
    path = tmp_path / "cut.m4a"
    path.write_bytes(written("a.m4a").read_bytes()[:20_000])
    with pytest.raises(AudioError, match="moov"):
        read_waveform(path)


@pytest.mark.parametrize(
    ("subtype", "container", "rate"),
    [("GSM610", "WAV", 8_000), ("G721_32", "AU", 16_000), ("NMS_ADPCM_16", "WAV", 16_000), ("DWVW_16", "AIFF", 16_000)],
)
def test_a_part_of_a_codec_that_cannot_seek_is_read(tmp_path, subtype, container, rate):
    path = tmp_path / f"a.{container.lower()}"
    sf.write(path, clicks(rate), rate, format=container, subtype=subtype)
    whole = read_waveform(path)
    assert len(whole) / SAMPLE_RATE == pytest.approx(SECONDS, abs=0.003)
    np.testing.assert_allclose(
        read_waveform(path, 1.0, 2.0)[40:-40], whole[SAMPLE_RATE : 2 * SAMPLE_RATE][40:-40], atol=2e-3
    )


def test_opus_with_an_open_input_rate_keeps_what_is_above_4_khz(tmp_path):
    """RFC 7845 allows 0 for the input rate; libsndfile then decodes at 8 kHz."""
    path = tmp_path / "a.opus"
    noise = 0.1 * np.random.default_rng(0).standard_normal(48_000).astype(np.float32)
    sf.write(path, noise, 48_000, format="OGG", subtype="OPUS")
    content = bytearray(path.read_bytes())
    rate_at = content.index(b"OpusHead") + 12
    content[rate_at : rate_at + 4] = bytes(4)
    content[22:26] = bytes(4)
    content[22:26] = ogg_checksum(content[: 27 + content[26] + sum(content[27 : 27 + content[26]])]).to_bytes(
        4, "little"
    )
    path.write_bytes(content)
    spectrum = np.abs(np.fft.rfft(read_waveform(path))) ** 2
    half = len(spectrum) // 2
    assert spectrum[half:].sum() > 0.5 * spectrum[:half].sum()


def ogg_checksum(page: bytes) -> int:
    """CRC-32 of an Ogg page (RFC 3533): polynomial 0x04c11db7, nothing reflected."""
    remainder = 0
    for byte in page:
        remainder ^= byte << 24
        for _ in range(8):
            remainder = ((remainder << 1) ^ (0x104C11DB7 if remainder & 0x80000000 else 0)) & 0xFFFFFFFF
    return remainder


@pytest.mark.parametrize("bits", [16, 24, 32])
def test_floating_point_on_the_scale_of_integers_is_brought_back(tmp_path, bits):
    path = tmp_path / "a.wav"
    wavfile.write(path, SAMPLE_RATE, clicks(SAMPLE_RATE) * np.float32(2.0 ** (bits - 1)))
    waveform, recording = read(path)
    np.testing.assert_allclose(waveform, clicks(SAMPLE_RATE), atol=1e-6)
    assert "integers" in recording.notes[0]


def test_floating_point_that_is_a_little_loud_is_clipped_as_ever(tmp_path):
    path = tmp_path / "a.wav"
    wavfile.write(path, SAMPLE_RATE, 2 * clicks(SAMPLE_RATE))
    waveform, recording = read(path)
    assert recording.notes == [] and waveform.max() == 1.0


@pytest.mark.parametrize(
    ("gains", "channel", "gain"),
    [
        ((1.0, 1.0), None, 1.0),
        ((1.0, 0.5), None, 0.75),
        ((1.0, -1.0), 1, 1.0),
        ((0.0, 1.0), 2, 1.0),
        ((0.0, 0.0, 0.01, 1.0), 4, 1.0),
    ],
    ids=["equal", "panned", "opposite phase", "one side", "one of four"],
)
def test_channels_become_their_mean_unless_that_loses_what_they_hold(tmp_path, gains, channel, gain):
    path = tmp_path / "a.wav"
    mono = clicks(SAMPLE_RATE)
    sf.write(path, np.stack([level * mono for level in gains], axis=1), SAMPLE_RATE, subtype="FLOAT")
    waveform, recording = read(path)
    np.testing.assert_allclose(waveform, gain * mono, atol=1e-4)
    assert [note.split(" of ")[0] for note in recording.notes] == ([f"channel {channel}"] if channel else [])


def test_two_voices_on_two_sides_are_both_kept(tmp_path):
    voices = 0.1 * np.random.default_rng(0).standard_normal((SAMPLE_RATE, 2))
    voices[: SAMPLE_RATE // 2, 0] = 0
    voices[SAMPLE_RATE // 2 :, 1] = 0
    path = tmp_path / "call.wav"
    sf.write(path, voices, SAMPLE_RATE, subtype="FLOAT")
    waveform, recording = read(path)
    assert recording.notes == []
    np.testing.assert_allclose(waveform, voices.mean(axis=1), atol=1e-6)


def test_of_several_audio_streams_the_default_one_is_read_and_the_others_named(tmp_path):
    path = encode(tmp_path / "two.mka", "flac", 16_000, "matroska", streams=2)
    _, recording = read(path)
    assert "2 audio streams" in recording.notes[0] and "stream" in recording.notes[0]


def test_the_sound_of_a_video_is_read(tmp_path):
    path = tmp_path / "video.mp4"
    with av.open(str(path), "w") as file:
        picture = file.add_stream("mpeg4", rate=25)
        picture.width = picture.height = 64
        sound = file.add_stream("aac", rate=16_000, layout="mono")
        for _ in range(25):
            file.mux(picture.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        frame = av.AudioFrame.from_ndarray(clicks(16_000)[None, : 16 * 1024], format="fltp", layout="mono")
        frame.sample_rate = 16_000
        fifo = av.AudioFifo()
        fifo.write(frame)
        while (part := fifo.read(1024, partial=True)) is not None:
            file.mux(sound.encode(part))
        for stream in (picture, sound):
            file.mux(stream.encode(None))
    assert len(read_waveform(path)) == pytest.approx(16 * 1024, abs=1024)


def test_a_playlist_opens_nothing(written, tmp_path):
    for name, text in (
        ("list.m3u8", f"#EXTM3U\n#EXTINF:5,\n{written('a.mp3')}\n#EXT-X-ENDLIST\n"),
        ("list.txt", f"ffconcat version 1.0\nfile '{written('a.mp3')}'\n"),
    ):
        path = tmp_path / name
        path.write_text(text)
        with pytest.raises(AudioError, match="cannot be read as audio"):
            read_waveform(path)


@pytest.mark.parametrize(
    ("container", "subtype", "rate", "block"),  # block: samples by which a codec of whole blocks may be too long
    [
        ("WAV", "PCM_24", 44_100, 0),
        ("WAV", "MS_ADPCM", 16_000, 0),
        ("WAV", "GSM610", 8_000, 0),
        ("WAV", "G721_32", 8_000, 0),
        ("WAV", "NMS_ADPCM_16", 8_000, 0),
        ("RF64", "FLOAT", 16_000, 0),
        ("W64", "PCM_24", 16_000, 0),
        ("AU", "ULAW", 8_000, 0),
        ("AIFF", "PCM_16", 16_000, 0),
        ("AIFF", "GSM610", 8_000, 0),
        ("AIFF", "DWVW_16", 16_000, 0),
        ("CAF", "ALAC_16", 16_000, 0),
        ("OGG", "VORBIS", 16_000, 0),
        ("OGG", "OPUS", 48_000, 0),
        ("WAV", "IMA_ADPCM", 16_000, 505),
        ("W64", "IMA_ADPCM", 16_000, 505),
        ("W64", "GSM610", 8_000, 320),
        ("AIFF", "IMA_ADPCM", 16_000, 64),
        ("AU", "G721_32", 16_000, 120),
        ("AU", "G723_24", 16_000, 120),
    ],
)
def test_what_libsndfile_reads_has_its_length(tmp_path, container, subtype, rate, block):
    path = tmp_path / f"a.{container.lower()}"
    signal = np.concatenate([clicks(rate), np.zeros(123, np.float32)])
    sf.write(path, signal, rate, format=container, subtype=subtype)
    waveform, recording = read(path)
    excess = len(waveform) * rate / SAMPLE_RATE - len(signal)
    rounding = rate / SAMPLE_RATE
    assert -rounding <= excess <= block + rounding and recording.partial == ""
    smeared_s = 0.0005 if subtype == "NMS_ADPCM_16" else 0.0  # of two bits a sample
    assert all(abs(late) <= MILLISECOND + smeared_s for late in late_s(waveform))
