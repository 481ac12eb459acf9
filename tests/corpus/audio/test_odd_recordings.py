"""Recordings as they really lie about: cut, joined, with tails, gaps and several streams; what is told of them."""

from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile as sf

from emoclr.corpus.audio.decoder import SAMPLE_RATE, AudioError, read_waveform

SECONDS = 5.0


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


@pytest.mark.parametrize("tail", [b"TAG" + bytes(125), bytes(5_000)], ids=["ID3v1", "zeros"])
def test_what_stands_behind_the_last_frame_of_a_flac_costs_nothing(written, read, tmp_path, tail):
    path = tmp_path / "tail.flac"
    path.write_bytes(written("a.flac").read_bytes() + tail)
    waveform, recording = read(path)
    assert len(waveform) == SECONDS * SAMPLE_RATE and recording.partial == ""
    np.testing.assert_array_equal(waveform, read(written("a.flac"))[0])


CUT = [
    *["a.flac", "a.mp3", "a.webm", "mulaw.wav", "a.mkv", "a.opus", "flac.ogg", "mp3.wav", "a.wv", "a.tta", "a.wma"],
    *["a.rf64", "a.w64", "gsm.w64", "a.aiff", "gsm.aiff", "a.au", "g721.au", "a.caf", "a.sph", "a.svx", "a.avi"],
]


@pytest.mark.parametrize("name", CUT)
def test_a_recording_that_is_cut_keeps_what_is_there_and_is_partial(written, read, tmp_path, name):
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
def test_a_part_of_a_codec_that_cannot_seek_is_read(clicks, tmp_path, subtype, container, rate):
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


@pytest.mark.parametrize("default", [0, 1, 2])
@pytest.mark.parametrize(("name", "codec"), [("a.mka", "flac"), ("a.mp4", "aac"), ("a.mov", "pcm_s16le")])
def test_of_several_audio_streams_the_default_one_is_read_and_the_others_named(
    encode, clicks, read, late_s, tmp_path, name, codec, default
):
    signals = [np.zeros(5 * SAMPLE_RATE, np.float32)] * 3
    signals[default] = clicks(SAMPLE_RATE)
    container = {"a.mka": "matroska"}.get(name, name.split(".")[1])
    waveform, recording = read(encode(tmp_path / name, codec, SAMPLE_RATE, container, signals, default))
    assert max(map(abs, late_s(waveform))) < 0.001
    others = [number for number in range(3) if number != default]
    assert "3 audio streams" in recording.notes[0]
    assert all(f"stream {number}" in recording.notes[0] for number in others)


@pytest.mark.parametrize(("name", "codec"), [("a.mka", "flac"), ("a.webm", "libopus"), ("a.mov", "pcm_s16le")])
def test_sound_that_begins_after_the_picture_is_whole(encode, read, late_s, tmp_path, name, codec):
    container = {"a.mka": "matroska"}.get(name, name.split(".")[1])
    waveform, recording = read(encode(tmp_path / name, codec, 48_000, container, start_s=0.37))
    assert len(waveform) == SECONDS * SAMPLE_RATE and recording.partial == ""
    assert max(map(abs, late_s(waveform))) < 0.001
    assert recording.info.duration_s == pytest.approx(SECONDS, abs=0.01)


@pytest.mark.parametrize(
    ("codec", "rate", "frame"), [("aac", 44_100, 1024), ("libopus", 48_000, 960), ("flac", 16_000, 0)]
)
def test_an_mp4_in_fragments_is_read_whole(encode, read, late_s, tmp_path, codec, rate, frame):
    path = encode(tmp_path / "a.mp4", codec, rate, "mp4", movflags="frag_every_frame+empty_moov+delay_moov")
    waveform, recording = read(path)
    assert 0 <= len(waveform) / SAMPLE_RATE - SECONDS <= frame / rate and recording.partial == ""
    assert max(map(abs, late_s(waveform))) < 0.001


