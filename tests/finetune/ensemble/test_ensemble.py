"""Ensembles of a fold: combined predictions, with what validation chose."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emoclr.evaluate.metrics.thresholds import tune_thresholds
from emoclr.finetune.ensemble.ensemble import combine_members, thresholds_of
from emoclr.finetune.model.checkpoint import ModelCard
from emoclr.finetune.model.combination import fit_weights
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


def test_two_members_who_disagree_name_nothing_and_folds_vote_together(members: list[Member], targets: Array) -> None:
    fold = combine_members(members[:2], targets, "vote", 0.5, False)
    split = fold.test == 0.5
    assert split.any() and not (fold.test >= fold.thresholds)[split].any()
    # Four of six are a majority, three are not.
    assert (np.array([3, 4]) / 6 >= thresholds_of([fold] * 3, "vote", 6)[0]).tolist() == [False, True]
    tuned = [combine_members(members[:2], targets, "mean", share, False) for share in (0.5, 0.9)]
    assert thresholds_of(tuned, "mean", 4) == pytest.approx((tuned[0].thresholds + tuned[1].thresholds) / 2)
