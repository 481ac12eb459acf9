import random

import numpy as np
import pytest

from emoclr.augment.transforms.add_noise import AddNoise
from emoclr.augment.transforms.dsp.noise_bank import SLOPES_DB_PER_OCTAVE

RATE = 16_000


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


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"min_snr_db": 9, "max_snr_db": 3}, "min_snr_db"),
        ({"min_slope_db_per_octave": 1, "max_slope_db_per_octave": 1.2}, "slopes"),
    ],
)
def test_impossible_parameters_are_refused(parameters, named):
    with pytest.raises(ValueError, match=named):
        AddNoise(**parameters)
