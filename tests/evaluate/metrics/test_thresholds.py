"""Thresholds are the best for F1, half-way between probabilities that occurred."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from emoclr.evaluate.metrics.thresholds import named_emotions, tune_thresholds


@settings(max_examples=15, deadline=None)
@given(st.integers(8, 40), st.integers(2, 5), st.integers(0, 10_000))
def test_no_other_threshold_gives_a_better_f1(clips: int, emotions: int, seed: int) -> None:
    # Tenths make ties frequent: a threshold cannot lie between clips of one probability.
    targets, probabilities = np.random.default_rng(seed).integers(0, 11, (2, clips, emotions)) / 10
    targets[0], targets[1] = 0.0, 1.0
    tuned = tune_thresholds(targets, probabilities)
    positive = targets >= 0.25
    for emotion, threshold in enumerate(tuned):
        best = f1_score(positive[:, emotion], probabilities[:, emotion] >= threshold, zero_division=0)
        for other in np.linspace(0, 1.05, 22):
            named = probabilities[:, emotion] >= other
            assert best >= f1_score(positive[:, emotion], named, zero_division=0) - 1e-12


def test_a_threshold_lies_half_way_between_the_last_probability_named_and_the_next() -> None:
    targets = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0], [0, 1, 0]], dtype=float)
    probabilities = np.array([[0.9, 0.9, 0.9], [0.8, 0.3, 0.8], [0.4, 0.2, 0.4], [0.1, 0.7, 0.1]])
    # Named down to 0.8 before 0.4, down to 0.7 before 0.3; one half where nothing is positive.
    assert tune_thresholds(targets, probabilities) == pytest.approx([0.6, 0.5, 0.5])
    # Below the lowest probability there is 0.
    assert tune_thresholds([[1.0], [1.0]], [[0.9], [0.6]]) == pytest.approx([0.3])


def test_the_share_from_which_an_emotion_is_there_moves_the_threshold() -> None:
    targets, probabilities = [[0.9], [0.4], [0.0]], [[0.9], [0.5], [0.2]]
    assert tune_thresholds(targets, probabilities, 0.25) == pytest.approx([0.35])
    assert tune_thresholds(targets, probabilities, 0.5) == pytest.approx([0.7])


def test_a_single_label_is_the_most_probable_emotion() -> None:
    probabilities = np.array([[0.5, 0.4], [0.1, 0.2]])
    assert named_emotions(probabilities, [0.3, 0.3], single_label=True).tolist() == [[True, False], [False, True]]
    assert named_emotions(probabilities, [0.3, 0.3], single_label=False).tolist() == [[True, True], [False, False]]
