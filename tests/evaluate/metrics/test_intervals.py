"""Intervals cover what they promise."""

import numpy as np
import pytest

from emoclr.evaluate.metrics.intervals import Measure, bootstrap_intervals, cross_validated_interval, measure
from emoclr.evaluate.metrics.ranking import rank_metrics, weighted_auroc
from emoclr.evaluate.metrics.registry import weighted_metrics


@pytest.mark.parametrize("n_speakers", [10, 18, 30])
def test_intervals_over_speakers_cover_the_truth_as_often_as_they_say(n_speakers: int) -> None:
    generator = np.random.default_rng(0)
    trials = 2000
    # Clips whose values share a speaker's offset; the true mean is 0, and each column is a trial.
    values = np.repeat(generator.normal(size=(n_speakers, trials)), 4, axis=0)
    values += generator.normal(size=values.shape)
    speakers = np.repeat(np.arange(n_speakers), 4)
    low, high = bootstrap_intervals(lambda weights: {"mean": weights @ values / len(values)}, speakers)["mean"]
    # A standard error of a share of 0.95 in 2,000 is 0.005; plain percentiles cover 0.91 at 10 speakers.
    assert 0.935 <= np.mean((low <= 0) & (high >= 0)) <= 0.97


def test_paired_differences_of_18_speakers_cover_the_truth_as_often_as_they_say() -> None:
    """Two models that are equally good: a real difference should be found once in twenty times."""
    generator = np.random.default_rng(1)
    trials, speakers = 300, np.repeat(np.arange(18), 10)
    covered = 0
    for _ in range(trials):
        positive = generator.random(len(speakers)) < 0.4
        # Each speaker is easier for one of the models.
        scores = positive + generator.normal(size=(2, 18))[:, speakers] * positive + generator.normal(size=(2, 180))

        def difference(
            weights: np.ndarray, positive: np.ndarray = positive, scores: np.ndarray = scores
        ) -> dict[str, np.ndarray]:
            first, second = (rank_metrics(positive, score, weights)[0] for score in scores)
            return {"auroc": first - second}

        low, high = bootstrap_intervals(difference, speakers, 400)["auroc"]
        covered += low <= 0 <= high
    assert 0.92 <= covered / trials <= 0.98


def test_intervals_of_many_groups_are_the_percentiles_and_of_few_they_are_wider() -> None:
    values = np.random.default_rng(0).normal(size=2000)
    for n, wider in ((2000, 1.0), (18, 1.1), (5, 1.4)):

        def mean(weights: np.ndarray, some: np.ndarray = values[:n]) -> dict[str, np.ndarray]:
            return {"mean": weights @ some / len(some)}

        counts = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=4000)
        plain = np.percentile(counts @ values[:n] / n, [2.5, 97.5])
        found = bootstrap_intervals(mean, np.arange(n), 4000)["mean"]
        assert np.ptp(found) / np.ptp(plain) == pytest.approx(wider, abs=0.1)
        assert found[0] <= plain[0] + 1e-9 and found[1] >= plain[1] - 1e-9


def test_clips_of_one_speaker_give_wider_intervals_than_independent_clips() -> None:
    values = np.repeat(np.random.default_rng(0).normal(size=12), 20)

    def mean(weights: np.ndarray) -> dict[str, np.ndarray]:
        return {"mean": weights @ values / weights.sum(1)}

    by_speaker = bootstrap_intervals(mean, np.repeat(np.arange(12), 20))["mean"]
    by_clip = bootstrap_intervals(mean, np.arange(240))["mean"]
    assert np.ptp(by_speaker) > 3 * np.ptp(by_clip)


def test_one_speaker_has_no_interval() -> None:
    interval = bootstrap_intervals(lambda weights: {"sum": weights.sum(1)}, np.zeros(5))["sum"]
    assert np.isnan(interval).all()


def test_intervals_do_not_depend_on_the_size_of_a_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generator = np.random.default_rng(0)
    measure = weighted_metrics(generator.random((60, 3)), generator.random((60, 3)), np.full(3, 0.5), False)
    whole = bootstrap_intervals(measure, np.arange(60) // 6, 200)
    monkeypatch.setattr("emoclr.evaluate.metrics.intervals.BLOCK_ELEMENTS", 500)
    parts = bootstrap_intervals(measure, np.arange(60) // 6, 200)
    for name in whole:
        assert parts[name] == pytest.approx(whole[name])


def test_intervals_of_cross_validation_are_wider_by_what_folds_share() -> None:
    found = cross_validated_interval(Measure(0.6, 0.5, 0.65), 5)
    wider = np.sqrt(1 + 5 / 4)
    assert (found.value, found.low, found.high) == pytest.approx((0.6, 0.6 - 0.1 * wider, 0.6 + 0.05 * wider))


def test_a_cross_validated_score_covers_chance_as_often_as_it_says() -> None:
    """A nearest-mean model of noise, fitted and scored in 5 folds of speakers: its AUROC is chance."""
    generator = np.random.default_rng(0)
    trials, speakers, folds = 150, np.repeat(np.arange(20), 6), np.repeat(np.arange(20) % 5, 6)
    rows_of = [np.flatnonzero(folds == fold) for fold in range(5)]
    covered = {"plain": 0, "corrected": 0}
    for _ in range(trials):
        features, positive = generator.normal(size=(120, 8)), generator.random(120) < 0.5
        scores = np.empty(120)
        for fold in range(5):
            train = folds != fold
            means = [features[train & (positive == side)].mean(0) for side in (False, True)]
            scores[~train] = features[~train] @ (means[1] - means[0])

        def mean_auroc(
            weights: np.ndarray, positive: np.ndarray = positive, scores: np.ndarray = scores
        ) -> dict[str, np.ndarray]:
            of_folds = [weighted_auroc(positive[rows], scores[rows], weights[:, rows]) for rows in rows_of]
            return {"auroc": np.nanmean(of_folds, axis=0)}

        plain = measure(mean_auroc, [str(speaker) for speaker in speakers], 300, seed=0)["auroc"]
        for name, found in (("plain", plain), ("corrected", cross_validated_interval(plain, 5))):
            covered[name] += found.low <= 0.5 <= found.high
    assert covered["plain"] / trials < 0.9 < covered["corrected"] / trials
