"""Metrics equal scikit-learn's, and intervals cover what they promise."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)

from emoclr.evaluate.metrics.multilabel import (
    bootstrap_intervals,
    emotion_metrics,
    rank_metrics,
    reliability,
    tune_thresholds,
    weighted_emotions,
    weighted_metrics,
)


@st.composite
def predictions(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    shape = (draw(st.integers(8, 40)), draw(st.integers(2, 5)))
    # Tenths make ties frequent: that is where rank metrics go wrong.
    tenths = st.integers(0, 10).map(lambda value: value / 10)
    targets = draw(hnp.arrays(np.float64, shape, elements=tenths))
    targets[0], targets[1] = 0.0, 1.0
    return targets, draw(hnp.arrays(np.float64, shape, elements=tenths)), np.full(shape[1], 0.45)


@settings(max_examples=60, deadline=None)
@given(predictions())
def test_multilabel_metrics_equal_scikit_learn(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    targets, probabilities, thresholds = case
    positive, named = targets >= 0.25, probabilities >= thresholds
    found = emotion_metrics(targets, probabilities, thresholds, single_label=False)
    assert found["macro_auroc"] == pytest.approx(roc_auc_score(positive, probabilities, average="macro"))
    assert found["map"] == pytest.approx(average_precision_score(positive, probabilities, average="macro"))
    assert found["macro_f1"] == pytest.approx(f1_score(positive, named, average="macro", zero_division=0))
    assert found["micro_f1"] == pytest.approx(f1_score(positive, named, average="micro", zero_division=0))
    assert "uar" not in found


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(12, 60), st.integers(2, 6))
def test_single_label_metrics_equal_scikit_learn(data: st.DataObject, n: int, classes: int) -> None:
    drawn = data.draw(hnp.arrays(int, n, elements=st.integers(0, classes - 1)))
    truth = np.concatenate([np.arange(classes), drawn])
    generator = np.random.default_rng(data.draw(st.integers(0, 99)))
    probabilities = generator.dirichlet(np.ones(classes), len(truth))
    found = emotion_metrics(np.eye(classes)[truth], probabilities, np.full(classes, 0.5), single_label=True)
    guess = probabilities.argmax(1)
    assert found["uar"] == pytest.approx(balanced_accuracy_score(truth, guess))
    assert found["wa"] == pytest.approx(np.mean(truth == guess))
    assert found["macro_f1"] == pytest.approx(f1_score(truth, guess, average="macro"))
    assert found["micro_f1"] == pytest.approx(found["wa"])


@settings(max_examples=40, deadline=None)
@given(predictions(), st.integers(0, 99))
def test_a_weighted_clip_counts_as_often_as_its_weight(
    case: tuple[np.ndarray, np.ndarray, np.ndarray], seed: int
) -> None:
    targets, probabilities, thresholds = case
    counts = np.random.default_rng(seed).integers(0, 4, len(targets))
    counts[:2] = 1
    repeated = np.repeat(np.arange(len(targets)), counts)
    weighted = weighted_metrics(targets, probabilities, thresholds, False)(counts[None].astype(float))
    plain = emotion_metrics(targets[repeated], probabilities[repeated], thresholds, single_label=False)
    for name, value in plain.items():
        assert weighted[name][0] == pytest.approx(value), name


def test_rank_metrics_equal_scikit_learn_with_sample_weights() -> None:
    generator = np.random.default_rng(0)
    positive, scores = generator.random(200) < 0.3, generator.integers(0, 20, 200) / 20
    weights = generator.integers(0, 3, (5, 200)).astype(float)
    auroc, ap = rank_metrics(positive, scores, weights)
    for row, weight in enumerate(weights):
        assert auroc[row] == pytest.approx(roc_auc_score(positive, scores, sample_weight=weight))
        assert ap[row] == pytest.approx(average_precision_score(positive, scores, sample_weight=weight))


def test_per_emotion_metrics_equal_scikit_learn() -> None:
    generator = np.random.default_rng(1)
    targets, probabilities = generator.random((80, 3)), generator.random((80, 3))
    thresholds = np.array([0.3, 0.5, 0.9])
    found = weighted_emotions(targets, probabilities, thresholds, False)(np.ones((1, 80)))
    positive, named = targets >= 0.25, probabilities >= thresholds
    assert found["precision"][0] == pytest.approx(precision_score(positive, named, average=None, zero_division=0))
    assert found["recall"][0] == pytest.approx(recall_score(positive, named, average=None))
    assert found["f1"][0] == pytest.approx(f1_score(positive, named, average=None))


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


def test_an_emotion_without_positives_is_left_out_of_the_macro_means() -> None:
    generator = np.random.default_rng(0)
    targets, probabilities = generator.random((40, 2)), generator.random((40, 3))
    with_absent = np.column_stack([targets, np.zeros(40)])
    everything = emotion_metrics(with_absent, probabilities, np.full(3, 0.5), single_label=False)
    present = emotion_metrics(targets, probabilities[:, :2], np.full(2, 0.5), single_label=False)
    for name in ("macro_auroc", "map", "macro_f1"):
        assert everything[name] == pytest.approx(present[name])


def test_no_usable_emotion_gives_nan_not_a_number_that_looks_good() -> None:
    found = emotion_metrics(np.zeros((5, 2)), np.full((5, 2), 0.3), [0.5, 0.5], single_label=False)
    assert np.isnan(found["macro_auroc"]) and np.isnan(found["map"])


def test_a_constant_probability_scores_one_half_and_the_share_of_positives() -> None:
    targets = np.array([[1.0], [0.0], [0.0], [0.0]])
    found = emotion_metrics(targets, np.full((4, 1), 0.25), [0.5], single_label=False)
    assert (found["macro_auroc"], found["map"]) == (0.5, 0.25)


@settings(max_examples=15, deadline=None)
@given(predictions())
def test_no_other_threshold_gives_a_better_f1(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    targets, probabilities, _ = case
    tuned = tune_thresholds(targets, probabilities)
    positive = targets >= 0.25
    for emotion, threshold in enumerate(tuned):
        best = f1_score(positive[:, emotion], probabilities[:, emotion] >= threshold, zero_division=0)
        for other in np.linspace(0, 1.05, 22):
            named = probabilities[:, emotion] >= other
            assert best >= f1_score(positive[:, emotion], named, zero_division=0) - 1e-12


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
    monkeypatch.setattr("emoclr.evaluate.metrics.multilabel.BLOCK_ELEMENTS", 500)
    parts = bootstrap_intervals(measure, np.arange(60) // 6, 200)
    for name in whole:
        assert parts[name] == pytest.approx(whole[name])
