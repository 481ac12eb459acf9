"""Contrastive objectives by name, each lightly's own, with the projection head of its paper."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from lightly.loss import BarlowTwinsLoss, DCLLoss, DCLWLoss, NTXentLoss, VICRegLoss
from lightly.loss.hypersphere_loss import HypersphereLoss
from lightly.loss.macl_loss import MACLLoss
from lightly.models.modules.heads import BarlowTwinsProjectionHead, SimCLRProjectionHead, VICRegProjectionHead
from torch import Tensor, nn


class Objective(NamedTuple):
    """A loss of two batches of projections (B, D), the head that makes them, and which options the loss takes.

    A loss without `gather_distributed` contrasts the clips of each rank by themselves.
    """

    loss: Callable[..., nn.Module]
    head: Callable[[int, int, int], nn.Module]
    options: frozenset[str]


_BOTH = frozenset({"temperature", "gather_distributed"})
_GATHERED = frozenset({"gather_distributed"})

OBJECTIVES: dict[str, Objective] = {
    "nt_xent": Objective(NTXentLoss, SimCLRProjectionHead, _BOTH),
    "dcl": Objective(DCLLoss, SimCLRProjectionHead, _BOTH),
    "dclw": Objective(DCLWLoss, SimCLRProjectionHead, _BOTH),
    "macl": Objective(MACLLoss, SimCLRProjectionHead, frozenset({"temperature"})),
    "hypersphere": Objective(HypersphereLoss, SimCLRProjectionHead, frozenset()),
    "vicreg": Objective(VICRegLoss, VICRegProjectionHead, _GATHERED),
    "barlow_twins": Objective(BarlowTwinsLoss, BarlowTwinsProjectionHead, _GATHERED),
}


def make_loss(name: str, temperature: float, distributed: bool) -> nn.Module:
    """Returns the loss; with `distributed` it gathers its negatives over all ranks where it can."""
    objective = OBJECTIVES[name]
    given: dict[str, Any] = {"temperature": temperature, "gather_distributed": distributed}
    return objective.loss(**{option: given[option] for option in objective.options})


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
