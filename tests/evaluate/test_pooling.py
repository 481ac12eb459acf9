import numpy as np
import pytest
import scipy.special

from emoclr.evaluate.pooling import RunningPool, pool_windows


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


@pytest.mark.parametrize("how", ["mean", "max", "noisy_or"])
def test_windows_pooled_one_by_one_and_from_any_of_them_on_give_the_same(how):
    logits = np.random.default_rng(1).normal(0, 3, (9, 4))
    pool = RunningPool(how)
    for window in logits:
        pool = RunningPool(how, None if pool.total is None else pool.total.tolist(), pool.windows)
        pool.add(window)
    assert pool.windows == 9
    np.testing.assert_allclose(pool.result(), pool_windows(logits, np.zeros(9, int), how)[0], rtol=1e-12)
