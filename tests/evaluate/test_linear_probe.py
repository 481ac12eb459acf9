"""The probe is scikit-learn's ridge and logistic regression, and never looks at what it is not given."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from emoclr.evaluate.linear_probe import (
    TAIL,
    Fold,
    LinearProbe,
    Standardiser,
    logistic_path,
    ridge_path,
    squash,
    untrainable_emotions,
)


def folds_of(n: int) -> list[Fold]:
    part = np.arange(n) % 3
    return [(np.flatnonzero(part != fold), np.flatnonzero(part == fold)) for fold in range(3)]


def made(n: int = 240, single_label: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Features of which three carry three emotions."""
    generator = np.random.default_rng(0)
    features = generator.normal(size=(n, 12)) * np.arange(1, 13) + 5
    signal = (features[:, :3] - 5) / np.arange(1, 4)
    noisy = signal + generator.normal(size=signal.shape) * 0.5
    if single_label:
        return features, np.eye(3)[noisy.argmax(1)]
    return features, np.clip((noisy + 1) / 3, 0, 1)


@pytest.mark.parametrize(("n", "features"), [(60, 20), (20, 60)], ids=["more clips", "more features"])
def test_ridge_equals_scikit_learns(n: int, features: int) -> None:
    generator = np.random.default_rng(0)
    matrix, target = generator.normal(size=(n, features)), generator.random((n, 4))
    matrix -= matrix.mean(0)
    strengths = (1000.0, 10.0, 0.1)
    for strength, (coefficients, intercept) in zip(strengths, ridge_path(matrix, target, strengths), strict=True):
        reference = Ridge(alpha=strength).fit(matrix, target)
        assert coefficients == pytest.approx(reference.coef_.T, abs=1e-8)
        assert intercept == pytest.approx(reference.intercept_)


@pytest.mark.parametrize("classes", [2, 4])
def test_logistic_regression_gives_scikit_learns_probabilities(classes: int) -> None:
    generator = np.random.default_rng(0)
    matrix = generator.normal(size=(200, 6))
    truth = (matrix[:, :classes] + generator.normal(size=(200, classes))).argmax(1)
    reference = LogisticRegression(C=0.1, tol=1e-8, max_iter=1000).fit(matrix, truth).predict_proba(matrix)
    *_, (coefficients, intercepts) = logistic_path(matrix, np.eye(classes)[truth], (100.0, 10.0))
    powers = np.exp(matrix @ coefficients + intercepts)
    assert powers / powers.sum(1, keepdims=True) == pytest.approx(reference, abs=0.02)


def test_a_fold_that_is_fitted_to_one_class_alone_answers_with_it() -> None:
    features, target = np.random.default_rng(0).normal(size=(6, 2)), np.eye(2)[[0, 0, 0, 0, 1, 1]]
    folds = [(np.arange(4), np.arange(4, 6)), (np.arange(2, 6), np.arange(2))]
    folds.append((np.array([0, 1, 4, 5]), np.arange(2, 4)))
    probe = LinearProbe(single_label=True).fit(features, target, folds)
    assert probe.out_of_fold_[4:] == pytest.approx(np.array([[1.0, 0.0]] * 2))
    assert np.isfinite(probe.predict_proba(features)).all()


def test_a_class_that_a_fold_lacks_is_never_its_answer() -> None:
    matrix = np.random.default_rng(0).normal(size=(30, 4))
    ((coefficients, intercepts),) = logistic_path(matrix, np.eye(4)[np.arange(30) % 3], (1.0,))
    assert not ((matrix @ coefficients + intercepts).argmax(1) == 3).any()


def test_standardising_equals_scikit_learns_and_leaves_constants_at_zero() -> None:
    matrix = np.random.default_rng(0).normal(3, 5, size=(40, 3))
    matrix[:, 1] = 0.1
    standardised = Standardiser.of(matrix)(matrix)
    assert standardised == pytest.approx(StandardScaler().fit_transform(matrix), abs=1e-9)
    assert (standardised[:, 1] == 0).all()


@given(st.lists(st.floats(-3, 4), min_size=2, max_size=30))
def test_squashing_keeps_ranks_and_stays_within_zero_and_one(scores: list[float]) -> None:
    ordered = np.sort(np.array(scores))
    squashed = squash(ordered)
    assert (np.diff(squashed) >= 0).all()
    assert (squashed >= 0).all() and (squashed <= 1).all()
    middle = (ordered >= TAIL) & (ordered <= 1 - TAIL)
    assert (squashed[middle] == ordered[middle]).all()


def test_squashing_does_not_tie_low_answers() -> None:
    assert len(np.unique(squash(np.linspace(-0.3, 0.0, 50)))) == 50


@pytest.mark.parametrize("single_label", [False, True])
def test_it_finds_what_is_there(single_label: bool) -> None:
    features, targets = made(single_label=single_label)
    probe = LinearProbe(single_label).fit(features[:180], targets[:180], folds_of(180))
    probabilities = probe.predict_proba(features[180:])
    assert np.mean(probabilities.argmax(1) == targets[180:].argmax(1)) > 0.6
    assert probabilities.min() > 0 and probabilities.max() < 1
    if single_label:
        assert probabilities.sum(1) == pytest.approx(np.ones(60))


def test_out_of_fold_predictions_come_from_models_that_did_not_see_the_clip() -> None:
    features, targets = made()
    probe = LinearProbe(single_label=False).fit(features, targets, folds_of(240))
    inside, outside = folds_of(240)[0]
    scaler = StandardScaler().fit(features[inside])
    reference = Ridge(alpha=probe.strength_).fit(scaler.transform(features[inside]), targets[inside])
    expected = squash(reference.predict(scaler.transform(features[outside])))
    assert probe.out_of_fold_[outside] == pytest.approx(expected)


def test_noise_is_shrunk_harder_than_signal() -> None:
    generator = np.random.default_rng(0)
    features, targets = made()
    signal = LinearProbe(single_label=False).fit(features, targets, folds_of(240))
    noise = LinearProbe(single_label=False).fit(generator.normal(size=(240, 200)), targets, folds_of(240))
    # Answers of a probe that learned nothing stay near the prior.
    assert noise.predict_proba(generator.normal(size=(240, 200))).std(0).max() < 0.5 * (
        signal.predict_proba(features).std(0).max()
    )


@settings(max_examples=10, deadline=None)
@given(st.floats(0.01, 100), st.floats(-50, 50))
def test_scale_and_offset_of_a_feature_change_nothing(scale: float, offset: float) -> None:
    features, targets = made(90)
    plain = LinearProbe(single_label=False).fit(features, targets, folds_of(90))
    moved = LinearProbe(single_label=False).fit(features * scale + offset, targets, folds_of(90))
    assert moved.predict_proba(features * scale + offset) == pytest.approx(plain.predict_proba(features), abs=1e-5)


def test_an_emotion_without_positives_or_negatives_is_not_fitted() -> None:
    features, targets = made()
    targets[:, 1] = 0.1
    assert untrainable_emotions(targets) == {1: "no positive clip to train on"}
    assert untrainable_emotions(np.ones((4, 1))) == {0: "no negative clip to train on"}
    with pytest.raises(ValueError, match=r"\[1\]"):
        LinearProbe(single_label=False).fit(features, targets, folds_of(240))
