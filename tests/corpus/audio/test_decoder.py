import os
import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import soxr

from emoclr.corpus.audio.decoder import SAMPLE_RATE, AudioError, inspect_audio, read_waveform


def measured_tone(waveform: np.ndarray) -> tuple[float, float]:
    """Returns frequency in Hz and level of a tone, from the middle half, by the peak of a long spectrum."""
    middle = waveform[len(waveform) // 4 : -len(waveform) // 4].astype(np.float64)
    window = np.hanning(len(middle))
    n = 1 << 18
    spectrum = np.abs(np.fft.rfft(middle * window, n))
    peak = int(spectrum.argmax())
    return peak * SAMPLE_RATE / n, 2 * spectrum[peak] / window.sum()


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000])
def test_resampling_keeps_frequency_level_and_length(write_tone, rate):
    waveform = read_waveform(write_tone("tone.wav", rate=rate, hz=1_234.5, level=0.4, duration_s=2))
    frequency, level = measured_tone(waveform)
    assert waveform.dtype == np.float32 and waveform.ndim == 1
    assert abs(len(waveform) - 2 * SAMPLE_RATE) <= 1
    assert frequency == pytest.approx(1_234.5, abs=0.1)
    assert level == pytest.approx(0.4, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("t.flac", 44_100),
        ("t.ogg", 44_100),
        ("t.opus", 48_000),
        ("t.mp3", 44_100),
        ("t.mp3", 22_050),
        ("T.AIFF", 32_000),
    ],
)
def test_every_format_gives_the_tone_that_was_written(write_tone, name, rate):
    waveform = read_waveform(write_tone(name, rate=rate, hz=440, level=0.5, duration_s=2))
    frequency, level = measured_tone(waveform)
    assert frequency == pytest.approx(440, abs=0.5)
    assert level == pytest.approx(0.5, rel=0.02)
    assert len(waveform) == pytest.approx(2 * SAMPLE_RATE, rel=0.05)


def test_stereo_becomes_the_mean_of_its_channels(write_tone):
    mixed = read_waveform(write_tone("stereo.wav", level=0.4, channels=(1.0, 0.5)))
    assert measured_tone(mixed)[1] == pytest.approx(0.3, rel=1e-3)


def test_what_16_khz_cannot_hold_is_filtered_out_not_folded_down(write_tone):
    waveform = read_waveform(write_tone("high.wav", rate=48_000, hz=11_000, level=0.9, duration_s=2))
    assert np.sqrt(np.mean(waveform[1_000:-1_000] ** 2)) < 1e-4


def test_block_by_block_equals_resampling_at_once(tmp_path):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 7 * 48_000).astype(np.float32)
    sf.write(tmp_path / "noise.wav", noise, 48_000, "FLOAT")
    at_once = soxr.resample(noise, 48_000, SAMPLE_RATE, quality="HQ")
    assert np.abs(read_waveform(tmp_path / "noise.wav") - at_once).max() < 1e-5


def test_a_part_is_the_slice_of_the_whole(write_tone):
    path = write_tone("tone.wav", duration_s=3)
    whole = read_waveform(path)
    np.testing.assert_array_equal(read_waveform(path, 0.5, 2.25), whole[8_000:36_000])
    np.testing.assert_array_equal(read_waveform(path, 1.0), whole[16_000:])
    np.testing.assert_array_equal(read_waveform(path, 1.0, 99.0), whole[16_000:])


@pytest.mark.parametrize(("name", "rate"), [("t.flac", 44_100), ("t.ogg", 44_100), ("t.mp3", 48_000)])
def test_a_part_of_a_compressed_file_is_where_it_should_be(tmp_path, name, rate):
    # A sweep sounds different at every moment, so a seek to the wrong place shows.
    times = np.arange(4 * rate) / rate
    sf.write(tmp_path / name, 0.5 * np.sin(2 * np.pi * (200 * times + 100 * times**2)), rate)
    whole, part = read_waveform(tmp_path / name), read_waveform(tmp_path / name, 1.5, 3.0)
    assert len(part) == pytest.approx(1.5 * SAMPLE_RATE, abs=1)
    inner = slice(2_000, -2_000)
    assert np.corrcoef(part[inner], whole[24_000 : 24_000 + len(part)][inner])[0, 1] > 0.999


