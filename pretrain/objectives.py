"""Contrastive objectives by name, each lightly's own, with the projection head of its paper."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from lightly.loss import BarlowTwinsLoss, DCLLoss, DCLWLoss, NTXentLoss, VICRegLoss
from lightly.models.modules.heads import BarlowTwinsProjectionHead, SimCLRProjectionHead, VICRegProjectionHead
from torch import Tensor, nn


class Objective(NamedTuple):
    """A loss of two batches of projections (B, D) and the head that makes them."""

    loss: Callable[..., nn.Module]
    head: Callable[[int, int, int], nn.Module]
    has_temperature: bool


OBJECTIVES: dict[str, Objective] = {
    "nt_xent": Objective(NTXentLoss, SimCLRProjectionHead, has_temperature=True),
    "dcl": Objective(DCLLoss, SimCLRProjectionHead, has_temperature=True),
    "dclw": Objective(DCLWLoss, SimCLRProjectionHead, has_temperature=True),
    "vicreg": Objective(VICRegLoss, VICRegProjectionHead, has_temperature=False),
    "barlow_twins": Objective(BarlowTwinsLoss, BarlowTwinsProjectionHead, has_temperature=False),
}


def make_loss(name: str, temperature: float, distributed: bool) -> nn.Module:
    """Returns the loss; with `distributed` it gathers its negatives over all ranks."""
    objective = OBJECTIVES[name]
    options: dict[str, Any] = {"gather_distributed": distributed}
    if objective.has_temperature:
        options["temperature"] = temperature
    return objective.loss(**options)


def contrastive_accuracy(first: Tensor, second: Tensor) -> Tensor:
    """Returns the share of views whose nearest neighbour (cosine) among the 2B - 1 others is their twin.

    Args:
        first: (B, D) projections of the first views.
        second: (B, D) projections of the second views, in the same order.
    """
    views = nn.functional.normalize(torch.cat([first, second]), dim=1)  # (2B, D)
    similarity = (views @ views.T).fill_diagonal_(-torch.inf)  # (2B, 2B)
    twins = torch.arange(len(views), device=views.device).roll(len(first))
    return (similarity.argmax(dim=1) == twins).float().mean()
