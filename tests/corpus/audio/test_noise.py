import numpy as np
import pytest
from scipy.signal import welch

from emoclr.corpus.audio.noise import PINK_DB_PER_OCTAVE, coloured_noise

RATE = 16_000


def white(samples=RATE, kind=np.float64):
    return np.random.default_rng(0).standard_normal(samples).astype(kind)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("slope", [-6.0, PINK_DB_PER_OCTAVE, 0.0, 4.5])
def test_power_falls_by_the_slope_asked_for_and_the_type_stays(kind, slope):
    noise = coloured_noise(white(16 * RATE, kind), slope)
    assert noise.dtype == kind
    frequencies, power = welch(noise, RATE, nperseg=4096)
    band = (frequencies > 100) & (frequencies < 6_000)
    assert np.polyfit(np.log2(frequencies[band]), 10 * np.log10(power[band]), 1)[0] == pytest.approx(slope, abs=0.15)


@pytest.mark.parametrize("n_samples", [None, 1, 700])
def test_what_is_returned_has_rms_1(n_samples):
    noise = coloured_noise(white(1_000), PINK_DB_PER_OCTAVE, n_samples, lowest_hz=50)
    assert len(noise) == (n_samples or 1_000)
    assert np.sqrt(np.mean(noise**2)) == pytest.approx(1)


def test_pink_noise_is_the_white_divided_by_the_root_of_frequency_from_the_lowest_on():
    made = white(RATE)
    spectrum = np.fft.rfft(made)
    hz = np.arange(len(spectrum))
    expected = np.fft.irfft(np.where(hz >= 50, spectrum / np.sqrt(np.maximum(hz, 1)), 0), RATE)
    expected /= np.sqrt(np.mean(expected**2))
    np.testing.assert_allclose(coloured_noise(made, PINK_DB_PER_OCTAVE, lowest_hz=50), expected, atol=1e-12)


def test_noise_without_a_frequency_above_the_lowest_is_silent():
    assert coloured_noise(white(1), PINK_DB_PER_OCTAVE, lowest_hz=50).tolist() == [0]
