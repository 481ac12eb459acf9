import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emoclr.pretrain.training.contrastive_metrics import alignment, contrastive_accuracy, effective_rank, uniformity


def on_the_sphere(n, d, seed=0):
    return torch.nn.functional.normalize(torch.randn(n, d, generator=torch.Generator().manual_seed(seed)), dim=1)


def projections(batch, size, seed):
    generator = torch.Generator().manual_seed(seed)
    first = torch.randn(batch, size, generator=generator)
    return first, first + 0.7 * torch.randn(batch, size, generator=generator)


def test_the_effective_rank_counts_the_directions_that_are_used_alike():
    assert effective_rank(torch.eye(5).repeat(3, 1)).item() == pytest.approx(5)


def test_alignment_and_uniformity_are_those_of_wang_and_isola():
    first, second = on_the_sphere(30, 8), on_the_sphere(30, 8, seed=1)
    a, b = first.double().numpy(), second.double().numpy()
    assert alignment(3 * first, second).item() == pytest.approx(np.mean(np.sum((a - b) ** 2, axis=1)), rel=1e-5)
    pairs = [np.exp(-2 * np.sum((a[i] - a[j]) ** 2)) for i in range(30) for j in range(i)]
    assert uniformity(5 * first).item() == pytest.approx(np.log(np.mean(pairs)), rel=1e-5)


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
