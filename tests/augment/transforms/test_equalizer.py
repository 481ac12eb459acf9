import audiomentations
import numpy as np
import pytest
from scipy.signal import freqz_sos

from emoclr.augment.transforms.equalizer import Equalizer, biquad

RATE = 16_000


def gains_db(kind, frequency_hz, gain_db, at_hz):
    """What a filter does to the frequencies `at_hz`, by scipy."""
    section = np.array([biquad(kind, frequency_hz, gain_db, RATE)])
    _, response = freqz_sos(section, worN=np.asarray(at_hz, dtype=float), fs=RATE)
    return 20 * np.log10(np.abs(response))


@pytest.mark.parametrize("gain_db", [-6.0, 3.0, 12.0])
@pytest.mark.parametrize("frequency_hz", [100.0, 1000.0, 6000.0])
def test_shelves_lift_one_side_and_half_as_much_at_the_corner_and_peaks_only_the_centre(gain_db, frequency_hz):
    at = [0.01, frequency_hz, RATE / 2 - 0.01]
    assert gains_db("low", frequency_hz, gain_db, at) == pytest.approx([gain_db, gain_db / 2, 0], abs=1e-3)
    assert gains_db("high", frequency_hz, gain_db, at) == pytest.approx([0, gain_db / 2, gain_db], abs=1e-3)
    assert gains_db("peak", frequency_hz, gain_db, at) == pytest.approx([0, gain_db, 0], abs=1e-3)


def test_the_equalizer_does_what_audiomentations_filters_do_one_after_the_other():
    sound = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    ours = Equalizer(4, 4, 200, 200, 1000, 1000, 3000, 3000, p=1)(sound, RATE)
    # Their q of a shelf of slope 1 is 1 / sqrt(2).
    q = 2**-0.5
    theirs = audiomentations.Compose(
        [
            audiomentations.LowShelfFilter(200, 200, 4, 4, q, q, p=1),
            audiomentations.PeakingFilter(1000, 1000, 4, 4, 1, 1, p=1),
            audiomentations.HighShelfFilter(3000, 3000, 4, 4, q, q, p=1),
        ]
    )(sound, RATE)
    # audiomentations filters from a settled state, ours from silence: they agree once that has died away.
    np.testing.assert_allclose(ours[2_000:], theirs[2_000:], atol=2e-3)


@pytest.mark.parametrize(
    ("parameters", "named"),
    [({"min_gain_db": 2, "max_gain_db": 1}, "min_gain_db"), ({"min_peak_hz": 0}, "min_peak_hz")],
)
def test_impossible_parameters_are_refused(parameters, named):
    with pytest.raises(ValueError, match=named):
        Equalizer(**parameters)
