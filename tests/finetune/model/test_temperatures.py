"""Temperatures against a closed form, and against a search of the whole range."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, log_expit, logit

from emoclr.finetune.model.temperatures import MAX_TEMPERATURE, MIN_TEMPERATURE, calibrate, tune_temperatures


def cross_entropy(targets: np.ndarray, logits: np.ndarray, temperature: float = 1.0) -> float:
    scaled = logits / temperature
    return float(-(targets * log_expit(scaled) + (1 - targets) * log_expit(-scaled)).mean())


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0.06, 18), min_size=1, max_size=4), st.integers(0, 100))
def test_calibrated_logits_times_k_have_the_temperature_k(factors: list[float], seed: int) -> None:
    shares = np.random.default_rng(seed).uniform(0.05, 0.95, (40, len(factors)))
    assert tune_temperatures(shares, logit(shares) * factors) == pytest.approx(factors, rel=1e-3)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000), st.integers(2, 60), st.floats(0.01, 30), st.booleans())
def test_cross_entropy_never_rises(seed: int, clips: int, spread: float, hard: bool) -> None:
    generator = np.random.default_rng(seed)
    targets = generator.uniform(size=(clips, 1))
    targets = (targets > 0.5).astype(float) if hard else targets
    logits = generator.normal(size=(clips, 1)) * spread
    (temperature,) = tune_temperatures(targets, logits)
    assert MIN_TEMPERATURE <= temperature <= MAX_TEMPERATURE
    before, after = (cross_entropy(targets[:, 0], logits[:, 0], t) for t in (1.0, temperature))
    assert after <= before + 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_no_temperature_of_a_grid_is_better(seed: int) -> None:
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(50, 1)) * 4
    targets = generator.binomial(1, expit(logits * 0.4)).astype(float)
    (temperature,) = tune_temperatures(targets, logits)
    grid = np.geomspace(MIN_TEMPERATURE, MAX_TEMPERATURE, 2_000)
    best = grid[np.argmin([cross_entropy(targets[:, 0], logits[:, 0], t) for t in grid])]
    assert temperature == pytest.approx(best, rel=0.01)


def test_each_emotion_has_its_own() -> None:
    generator = np.random.default_rng(0)
    targets, logits = generator.uniform(size=(30, 3)), generator.normal(size=(30, 3))
    alone = [tune_temperatures(targets[:, [emotion]], logits[:, [emotion]])[0] for emotion in range(3)]
    assert tune_temperatures(targets, logits).tolist() == alone


def test_logits_that_say_the_opposite_are_made_as_unsure_as_may_be() -> None:
    targets = np.array([[1.0], [0.0]] * 10)
    assert tune_temperatures(targets, 3 - 6 * targets) == pytest.approx([MAX_TEMPERATURE], rel=1e-3)
    assert tune_temperatures(targets, 6 * targets - 3) == pytest.approx([MIN_TEMPERATURE], rel=1e-2)


@given(st.lists(st.floats(-1_000, 1_000), min_size=1, max_size=5), st.floats(0.05, 20))
def test_calibration_is_scipys_sigmoid_of_divided_logits(logits: list[float], temperature: float) -> None:
    found = calibrate(np.array(logits), np.array(temperature))
    assert found == pytest.approx(expit(np.array(logits) / temperature), abs=1e-12)
