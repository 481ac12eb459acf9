"""The head alone: weights of presence, and logistic regressions that equal scikit-learn's."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from emoclr.evaluate.metrics.ranking import macro_auroc
from emoclr.finetune.model.emotion_model import EmotionHead
from emoclr.finetune.model.losses import LOSSES
from emoclr.finetune.training.head import STRENGTHS, fit_head, positive_weights

N_TRAIN, N_VALIDATION, FEATURES, EMOTIONS = 120, 80, 6, 3
TRAIN, VALIDATION = np.arange(N_TRAIN), np.arange(N_TRAIN, N_TRAIN + N_VALIDATION)
ONES = torch.ones(EMOTIONS)
Data = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def data() -> Data:
    """Embeddings of very different sizes, and shares that depend on them."""
    generator = np.random.default_rng(0)
    embeddings = generator.normal(size=(N_TRAIN + N_VALIDATION, FEATURES))
    shares = expit(embeddings @ generator.normal(size=(FEATURES, EMOTIONS)) - [0, 1, 2])
    scaled = embeddings * np.geomspace(0.5, 4, FEATURES) + np.arange(FEATURES)
    return scaled.astype(np.float32), shares.astype(np.float32)


def fitted(
    data: Data, targets: np.ndarray, weights: torch.Tensor = ONES, name: str = "bce"
) -> tuple[EmotionHead, float]:
    head = EmotionHead(FEATURES, EMOTIONS)
    loss = LOSSES[name].weighted(weights)
    return head, fit_head(head, data[0], targets.astype(np.float32), loss, TRAIN, VALIDATION, 0.25)


def test_presence_counts_the_root_of_absence_to_presence() -> None:
    shares = torch.tensor([[0.1, 0.2, 0.5], [0.1, 0.2, 0.5]])
    assert positive_weights(shares, 5.0).tolist() == pytest.approx([3.0, 2.0, 1.0])


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(1, 20))
def test_presence_counts_at_least_once_and_at_most_as_often_as_allowed(shares: list[float], largest: float) -> None:
    weights = positive_weights(torch.tensor([shares]), largest)
    expected = [math.sqrt((1 - p) / p) if p > 0 else math.inf for p in shares]
    assert weights.tolist() == pytest.approx([min(max(w, 1.0), largest) for w in expected], rel=1e-4)


@pytest.mark.parametrize("strength", [1.0, 0.1, 0.01])
def test_on_hard_labels_it_is_scikit_learns_logistic_regression(
    data: Data, strength: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emoclr.finetune.training.head.STRENGTHS", (strength,))
    targets = data[1] > 0.5
    head, _ = fitted(data, targets)
    standard = (data[0][TRAIN] - data[0][TRAIN].mean(0)) / data[0][TRAIN].std(0)
    for emotion in range(EMOTIONS):
        # The mean loss over clips, where scikit-learn takes their sum.
        reference = LogisticRegression(C=1 / (strength * N_TRAIN), tol=1e-8).fit(standard, targets[TRAIN, emotion])
        assert head.linear.weight[emotion].tolist() == pytest.approx(reference.coef_[0].tolist(), abs=2e-3)
        assert head.linear.bias[emotion].item() == pytest.approx(reference.intercept_[0], abs=2e-3)


@pytest.mark.parametrize("strength", [0.1, 0.001])
def test_on_shares_with_weights_the_gradient_vanishes(
    data: Data, strength: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emoclr.finetune.training.head.STRENGTHS", (strength,))
    weights = np.array([1.0, 2.0, 3.0])
    head, _ = fitted(data, data[1], torch.from_numpy(weights).float())
    standard = ((data[0][TRAIN] - data[0][TRAIN].mean(0)) / data[0][TRAIN].std(0)).astype(np.float64)
    weight, bias = head.linear.weight.detach().double().numpy(), head.linear.bias.detach().double().numpy()
    present, target = expit(standard @ weight.T + bias), data[1][TRAIN]
    slope = (1 - target) * present - weights * target * (1 - present)  # (n, E): of the loss by the logit
    assert slope.mean(0) == pytest.approx(np.zeros(EMOTIONS), abs=1e-3)
    assert slope.T @ standard / N_TRAIN + strength * weight == pytest.approx(np.zeros_like(weight), abs=1e-3)


@pytest.mark.parametrize("strength", [0.1, 0.001])
def test_the_focal_loss_is_that_of_the_head_alone_too(
    data: Data, strength: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emoclr.finetune.training.head.STRENGTHS", (strength,))
    head, _ = fitted(data, data[1], name="focal")
    standard = ((data[0][TRAIN] - data[0][TRAIN].mean(0)) / data[0][TRAIN].std(0)).astype(np.float64)
    weight, bias = head.linear.weight.detach().double().numpy(), head.linear.bias.detach().double().numpy()
    p, y = expit(standard @ weight.T + bias), data[1][TRAIN]
    # d/dz of -(1 - p)^2 log p, and of -p^2 log(1 - p)
    present = (1 - p) ** 2 * (2 * p * np.log(p) - (1 - p))
    absent = p**2 * (p - 2 * (1 - p) * np.log1p(-p))
    slope = y * present + (1 - y) * absent
    assert slope.mean(0) == pytest.approx(np.zeros(EMOTIONS), abs=1e-3)
    assert slope.T @ standard / N_TRAIN + strength * weight == pytest.approx(np.zeros_like(weight), abs=1e-3)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_fits_a_head_better_than_chance(data: Data, name: str) -> None:
    assert fitted(data, data[1] > 0.5, name=name)[1] == pytest.approx(fitted(data, data[1] > 0.5)[1], abs=0.03)


def test_the_strength_is_the_one_that_validation_likes_best(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(1)
    embeddings = generator.normal(size=(N_TRAIN + N_VALIDATION, 60)).astype(np.float32)
    targets = (expit(embeddings[:, :EMOTIONS]) > generator.uniform(size=(len(embeddings), EMOTIONS))).astype(np.float32)

    def score() -> float:
        head, loss = EmotionHead(60, EMOTIONS), LOSSES["bce"].weighted(ONES)
        return fit_head(head, embeddings, targets, loss, TRAIN, VALIDATION, 0.25)

    best, each = score(), []
    for strength in STRENGTHS:
        monkeypatch.setattr("emoclr.finetune.training.head.STRENGTHS", (strength,))
        each.append(score())
    assert max(each) - min(each) > 0.01
    assert best == pytest.approx(max(each), abs=0.002)  # others begin where the stronger penalty ended


def test_the_score_is_that_of_the_head_which_is_left(data: Data) -> None:
    head, score = fitted(data, data[1])
    with torch.no_grad():
        logits = head(torch.from_numpy(data[0][VALIDATION])).numpy()
    assert macro_auroc(data[1][VALIDATION], logits) == pytest.approx(score, abs=1e-6)


def test_it_standardises_by_the_training_clips(data: Data) -> None:
    head, _ = fitted(data, data[1])
    assert head.mean.tolist() == pytest.approx(data[0][TRAIN].mean(0).tolist(), rel=1e-5)
    assert head.deviation.tolist() == pytest.approx(data[0][TRAIN].std(0).tolist(), rel=1e-5)


def test_a_feature_that_hardly_moves_is_not_blown_up(data: Data) -> None:
    embeddings = data[0].copy()
    embeddings[:, 0] = 1e-6 * embeddings[:, 1]
    head, _ = fitted((embeddings, data[1]), data[1])
    assert head.deviation[0].item() == pytest.approx(0.1 * embeddings[TRAIN].std(0).mean(), rel=1e-3)


def test_without_two_classes_in_validation_the_strongest_penalty_is_taken(
    data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets = data[1].copy()
    targets[VALIDATION] = 1.0
    head, score = fitted(data, targets)
    assert math.isnan(score)
    monkeypatch.setattr("emoclr.finetune.training.head.STRENGTHS", (max(STRENGTHS),))
    strongest, _ = fitted(data, targets)
    assert torch.equal(head.linear.weight, strongest.linear.weight)
