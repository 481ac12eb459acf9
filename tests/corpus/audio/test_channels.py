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
