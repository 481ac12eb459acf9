import numpy as np
import pytest
import scipy.special

from emoclr.evaluate.pooling import pool_windows


@pytest.mark.parametrize(
    ("how", "by_hand"),
    [
        ("mean", lambda logits: logits.mean(0)),
        ("max", lambda logits: logits.max(0)),
        ("noisy_or", lambda logits: scipy.special.logit(1 - np.prod(1 - scipy.special.expit(logits), axis=0))),
    ],
)
def test_windows_of_a_clip_are_pooled_as_asked_for(how, by_hand):
    rng = np.random.default_rng(0)
    logits, positions = rng.normal(0, 2, (9, 3)), np.array([0, 0, 0, 1, 2, 2, 2, 2, 3])
    expected = [by_hand(logits[positions == clip]) for clip in range(4)]
    np.testing.assert_allclose(pool_windows(logits, positions, how), expected, rtol=1e-9)


def test_noisy_or_stays_finite_where_windows_are_sure():
    sure = np.array([[60.0, -60.0], [50.0, -80.0]])
    pooled = pool_windows(sure, np.array([0, 0]), "noisy_or")
    assert np.isfinite(pooled).all() and pooled[0, 0] > 50 and pooled[0, 1] == pytest.approx(-60, abs=1e-6)
