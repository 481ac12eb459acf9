"""Standardising within speakers: against numpy, speaker by speaker, and what it must not know."""

import numpy as np
import pytest

from emoclr.evaluate.scores import Prediction, Truth
from emoclr.evaluate.studies.speaker_known import KNOWN, speaker_known_section, standardise_within_speakers

SPEAKERS = [*"aabbbcaab"]


@pytest.fixture
def features() -> np.ndarray:
    found = np.random.default_rng(0).normal(3, 2, (9, 4))
    found[:, 3] = 7.0  # a feature that tells nothing
    return found


@pytest.mark.parametrize("prior", [0.5, 5.0])
def test_it_is_the_mean_and_deviation_of_own_clips_with_the_training_clips_as_some_more(
    features: np.ndarray, prior: float
) -> None:
    train = np.array([0, 1, 2, 3, 4])
    voices = np.array(SPEAKERS)
    within = np.mean([(features[row] - features[voices == voices[row]].mean(0)) ** 2 for row in train], axis=0)
    found = standardise_within_speakers(features, SPEAKERS, train, prior)
    for row, voice in enumerate(voices):
        own = features[voices == voice]
        mean = (own.sum(0) + prior * features[train].mean(0)) / (len(own) + prior)
        variance = (len(own) * own.var(0) + prior * within) / (len(own) + prior)
        assert found[row, :3] == pytest.approx((features[row] - mean)[:3] / np.sqrt(variance)[:3], abs=1e-12)
    assert (found[:, 3] == 0).all()


def test_without_a_prior_every_voice_has_mean_0_and_deviation_1(features: np.ndarray) -> None:
    found = standardise_within_speakers(features, SPEAKERS, np.arange(9), 0.0)
    for voice in "ab":
        own = found[np.array(SPEAKERS) == voice, :3]
        assert own.mean(0) == pytest.approx(0, abs=1e-12) and own.std(0) == pytest.approx(1)


def test_what_a_voice_adds_to_all_its_clips_goes_and_clips_in_another_order_are_the_same(features: np.ndarray) -> None:
    voice = {"a": 0.0, "b": 100.0, "c": -40.0}
    shifted = features + np.array([[voice[name]] for name in SPEAKERS])
    everyone = np.arange(9)
    before = standardise_within_speakers(features, SPEAKERS, everyone, 0.0)
    assert standardise_within_speakers(shifted, SPEAKERS, everyone, 0.0) == pytest.approx(before, abs=1e-9)
    order = np.random.default_rng(1).permutation(9)
    turned = standardise_within_speakers(features[order], [SPEAKERS[row] for row in order], everyone, 0.0)
    assert turned == pytest.approx(before[order], abs=1e-9)


def test_a_gain_is_told_in_words_and_in_numbers() -> None:
    """A voice that always sounds angry is no angrier than others: only its own clips tell."""
    generator = np.random.default_rng(0)
    angry = np.tile([0, 1], 60)
    speakers = np.repeat(np.arange(12), 10)
    loudness = angry + 5 * generator.normal(size=12)[speakers]
    truth = Truth(["anger"], angry[:, None].astype(float), [str(name) for name in speakers], n_resamples=50)
    known = standardise_within_speakers(loudness[:, None], truth.speakers, np.arange(120), 0.0)

    def predicted(values: np.ndarray) -> Prediction:
        return Prediction("net", 1 / (1 + np.exp(-values.reshape(-1, 1))), np.full(1, 0.5))

    section = speaker_known_section(truth, [(predicted(loudness), predicted(known))], "How.")
    assert "net, speaker known: +0." in section.text and "a real gain" in section.text
    assert "has 10 clips in the middle" in section.text
    assert [row[0] for row in section.tables[0].rows] == ["net", f"net, {KNOWN}"]
    found = section.data["models"]["net"]
    assert found["known"]["macro_auroc"]["value"] == 1.0
    difference = found["known"]["macro_auroc"]["value"] - found["plain"]["macro_auroc"]["value"]
    assert found["difference"]["macro_auroc"]["value"] == pytest.approx(difference, abs=2e-6)
