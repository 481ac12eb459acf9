"""The losses: against their formulas and their inventors' implementations, on hard labels and on shares."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import expit
from torch import Tensor, nn
from torchvision.ops import sigmoid_focal_loss

from emoclr.finetune.model.losses import LOSSES

WEIGHTS = torch.tensor([1.0, 3.0, 2.0], dtype=torch.float64)


def loss_of(name: str, weights: Tensor = WEIGHTS) -> Callable[[Tensor, Tensor], Tensor]:
    return LOSSES[name].weighted(weights)


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
    assert loss_of("bce")(logits, shares).item() == pytest.approx(expected, rel=1e-10)


def test_without_weights_cross_entropy_is_torchs(logits: Tensor, shares: Tensor) -> None:
    found = loss_of("bce", torch.ones(3, dtype=torch.float64))(logits, shares)
    assert found.item() == pytest.approx(nn.functional.binary_cross_entropy_with_logits(logits, shares).item())


def test_on_hard_labels_the_focal_loss_is_torchvisions(logits: Tensor, hard: Tensor) -> None:
    expected = sigmoid_focal_loss(logits, hard, alpha=-1, gamma=2, reduction="mean")
    assert loss_of("focal")(logits, hard).item() == pytest.approx(expected.item(), rel=1e-10)


def test_on_shares_the_focal_loss_is_the_mean_over_listeners(logits: Tensor, shares: Tensor) -> None:
    p, y = expit(logits.numpy()), shares.numpy()
    expected = -(y * (1 - p) ** 2 * np.log(p) + (1 - y) * p**2 * np.log(1 - p)).mean()
    assert loss_of("focal")(logits, shares).item() == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_those_of_finite_differences(logits: Tensor, shares: Tensor, name: str) -> None:
    loss = loss_of(name)
    assert torch.autograd.gradcheck(lambda z: loss(z, shares), logits.requires_grad_())


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("far", [-60.0, 60.0])
def test_logits_far_away_leave_finite_gradients(name: str, far: float) -> None:
    z = torch.full((2, 3), far, requires_grad=True)
    loss = loss_of(name, WEIGHTS.float())(z, torch.tensor([[0.0, 0.5, 1.0]] * 2))
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
def test_class_weights_raise_the_best_logit_by_their_shift(share: float, weight: float) -> None:
    weights = torch.tensor([weight], dtype=torch.float64)
    best = best_logit(loss_of("bce", weights), share)
    assert best - LOSSES["bce"].shift(weights).item() == pytest.approx(np.log(share / (1 - share)), abs=1e-3)


@pytest.mark.parametrize("share", [0.5, 0.6, 0.8, 0.95])
def test_the_best_answer_of_the_focal_loss_is_symmetric_so_it_needs_no_shift(share: float) -> None:
    loss = loss_of("focal", torch.ones(1, dtype=torch.float64))
    assert best_logit(loss, share) == pytest.approx(-best_logit(loss, 1 - share), abs=1e-3)
    assert LOSSES["focal"].shift(WEIGHTS).tolist() == [0, 0, 0]


@pytest.mark.parametrize("name", LOSSES)
def test_the_best_answer_grows_with_the_share(name: str) -> None:
    loss = loss_of(name, torch.ones(1, dtype=torch.float64))
    best = [best_logit(loss, share) for share in np.linspace(0.1, 0.9, 9)]
    assert (np.diff(best) > 0.05).all()
