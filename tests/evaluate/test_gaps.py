"""The gap between the best and the worst group: its value is a difference, its interval holds the true one."""

import numpy as np
import pytest

from emoclr.evaluate.metrics.registry import emotion_metrics
from emoclr.evaluate.scores import Gap, Prediction, Truth, group_difference, score_all

EACH = 6
"""Clips of a speaker."""


def made(
    right: np.ndarray, speakers: list[str], groups: dict[str, list[str]], resamples: int, seed: int = 0
) -> tuple[Truth, Prediction]:
    """Clips that all are of the first of two emotions, named right or wrong as told."""
    targets = np.tile([1.0, 0.0], (len(right), 1))
    probabilities = np.where(right[:, None], [0.9, 0.1], [0.1, 0.9])
    truth = Truth(["joy", "fear"], targets, speakers, groups, True, n_resamples=resamples, seed=seed)
    return truth, Prediction("model", probabilities, np.array([0.5, 0.5]))


def gap_of(right: np.ndarray, speakers: list[str], group: list[str], resamples: int) -> Gap | None:
    truth, model = made(right, speakers, {"sex": group}, resamples)
    return score_all(truth, [model]).gaps["sex"].get("wa")


def test_the_gap_is_the_difference_of_what_the_groups_come_to() -> None:
    generator = np.random.default_rng(0)
    targets, probabilities = generator.random((90, 2)), generator.random((90, 2))
    group = np.array(["a", "b", "c"])[np.arange(90) % 3]
    truth = Truth(["joy", "fear"], targets, [str(clip // 6) for clip in range(90)], {"group": list(group)})
    scores = score_all(truth, [Prediction("model", probabilities, np.array([0.5, 0.5]))])
    values = {
        name: emotion_metrics(targets[group == name], probabilities[group == name], [0.5, 0.5], False)["map"]
        for name in "abc"
    }
    gap = scores.gaps["group"]["map"]
    assert (gap.best, gap.worst) == (max(values, key=values.__getitem__), min(values, key=values.__getitem__))
    assert gap.difference.value == pytest.approx(values[gap.best] - values[gap.worst])
    assert gap.difference.low <= gap.difference.value <= gap.difference.high


def test_both_groups_are_measured_on_the_same_resample() -> None:
    # Each speaker is in both groups and equally good in both, however good: the paired gap is 0, without a doubt.
    skill = np.arange(10) % 3 > 0
    speakers = [str(speaker) for speaker in range(10) for _ in range(4)]
    gap = gap_of(np.repeat(skill, 4), speakers, ["loud", "soft"] * 20, resamples=100)
    assert gap is not None
    assert (gap.difference.value, gap.difference.low, gap.difference.high) == (0.0, 0.0, 0.0)


def test_a_group_of_one_speaker_takes_no_part() -> None:
    right = np.array([True] * 6 + [False] * 6 + [True] * 6)
    speakers = ["s1"] * 3 + ["s2"] * 3 + ["s3"] * 3 + ["s4"] * 3 + ["s5"] * 6
    gap = gap_of(right, speakers, ["a"] * 6 + ["b"] * 6 + ["alone"] * 6, resamples=40)
    assert gap is not None and (gap.best, gap.worst) == ("a", "b")
    assert gap_of(right, speakers, ["a"] * 12 + ["alone"] * 6, resamples=40) is None


def test_the_interval_holds_the_true_gap_about_19_times_in_20() -> None:
    # Speakers differ in skill: Beta(6, 4) in one group and Beta(4, 4) in the other, so the true gap is 0.1.
    generator = np.random.default_rng(0)
    simulations, each_group = 200, 30
    groups = {"sex": ["a"] * each_group * EACH + ["b"] * each_group * EACH}
    speakers = [str(speaker) for speaker in range(2 * each_group) for _ in range(EACH)]
    covered = 0
    for seed in range(simulations):
        skill = np.concatenate([generator.beta(6, 4, each_group), generator.beta(4, 4, each_group)])
        right = generator.random(2 * each_group * EACH) < np.repeat(skill, EACH)
        truth, model = made(right, speakers, groups, resamples=200, seed=seed)
        found = group_difference(truth, model, "sex", ("a", "b"), "wa")
        covered += found.low <= 0.1 <= found.high
    # Two standard errors of a share of 0.95 in 200 are 0.03.
    assert 0.90 <= covered / simulations <= 0.98
