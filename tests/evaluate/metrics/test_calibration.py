"""The expected calibration error is the distance of probabilities from shares."""

import numpy as np
import pytest

from emoclr.evaluate.metrics.calibration import reliability
from emoclr.evaluate.metrics.registry import emotion_metrics


def test_calibration_error_of_a_constant_probability_is_its_distance_from_the_mean_share() -> None:
    targets = np.tile([[0.2, 0.9], [0.4, 0.5]], (10, 1))
    probabilities = np.tile([0.5, 0.5], (20, 1))
    found = emotion_metrics(targets, probabilities, [0.5, 0.5], single_label=False)
    assert found["ece"] == pytest.approx((abs(0.5 - 0.3) + abs(0.5 - 0.7)) / 2)


def test_calibration_error_weighs_bins_by_their_clips() -> None:
    # Three clips at 0.1 of which none is positive, one at 0.9 that is: (3 · 0.1 + 1 · 0.1) / 4.
    found = emotion_metrics([[0.0], [0.0], [0.0], [1.0]], [[0.1], [0.1], [0.1], [0.9]], [0.5], single_label=False)
    assert found["ece"] == pytest.approx(0.1)


def test_shares_themselves_are_perfectly_calibrated_probabilities() -> None:
    shares = np.random.default_rng(0).random((50, 4))
    assert emotion_metrics(shares, shares, np.full(4, 0.25), single_label=False)["ece"] == pytest.approx(0)
    mean_probability, mean_share, counts = reliability(shares, shares)
    assert mean_probability == pytest.approx(mean_share, nan_ok=True)
    assert counts.sum() == shares.size
