"""The losses: against their formulas and their inventors' implementations, on hard labels and on shares."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import expit
from timm.loss import AsymmetricLossMultiLabel
from torch import Tensor
from torchvision.ops import sigmoid_focal_loss

from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.training.losses import EmotionLoss

WEIGHTS = torch.tensor([1.0, 3.0, 2.0], dtype=torch.float64)


def loss_of(weights: Tensor = WEIGHTS, **changes: object) -> EmotionLoss:
    return EmotionLoss(FinetuneSettings.model_validate(changes), weights)


@pytest.fixture
def logits() -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(size=(8, 3)) * 3)


@pytest.fixture
def hard() -> Tensor:
    return torch.from_numpy(np.random.default_rng(1).integers(0, 2, (8, 3)).astype(np.float64))


@pytest.fixture
def shares() -> Tensor:
    return torch.from_numpy(np.random.default_rng(2).uniform(size=(8, 3)))


def test_cross_entropy_counts_presence_more(logits: Tensor, shares: Tensor) -> None:
    p, y = expit(logits.numpy()), shares.numpy()
    expected = -(WEIGHTS.numpy() * y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
    assert loss_of()(logits, shares).item() == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.5])
def test_on_hard_labels_the_focal_loss_is_torchvisions(logits: Tensor, hard: Tensor, gamma: float) -> None:
    found = loss_of(loss="focal", focal_gamma=gamma)(logits, hard)
    expected = sigmoid_focal_loss(logits, hard, alpha=-1, gamma=gamma, reduction="mean")
    assert found.item() == pytest.approx(expected.item(), rel=1e-10)


def test_on_shares_the_focal_loss_is_the_mean_over_listeners(logits: Tensor, shares: Tensor) -> None:
    p, y = expit(logits.numpy()), shares.numpy()
    expected = -(y * (1 - p) ** 2 * np.log(p) + (1 - y) * p**2 * np.log(1 - p)).mean()
    assert loss_of(loss="focal")(logits, shares).item() == pytest.approx(expected, rel=1e-10)


def test_a_focal_loss_that_does_not_focus_is_cross_entropy(logits: Tensor, shares: Tensor) -> None:
    plain = loss_of(torch.ones(3, dtype=torch.float64))(logits, shares)
    assert loss_of(loss="focal", focal_gamma=0)(logits, shares).item() == pytest.approx(plain.item(), rel=1e-10)


def test_on_hard_labels_the_asymmetric_loss_is_timms(logits: Tensor, hard: Tensor) -> None:
    found = loss_of(loss="asymmetric", asymmetric_gamma=3)(logits, hard)
    expected = AsymmetricLossMultiLabel(gamma_neg=3, reduction="mean")(logits, hard)
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)


def test_on_shares_the_asymmetric_loss_is_the_mean_over_listeners(logits: Tensor, shares: Tensor) -> None:
    p, y = expit(logits.numpy()), shares.numpy()
    above_margin = np.maximum(p - 0.05, 0)
    expected = -(y * (1 - p) * np.log(p) + (1 - y) * above_margin**4 * np.log(1 - above_margin)).mean()
    assert loss_of(loss="asymmetric")(logits, shares).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["bce", "focal"])
def test_gradients_are_those_of_finite_differences(logits: Tensor, shares: Tensor, name: str) -> None:
    loss = loss_of(loss=name, label_smoothing=0.1)
    assert torch.autograd.gradcheck(lambda z: loss(z, shares), logits.requires_grad_())


def test_the_asymmetric_loss_pushes_as_its_formula_says(logits: Tensor) -> None:
    """timm computes it in single precision, too coarse for finite differences."""
    labels = torch.zeros_like(logits)
    z = logits.clone().requires_grad_()
    loss_of(loss="asymmetric")(z, labels).backward()
    p = expit(logits.numpy())
    m = np.maximum(p - 0.05, 0)
    slope = (4 * m**3 * -np.log(1 - m) + m**4 / (1 - m)) * p * (1 - p) * (m > 0)
    assert z.grad is not None
    assert z.grad.numpy() * z.numel() == pytest.approx(slope, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("name", ["bce", "focal", "asymmetric"])
def test_smoothing_moves_targets_towards_one_half(logits: Tensor, shares: Tensor, name: str) -> None:
    smoothed = loss_of(loss=name, label_smoothing=0.2)(logits, shares)
    assert smoothed.item() == pytest.approx(loss_of(loss=name)(logits, 0.8 * shares + 0.1).item(), rel=1e-6)


@pytest.mark.parametrize("name", ["bce", "focal", "asymmetric"])
@pytest.mark.parametrize("far", [-60.0, 60.0])
def test_logits_far_away_leave_finite_gradients(name: str, far: float) -> None:
    z = torch.full((2, 3), far, requires_grad=True)
    loss = loss_of(WEIGHTS.float(), loss=name)(z, torch.tensor([[0.0, 0.5, 1.0]] * 2))
    loss.backward()
    assert z.grad is not None and torch.isfinite(loss) and torch.isfinite(z.grad).all()


def best_logit(loss: Callable[[Tensor, Tensor], Tensor], share: float) -> float:
    y = torch.tensor([[share]], dtype=torch.float64)
    found = minimize_scalar(
        lambda z: loss(torch.tensor([[z]], dtype=torch.float64), y).item(), bounds=(-12, 12), method="bounded"
    )
    return float(found.x)


@settings(deadline=None, max_examples=25)
@given(st.floats(0.02, 0.98), st.floats(1, 5))
def test_the_shift_is_by_how_much_the_best_logit_lies_above_that_of_the_share(share: float, weight: float) -> None:
    loss = loss_of(torch.tensor([weight], dtype=torch.float64))
    assert loss.shift is not None
    expected = np.log(share / (1 - share))
    assert best_logit(loss, share) - loss.shift.item() == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("changes", [{"loss": "focal"}, {"loss": "asymmetric"}, {"label_smoothing": 0.1}])
def test_where_the_best_logit_is_no_shifted_one_no_shift_is_claimed(changes: dict[str, object]) -> None:
    loss = loss_of(torch.ones(1, dtype=torch.float64), **changes)
    above = [best_logit(loss, share) - np.log(share / (1 - share)) for share in (0.2, 0.7)]
    assert abs(above[0] - above[1]) > 0.1
    assert loss.shift is None


@pytest.mark.parametrize("name", ["focal", "asymmetric"])
def test_the_best_answer_still_grows_with_the_share(name: str) -> None:
    loss = loss_of(torch.ones(1, dtype=torch.float64), loss=name)
    best = [best_logit(loss, share) for share in np.linspace(0.1, 0.9, 9)]
    assert (np.diff(best) > 0.05).all()
