import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emoclr.pretrain.training.objectives import OBJECTIVES, contrastive_accuracy, make_loss

pytestmark = pytest.mark.filterwarnings("ignore:To copy construct")  # in lightly's DCLW


def projections(batch, size, seed):
    generator = torch.Generator().manual_seed(seed)
    first = torch.randn(batch, size, generator=generator)
    return first, first + 0.7 * torch.randn(batch, size, generator=generator)


@settings(deadline=None, max_examples=60)
@given(batch=st.integers(2, 12), size=st.integers(2, 8), seed=st.integers(0, 10**6))
def test_accuracy_counts_views_that_are_nearest_to_their_twin(batch, size, seed):
    first, second = projections(batch, size, seed)
    views = torch.cat([first, second]).double().numpy()
    right = 0
    for here in range(2 * batch):
        cosine = {
            there: views[here] @ views[there] / np.linalg.norm(views[here]) / np.linalg.norm(views[there])
            for there in range(2 * batch)
            if there != here
        }
        right += max(cosine, key=cosine.get) == (here + batch) % (2 * batch)
    assert contrastive_accuracy(first, second).item() == pytest.approx(right / (2 * batch))


def test_accuracy_is_one_for_twins_and_chance_for_strangers():
    first, _ = projections(50, 64, 0)
    assert contrastive_accuracy(first, 3 * first).item() == 1
    assert contrastive_accuracy(first, projections(50, 64, 1)[0]).item() < 0.1


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_every_objective_prefers_twins_to_strangers_and_gives_gradients(name):
    first, second = projections(16, 8, 0)
    first.requires_grad_()
    loss = make_loss(name, 0.2, distributed=False)
    near = loss(first, second)
    near.backward()
    assert first.grad is not None and torch.isfinite(first.grad).all() and first.grad.abs().max() > 0
    assert near.item() < loss(first.detach(), second.roll(1, dims=0)).item()


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_the_head_gives_projections_of_the_size_that_was_asked_for(name):
    head = OBJECTIVES[name].head(12, 20, 6)
    assert head(torch.randn(4, 12)).shape == (4, 6)


@pytest.mark.parametrize("name", ["nt_xent", "dcl", "dclw"])
def test_the_temperature_reaches_the_loss(name):
    first, second = projections(8, 8, 0)
    cold, warm = (make_loss(name, temperature, False)(first, second).item() for temperature in (0.1, 1.0))
    assert abs(cold - warm) > 0.1
