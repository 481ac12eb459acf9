"""How channels become one, and floating point that is on the scale of integers."""

import numpy as np
import pytest
import soundfile as sf
from scipy.io import wavfile

from emoclr.corpus.audio.decoder import SAMPLE_RATE


@pytest.mark.parametrize("bits", [16, 24, 32])
def test_floating_point_on_the_scale_of_integers_is_brought_back(clicks, read, tmp_path, bits):
    path = tmp_path / "a.wav"
    wavfile.write(path, SAMPLE_RATE, clicks(SAMPLE_RATE) * np.float32(2.0 ** (bits - 1)))
    waveform, recording = read(path)
    np.testing.assert_allclose(waveform, clicks(SAMPLE_RATE), atol=1e-6)
    assert "integers" in recording.notes[0]


def test_floating_point_that_is_a_little_loud_is_clipped_as_ever(clicks, read, tmp_path):
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
def test_channels_become_their_mean_unless_that_loses_what_they_hold(clicks, read, tmp_path, gains, channel, gain):
    path = tmp_path / "a.wav"
    mono = clicks(SAMPLE_RATE)
    sf.write(path, np.stack([level * mono for level in gains], axis=1), SAMPLE_RATE, subtype="FLOAT")
    waveform, recording = read(path)
    np.testing.assert_allclose(waveform, gain * mono, atol=1e-4)
    assert [note.split(" of ")[0] for note in recording.notes] == ([f"channel {channel}"] if channel else [])


def test_two_voices_on_two_sides_are_both_kept(read, tmp_path):
    voices = 0.1 * np.random.default_rng(0).standard_normal((SAMPLE_RATE, 2))
    voices[: SAMPLE_RATE // 2, 0] = 0
    voices[SAMPLE_RATE // 2 :, 1] = 0
    path = tmp_path / "call.wav"
    sf.write(path, voices, SAMPLE_RATE, subtype="FLOAT")
    waveform, recording = read(path)
    assert recording.notes == []
    np.testing.assert_allclose(waveform, voices.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "aac"), ("a.wv", "wavpack"), ("a.webm", "libopus")])
@pytest.mark.parametrize(("layout", "channels"), [("7.1", 8), ("hexadecagonal", 16)])
def test_the_last_of_many_channels_is_heard(encode, clicks, read, late_s, tmp_path, name, codec, layout, channels):
    """PyAV reads beyond the planes of a frame from 8 channels on."""
    if codec == "libopus" and channels > 8:
        pytest.skip("its encoder has no such layout")
    signal = np.zeros((5 * 48_000, channels), np.float32)
    signal[:, -1] = clicks(48_000)
    path = encode(tmp_path / name, codec, 48_000, name.split(".")[1], [signal], layout=layout)
    waveform, recording = read(path)
    assert len(waveform) == 5 * SAMPLE_RATE and max(map(abs, late_s(waveform))) < 0.001
    assert [note.split(":")[0] for note in recording.notes] == [f"channel {channels} of {channels}"]
