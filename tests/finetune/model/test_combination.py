"""Ways of combining members, by hand; weights find the best member, and stay near equal on few clips."""

import itertools
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from emoclr.finetune.model.combination import PRIOR_CLIPS, combine, fit_weights, majority

Array = np.ndarray[Any, np.dtype[np.float64]]


def test_mean_and_vote_by_hand() -> None:
    probabilities = np.array([[[0.9, 0.2], [0.4, 0.5]], [[0.7, 0.6], [0.1, 0.1]], [[0.2, 0.4], [0.4, 0.3]]])
    thresholds = np.array([[0.5, 0.5], [0.8, 0.5], [0.2, 0.35]])
    assert combine(probabilities, thresholds, "mean") == pytest.approx(np.array([[0.6, 0.4], [0.3, 0.3]]))
    assert combine(probabilities, thresholds, "vote") == pytest.approx(np.array([[2, 2], [1, 1]]) / 3)


def test_weights_by_hand() -> None:
    probabilities = np.array([[[0.9, 0.2]], [[0.4, 0.6]], [[0.1, 0.5]]])
    found = combine(probabilities, np.full((3, 2), 0.5), "weighted", np.array([0.5, 0.5, 0.0]))
    assert found == pytest.approx(np.array([[0.65, 0.4]]))


def test_where_each_clip_has_one_label_members_vote_for_their_likeliest_and_the_mean_breaks_ties() -> None:
    clear = [[[0.1, 0.3, 0.2]], [[0.0, 0.2, 0.1]], [[0.9, 0.0, 0.8]]]  # two for the second, none over one half
    tied = [[[0.6, 0.5, 0.1]], [[0.1, 0.9, 0.2]]]
    thresholds = np.full((3, 3), 0.5)
    found = combine(np.array(clear), thresholds, "vote", single_label=True)
    assert found.argmax() == 1 and found[0] == pytest.approx((np.array([1, 2, 0]) + np.mean(clear, 0)[0]) / 4)
    assert combine(np.array(tied), thresholds[:2], "vote", single_label=True).argmax() == 1


@given(st.integers(1, 6), st.integers(0, 10_000))
def test_the_mean_never_outvotes_a_vote(n_members: int, seed: int) -> None:
    probabilities = np.random.default_rng(seed).random((n_members, 20, 4))
    votes = np.eye(4)[probabilities.argmax(2)].sum(0)
    found = combine(probabilities, np.full((n_members, 4), 0.5), "vote", single_label=True).argmax(1)
    assert (votes[np.arange(20), found] == votes.max(1)).all()


@pytest.mark.parametrize("n_members", range(1, 9))
def test_a_majority_is_more_than_half_of_the_votes(n_members: int) -> None:
    votes = np.arange(n_members + 1)
    assert np.array_equal(votes / n_members >= majority(n_members), 2 * votes > n_members)


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


def test_combining_loads_arrays_alone() -> None:
    code = "import sys, emoclr.finetune.model.combination; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    ours = {name for name in loaded if name.startswith("emoclr.")}
    assert not {"torch", "jinja2", "matplotlib", "pydantic"} & set(loaded)
    assert {name.split(".")[1] for name in ours} == {"finetune", "evaluate"}
    assert not any(name.startswith("emoclr.evaluate.report") for name in ours)
