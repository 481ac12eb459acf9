import numpy as np
import pytest
from scipy.signal import welch

from emoclr.augment.transforms.dsp.noise_bank import BANK_SAMPLES, SLOPES_DB_PER_OCTAVE, bank_excerpt, noise_bank

RATE = 16_000


@pytest.mark.parametrize("slope", SLOPES_DB_PER_OCTAVE)
def test_noise_has_the_slope_that_its_name_says(slope):
    frequencies, power = welch(noise_bank(slope), RATE, nperseg=4096)
    seen = (frequencies > 100) & (frequencies < 6_000)
    fitted = np.polyfit(np.log2(frequencies[seen]), 10 * np.log10(power[seen]), 1)[0]
    assert fitted == pytest.approx(slope, abs=0.15)
    assert np.sqrt(np.mean(noise_bank(slope).astype(float) ** 2)) == pytest.approx(1, rel=1e-5)
    assert noise_bank(slope).dtype == np.float32
    assert abs(noise_bank(slope).mean()) < 1e-5


@pytest.mark.parametrize("start", [0, 5, BANK_SAMPLES - 1])
def test_a_stretch_begins_anew_where_the_bank_ends(start):
    bank = np.arange(BANK_SAMPLES, dtype=np.float32)
    length = 2 * BANK_SAMPLES + 3
    np.testing.assert_array_equal(bank_excerpt(bank, start, length), (start + np.arange(length)) % BANK_SAMPLES)
