import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoclr.corpus.audio.padding import fix_length

THREE = np.array([1, 2, 3], np.float32)


@pytest.mark.parametrize(
    ("short", "filled"),
    [
        ("repeat", [1, 2, 3, 1, 2, 3, 1, 2]),
        ("zero", [1, 2, 3, 0, 0, 0, 0, 0]),
        ("reflect", [1, 2, 3, 3, 2, 1, 1, 2]),
    ],
)
def test_a_short_clip_fills_its_window(short, filled):
    np.testing.assert_array_equal(fix_length(THREE, 8, short), filled)


@given(st.integers(1, 50), st.integers(1, 200), st.sampled_from(["repeat", "zero", "reflect"]))
def test_what_was_there_stays_and_the_length_is_right(there, wanted, short):
    crop = np.random.default_rng(0).standard_normal(there).astype(np.float32)
    filled = fix_length(crop, wanted, short)
    assert filled.shape == (wanted,) and filled.dtype == np.float32
    np.testing.assert_array_equal(filled[:there], crop[:wanted])
