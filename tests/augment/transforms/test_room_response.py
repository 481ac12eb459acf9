import random

import numpy as np
import pytest

from emoclr.augment.transforms.room_response import RoomResponse

RATE = 16_000


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


def test_impossible_parameters_are_refused():
    with pytest.raises(ValueError, match="min_rt60_s"):
        RoomResponse(max_rt60_s=0.05)