def test_samples_stay_within_full_scale(tmp_path):
    sf.write(tmp_path / "loud.wav", np.array([1.7, -1.7] * 500), 16_000, "FLOAT")
    assert np.abs(read_waveform(tmp_path / "loud.wav")).max() == 1.0


def test_the_peak_of_memory_is_little_more_than_the_result(write_tone):
    path = write_tone("long.wav", rate=8_000, duration_s=600)
    tracemalloc.start()
    try:
        result_bytes = read_waveform(path).nbytes
        assert tracemalloc.get_traced_memory()[1] < 1.6 * result_bytes
    finally:
        tracemalloc.stop()


def broken_file(folder: Path, kind: str, write_tone) -> Path:
    path = folder / f"{kind}.wav"
    if kind == "empty":
        path.touch()
    elif kind == "header only":
        sf.write(path, np.empty(0), 16_000)
    elif kind == "truncated flac":
        whole = write_tone("whole.flac", duration_s=3).read_bytes()
        path = folder / "cut.flac"
        path.write_bytes(whole[:60])
    elif kind == "truncated vorbis":
        whole = write_tone("whole.ogg", duration_s=3).read_bytes()
        path = folder / "cut.ogg"
        path.write_bytes(whole[:300])
    elif kind in ("text.wav", "text.mp3"):
        path = folder / kind
        path.write_text("this was never a recording\n" * 100)
    elif kind in ("nan", "infinite"):
        sf.write(path, np.full(1_000, np.nan if kind == "nan" else np.inf), 16_000, "FLOAT")
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "one sample a second":
        sf.write(path, np.zeros(10), 1)
    return path


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("missing", "no such file"),
        ("empty", "empty"),
        ("header only", "no samples"),
        ("truncated flac", "cannot be read as audio|damaged|no samples"),
        ("truncated vorbis", "cannot be read as audio"),
        ("text.wav", "cannot be read as audio"),
        ("text.mp3", "cannot be read as audio"),
        ("nan", "not finite"),
        ("infinite", "not finite"),
        ("folder", "not a file"),
        ("pipe", "not a file"),
        ("one sample a second", "sample rate is 1 Hz"),
    ],
)
def test_what_cannot_be_read_is_an_error_with_path_and_reason(tmp_path, write_tone, kind, reason):
    path = broken_file(tmp_path, kind, write_tone)
    with pytest.raises(AudioError, match=reason) as caught:
        read_waveform(path)
    assert caught.value.path == path
    assert str(path) in str(caught.value)


def test_a_wav_that_breaks_off_is_read_up_to_there(write_tone):
    path = write_tone("cut.wav", duration_s=2)
    whole = read_waveform(path)
    path.write_bytes(path.read_bytes()[:20_044])
    np.testing.assert_array_equal(read_waveform(path), whole[:10_000])


def test_a_part_beyond_the_end_is_an_error(write_tone):
    with pytest.raises(AudioError, match=r"no samples between 5\.0 s and 6\.0 s"):
        read_waveform(write_tone("short.wav"), 5.0, 6.0)


def test_the_header_is_read_without_the_samples(write_tone):
    info = inspect_audio(write_tone("tone.flac", rate=44_100, duration_s=1.5, channels=(1.0, 1.0)))
    assert (info.duration_s, info.sample_rate, info.channels) == (1.5, 44_100, 2)


def test_the_error_survives_the_way_between_processes():
    error = pickle.loads(pickle.dumps(AudioError(Path("a.wav"), "damaged")))
    assert (error.path, error.reason, str(error)) == (Path("a.wav"), "damaged", "a.wav: damaged")


def test_a_name_that_is_not_utf_8_is_read(tmp_path, write_tone):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav"))
    write_tone("tone.wav").rename(path)
    assert len(read_waveform(path)) == SAMPLE_RATE
