import librosa
import numpy as np
import pytest
from scipy.signal import lfilter

from emoclr.pretrain.data.functionals.functionals import HOP_SAMPLES, power_spectra
from emoclr.pretrain.data.functionals.pitch import MIN_PERIODICITY, WINDOW_SAMPLES, find_pitch

RATE = 16_000


def harmonics(hz):
    """A tone of many harmonics, which fall by 6 dB an octave, with a pitch in Hz for each sample."""
    phase = 2 * np.pi * np.cumsum(hz) / RATE
    return 0.1 * sum(np.sin(k * phase) / k for k in range(1, int(7_000 / hz.max()) + 1)).astype(np.float32)


@pytest.mark.parametrize("hz", [70, 110, 220, 333, 500, 690])
def test_the_pitch_of_a_steady_tone_is_within_three_cents(hz):
    pitch = find_pitch(power_spectra(harmonics(np.full(RATE, float(hz)))))
    assert np.abs(1_200 * np.log2(pitch.hz / hz)).max() < 3
    assert pitch.periodicity.min() > 0.98


def test_a_gliding_vowel_has_the_pitch_that_yin_finds():
    hz = 150 * 2 ** (np.arange(2 * RATE) / RATE)
    vowel = lfilter([1], [1, -1.9 * np.cos(2 * np.pi * 700 / RATE), 0.95**2], harmonics(hz)).astype(np.float32)
    pitch = find_pitch(power_spectra(vowel))
    sizes = {"frame_length": WINDOW_SAMPLES, "hop_length": HOP_SAMPLES, "center": False}
    yin = librosa.yin(vowel, fmin=65, fmax=700, sr=RATE, **sizes)[: len(pitch.hz)]
    # A frame of YIN looks at its first half, where the pitch is not yet that of its middle.
    assert np.median(np.abs(12 * np.log2(pitch.hz[: len(yin)] / yin))) < 0.3
    middles = np.arange(len(pitch.hz)) * HOP_SAMPLES + WINDOW_SAMPLES // 2
    assert np.abs(12 * np.log2(pitch.hz / hz[middles])).max() < 0.2


def test_noise_has_no_pitch_and_a_voice_in_noise_of_10_db_has():
    noise = np.random.default_rng(0).standard_normal(4 * RATE).astype(np.float32)
    assert (find_pitch(power_spectra(noise)).periodicity >= MIN_PERIODICITY).mean() < 0.01
    tone = harmonics(np.full(4 * RATE, 180.0))
    pitch = find_pitch(power_spectra(tone + 10 ** (-10 / 20) * tone.std() * noise))
    assert (pitch.periodicity >= MIN_PERIODICITY).mean() > 0.99
    assert np.abs(1_200 * np.log2(pitch.hz / 180)).max() < 30
