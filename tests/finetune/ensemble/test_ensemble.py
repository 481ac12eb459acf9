"""Weights find the member that knows, and stay equal where nothing speaks against it."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from emoclr.evaluate.metrics.thresholds import tune_thresholds
from emoclr.finetune.ensemble.ensemble import PRIOR_CLIPS, combine_members, fit_weights, majority, thresholds_of
from emoclr.finetune.model.checkpoint import ModelCard
from emoclr.finetune.training.member import Member

Array = np.ndarray[Any, np.dtype[np.float64]]


def truth_and_answers(n_clips: int, noises: list[float], seed: int = 0) -> tuple[Array, Array]:
    """Returns targets (n, 3) and, for each noise, a member that knows that much less, (members, n, 3)."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(n_clips, 3)) * 3 - 1
    targets = (generator.random((n_clips, 3)) < 1 / (1 + np.exp(-logits))).astype(np.float64)
    answers = [
        1 / (1 + np.exp(-(logits + noise * generator.normal(size=logits.shape)) / (1 + noise))) for noise in noises
    ]
    return targets, np.array(answers)


def log_loss(targets: Array, probabilities: Array) -> float:
    return float(-np.mean(targets * np.log(probabilities) + (1 - targets) * np.log(1 - probabilities)))


def test_a_planted_good_member_gets_nearly_all_weight() -> None:
    targets, answers = truth_and_answers(2_000, [4.0, 0.0, 4.0, 4.0])
    weights = fit_weights(targets, answers)
    assert weights.argmax() == 1 and weights[1] > 0.85


def test_equal_members_get_equal_weights() -> None:
    targets, (answers,) = truth_and_answers(300, [1.0])
    assert fit_weights(targets, np.array([answers] * 5)) == pytest.approx(np.full(5, 0.2), abs=1e-9)
    assert fit_weights(targets, answers[None]).tolist() == [1.0]


def test_few_clips_leave_weights_near_equal_and_many_do_not() -> None:
    targets, answers = truth_and_answers(2_000, [2.0, 0.0])
    few, many = (fit_weights(targets[:n], answers[:, :n])[1] for n in (4, 2_000))
    assert 0.5 < few < 0.65 < many


@pytest.mark.parametrize("noises", [[0.5, 1.0, 2.0], [3.0, 0.0, 0.2]])
def test_no_other_weights_have_less_loss(noises: list[float]) -> None:
    targets, answers = truth_and_answers(200, noises, seed=1)

    def objective(weights: Array) -> float:
        known = weights[weights > 0]
        divergence = float(np.sum(known * np.log(known * 3)))
        return log_loss(targets, np.tensordot(weights, answers, axes=1)) + PRIOR_CLIPS / 200 * divergence

    found = objective(fit_weights(targets, answers))
    parts = [np.array([a, b, 20 - a - b]) / 20 for a, b in itertools.product(range(21), repeat=2) if a + b <= 20]
    assert found <= min(map(objective, parts)) + 1e-9


@given(st.integers(1, 5), st.integers(1, 40), st.integers(0, 1_000), st.booleans())
@hypothesis_settings(max_examples=40, deadline=None)
def test_weights_are_shares_whatever_members_say(n_members: int, n_clips: int, seed: int, sure: bool) -> None:
    generator = np.random.default_rng(seed)
    answers = generator.random((n_members, n_clips, 2))
    weights = fit_weights(generator.random((n_clips, 2)), answers.round() if sure else answers)
    assert weights.min() >= 0 and weights.sum() == pytest.approx(1)


@pytest.fixture
def members() -> list[Member]:
    """Two that know and one that does not, of 60 validation clips and 40 test clips."""
    _, answers = truth_and_answers(100, [0.2, 0.5, 3.0])
    made = []
    for number, probabilities in enumerate(answers):
        known: dict[str, Any] = {"thresholds": [0.3, 0.4, 0.2 + number / 10], "temperatures": [1.0, 1.0, 1.0]}
        card = ModelCard.model_construct(**known)
        raw = probabilities[60:] ** 0.5
        none = np.zeros(0)
        made.append(
            Member(Path(str(number)), card, probabilities[:60], probabilities[60:], raw, none, none, none, none)
        )
    return made


@pytest.fixture
def targets() -> Array:
    return truth_and_answers(100, [])[0][:60]


def test_members_joined_by_weights_are_their_weighted_mean(members: list[Member], targets: Array) -> None:
    found = combine_members(members, targets, "weighted", 0.5, False)
    assert found.weights == pytest.approx(fit_weights(targets, np.array([member.validation for member in members])))
    assert found.test == pytest.approx(sum(w * m.test for w, m in zip(found.weights, members, strict=True)))
    assert found.uncalibrated == pytest.approx(
        sum(w * m.uncalibrated for w, m in zip(found.weights, members, strict=True))
    )
    joint = sum(w * m.validation for w, m in zip(found.weights, members, strict=True))
    assert found.thresholds == pytest.approx(tune_thresholds(targets, joint, 0.5))


def test_members_joined_by_their_mean_count_the_same(members: list[Member], targets: Array) -> None:
    found = combine_members(members, targets, "mean", 0.5, False)
    assert found.weights.tolist() == [1 / 3] * 3
    assert found.test == pytest.approx(np.mean([member.test for member in members], axis=0))
    assert found.calibrated == pytest.approx(found.test)


def test_a_majority_has_nothing_to_tune_whatever_validation_says(members: list[Member], targets: Array) -> None:
    found = combine_members(members, targets, "vote", 0.5, False)
    assert found.thresholds.tolist() == [0.5] * 3
    votes = sum((member.test >= np.array(member.card.thresholds)).astype(int) for member in members)
    assert np.array_equal(found.test, votes / 3)
    assert found.calibrated == pytest.approx(np.mean([member.test for member in members], axis=0))


@pytest.mark.parametrize("n_members", range(1, 9))
def test_a_majority_is_more_than_half_of_the_votes(n_members: int) -> None:
    votes = np.arange(n_members + 1)
    assert np.array_equal(votes / n_members >= majority(n_members), 2 * votes > n_members)


def test_two_members_who_disagree_name_nothing_and_folds_vote_together(members: list[Member], targets: Array) -> None:
    fold = combine_members(members[:2], targets, "vote", 0.5, False)
    split = fold.test == 0.5
    assert split.any() and not (fold.test >= fold.thresholds)[split].any()
    # Four of six are a majority, three are not.
    assert (np.array([3, 4]) / 6 >= thresholds_of([fold] * 3, "vote", 6)[0]).tolist() == [False, True]
    tuned = [combine_members(members[:2], targets, "mean", share, False) for share in (0.5, 0.9)]
    assert thresholds_of(tuned, "mean", 4) == pytest.approx((tuned[0].thresholds + tuned[1].thresholds) / 2)
