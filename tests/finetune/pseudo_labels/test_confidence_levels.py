"""How sure is sure enough, measured on validation speakers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoclr.finetune.pseudo_labels.confidence_levels import MIN_CLIPS, confidence_levels, confident, held_out_hits


def drawn(seed: int, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Calibrated answers: an emotion is there as often as its probability says."""
    rng = np.random.default_rng(seed)
    probabilities = rng.uniform(size=(n, 3)).round(3)
    return rng.uniform(size=(n, 3)) < probabilities, probabilities


@given(st.integers(0, 10_000), st.sampled_from([0.5, 0.8, 0.9]), st.booleans())
def test_a_level_is_the_lowest_that_is_right_often_enough(seed: int, wanted: float, single: bool) -> None:
    positive, probabilities = drawn(seed, 60)
    levels = confidence_levels(positive, probabilities, wanted, single)
    for emotion in range(3):
        best = probabilities.argmax(1) == emotion if single else np.ones(60, dtype=bool)
        usable = [
            level
            for level in np.unique(probabilities[best, emotion])
            if (taken := best & (probabilities[:, emotion] >= level)).sum() >= MIN_CLIPS
            and positive[taken, emotion].mean() >= wanted
        ]
        assert levels[emotion] == (min(usable) if usable else np.inf)


def test_of_calibrated_answers_the_level_is_where_their_mean_is_the_precision() -> None:
    levels = confidence_levels(*drawn(0, 20_000), 0.9, single_label=False)
    # Uniform probabilities from t on have the mean (1 + t) / 2.
    assert levels == pytest.approx([0.8] * 3, abs=0.03)


def test_one_emotion_a_clip_is_the_most_probable() -> None:
    probabilities = np.array([[0.9, 0.8], [0.3, 0.4]])
    levels = np.array([0.5, 0.5])
    assert confident(probabilities, levels, single_label=False).tolist() == [[True, True], [False, False]]
    assert confident(probabilities, levels, single_label=True).tolist() == [[True, False], [False, False]]


def test_held_out_speakers_are_right_as_often_as_the_level_promises_where_voices_are_alike() -> None:
    positive, probabilities = drawn(1, 20_000)
    asked, right = held_out_hits(positive, probabilities, np.arange(20_000) // 200, 0.9, single_label=False)
    assert right / asked == pytest.approx([0.9] * 3, abs=0.02)


def test_a_level_that_only_one_speaker_would_set_holds_for_no_other() -> None:
    speakers = np.repeat([0, 1], 50)
    probabilities = np.where(speakers == 0, 0.9, 0.2)[:, None]
    positive = (speakers == 0)[:, None]
    assert confidence_levels(positive, probabilities, 0.9, single_label=False) == pytest.approx([0.9])
    asked, _ = held_out_hits(positive, probabilities, speakers, 0.9, single_label=False)
    assert asked.tolist() == [0]


def test_nothing_is_sure_where_nothing_is_right() -> None:
    levels = confidence_levels(np.zeros((50, 2), dtype=bool), np.full((50, 2), 0.99), 0.9, single_label=False)
    assert np.isinf(levels).all()
    assert not confident(np.ones((3, 2)), levels, single_label=False).any()


@pytest.mark.parametrize(("right", "level"), [(9, np.inf), (10, 0.9)])
def test_a_level_rests_on_ten_clips_at_least(right: int, level: float) -> None:
    # All of the surest are right; the next ones, which would fill up the ten, are not.
    probabilities = np.r_[np.full(right, 0.9), np.full(20, 0.4)][:, None]
    positive = np.r_[np.ones(right, dtype=bool), np.zeros(20, dtype=bool)][:, None]
    assert confidence_levels(positive, probabilities, 0.9, single_label=False).tolist() == [level]