@pytest.mark.parametrize("container", ["nut", "flv"])
def test_a_packet_that_only_changes_settings_is_no_damage(encode, read, tmp_path, container):
    waveform, recording = read(encode(tmp_path / f"a.{container}", "flac", 16_000, container))
    assert len(waveform) == SECONDS * SAMPLE_RATE and recording.partial == ""


def test_the_sound_of_a_video_is_read(clicks, tmp_path):
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


def test_a_stream_that_begins_on_the_way_takes_nothing(encode, written, read, tmp_path):
    """PyAV raises IndexError at the end of such a file."""
    first = encode(tmp_path / "first.mts", "mp2", 16_000, "mpegts", mpegts_start_pid="0x100")
    second = encode(
        tmp_path / "second.mts", "mp2", 16_000, "mpegts", mpegts_start_pid="0x180", mpegts_pmt_start_pid="0x1100"
    )
    path = tmp_path / "both.mts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    waveform, _ = read(path)
    assert len(waveform) >= SECONDS * SAMPLE_RATE


@pytest.mark.parametrize("container", ["matroska", "mp4", "avi"])
def test_sound_that_ends_before_the_picture_is_whole(clicks, read, tmp_path, container):
    path = tmp_path / f"a.{container}"
    with av.open(str(path), "w", format=container) as file:
        picture = file.add_stream("mpeg4", rate=25)
        picture.width = picture.height = 64
        sound = file.add_stream("pcm_s16le" if container == "avi" else "flac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            (clicks(16_000) * 32_767).astype(np.int16)[None], format="s16", layout="mono"
        )
        frame.sample_rate, frame.pts, frame.time_base = 16_000, 0, Fraction(1, 16_000)
        fifo = av.AudioFifo()
        fifo.write(frame)
        while (part := fifo.read(sound.codec_context.frame_size or 1024, partial=True)) is not None:
            file.mux(sound.encode(part))
        for _ in range(8 * 25):
            file.mux(picture.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        for stream in (picture, sound):
            file.mux(stream.encode(None))
    waveform, recording = read(path)
    assert len(waveform) == SECONDS * SAMPLE_RATE and recording.partial == ""


def test_a_header_with_an_impossible_rate_is_refused(written, tmp_path):
    """Resampling from 2 GHz took 3 GB and 17 s for 4 kB."""
    content = bytearray(written("a.wav").read_bytes())
    content[24:28] = (1_956_134_528).to_bytes(4, "little")
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(AudioError, match="1,956,134,528 Hz"):
        read_waveform(path)


def test_silence_behind_the_end_of_a_file_is_not_made_up(written, read, tmp_path):
    """Libsndfile goes on as long as the header says, for days."""
    content = bytearray(written("gsm.w64").read_bytes())
    place = content.index(b"data") + 16
    content[place : place + 8] = bytes.fromhex("20e72c0eb25806e6")
    path = tmp_path / "a.w64"
    path.write_bytes(content)
    waveform, recording = read(path)
    assert len(waveform) < 3 * SECONDS * SAMPLE_RATE and recording.partial


@pytest.mark.parametrize(("rate", "frame"), [(44_100, 1152), (16_000, 576)])
def test_an_mp3_whose_first_frame_does_not_count_the_others_begins_where_the_recording_does(
    encode, read, late_s, tmp_path, rate, frame
):
    path = encode(tmp_path / "a.mp3", "libmp3lame", rate, "mp3", write_xing="0")
    waveform, recording = read(path)
    assert 0 <= len(waveform) / SAMPLE_RATE - SECONDS <= frame / rate and recording.partial == ""
    assert max(map(abs, late_s(waveform))) < 0.001


@pytest.mark.parametrize("codec", ["libmp3lame", "mp2"])
def test_both_layers_of_an_mpeg_transport_stream_have_their_own_delay(encode, read, late_s, tmp_path, codec):
    waveform, _ = read(encode(tmp_path / "a.mts", codec, 48_000, "mpegts"))
    assert max(map(abs, late_s(waveform))) < 0.001
