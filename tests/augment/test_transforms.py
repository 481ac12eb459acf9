import random

import audiomentations
import numpy as np
import pytest
from scipy.signal import freqz_sos, welch

from emoclr.augment.transforms import (
    BANK_SAMPLES,
    SLOPES_DB_PER_OCTAVE,
    AddNoise,
    Equalizer,
    RoomResponse,
    biquad,
    noise_bank,
    stretch_of,
)

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


@pytest.mark.parametrize("slope", SLOPES_DB_PER_OCTAVE)
def test_noise_has_the_slope_that_its_name_says(slope):
    frequencies, power = welch(noise_bank(slope), RATE, nperseg=4096)
    seen = (frequencies > 100) & (frequencies < 6_000)
    fitted = np.polyfit(np.log2(frequencies[seen]), 10 * np.log10(power[seen]), 1)[0]
    assert fitted == pytest.approx(slope, abs=0.15)
    assert np.sqrt(np.mean(noise_bank(slope).astype(float) ** 2)) == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("snr_db", [-5.0, 5.0, 30.0])
def test_noise_is_added_at_the_ratio_that_was_drawn(snr_db):
    sound = (0.1 * np.sin(2 * np.pi * 220 * np.arange(2 * RATE) / RATE)).astype(np.float32)
    random.seed(1)
    for _ in range(5):
        noise = AddNoise(snr_db, snr_db, p=1)(sound, RATE).astype(float) - sound
        assert 10 * np.log10(np.mean(sound.astype(float) ** 2) / np.mean(noise**2)) == pytest.approx(snr_db, abs=0.01)


def test_draws_differ_in_slope_and_noise():
    sound = np.ones(RATE, np.float32)
    random.seed(2)
    transform = AddNoise(10, 10, p=1)
    drawn = [transform(sound, RATE) for _ in range(20)]
    slopes = {
        transform.randomize_parameters(sound, RATE) or transform.parameters["slope_db_per_octave"] for _ in range(99)
    }
    assert slopes == set(SLOPES_DB_PER_OCTAVE)
    assert len({noisy.tobytes() for noisy in drawn}) == 20


@pytest.mark.parametrize("start", [0, 5, BANK_SAMPLES - 1])
def test_a_stretch_begins_anew_where_the_bank_ends(start):
    bank = np.arange(BANK_SAMPLES, dtype=np.float32)
    length = 2 * BANK_SAMPLES + 3
    np.testing.assert_array_equal(stretch_of(bank, start, length), (start + np.arange(length)) % BANK_SAMPLES)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: AddNoise(min_snr_db=9, max_snr_db=3), "min_snr_db"),
        (lambda: AddNoise(min_slope_db_per_octave=1, max_slope_db_per_octave=1.2), "slopes"),
        (lambda: Equalizer(min_gain_db=2, max_gain_db=1), "min_gain_db"),
        (lambda: Equalizer(min_peak_hz=0), "min_peak_hz"),
        (lambda: RoomResponse(max_rt60_s=0.05), "min_rt60_s"),
    ],
)
def test_impossible_parameters_are_refused(make, told):
    with pytest.raises(ValueError, match=told):
        make()


def decay_db(response, rate):
    """Level of what is still to come after each sample, in dB of the whole (Schroeder 1965)."""
    left = np.cumsum(response[::-1] ** 2)[::-1]
    return 10 * np.log10(left / left[0] + 1e-12)


@pytest.mark.parametrize("rt60_s", [0.2, 0.5, 1.0])
def test_a_room_decays_by_60_db_in_its_reverberation_time_and_keeps_the_level(rt60_s):
    impulse = np.zeros(RATE, np.float32)
    impulse[0] = 0.5
    room = RoomResponse(rt60_s, rt60_s, min_direct_to_reverberant_db=6, max_direct_to_reverberant_db=6, p=1)
    random.seed(3)
    heard = room(samples=impulse, sample_rate=RATE).astype(np.float64)
    assert np.sum(heard**2) == pytest.approx(0.25, rel=1e-3)
    direct, tail = heard[0] ** 2, np.sum(heard[1:] ** 2)
    assert 10 * np.log10(direct / tail) == pytest.approx(6, abs=0.1)
    level = decay_db(heard[1:], RATE)
    fall_s = (np.argmax(level < -25) - np.argmax(level < -5)) / RATE
    assert 3 * fall_s == pytest.approx(rt60_s, rel=0.1)
