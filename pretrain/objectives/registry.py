"""Contrastive objectives by name: a new one is one entry here.

The losses are lightly's own, each with the projection head of its paper. They are named by where they lie and imported
when they are used, so that settings and command lines know the names without loading torch.
"""

import pkgutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import nn

SIMCLR = "lightly.models.modules.heads:SimCLRProjectionHead"
VICREG = "lightly.models.modules.heads:VICRegProjectionHead"
BARLOW_TWINS = "lightly.models.modules.heads:BarlowTwinsProjectionHead"


class Objective(NamedTuple):
    """A loss of two batches of projections (B, D) and the head that makes them.

    Attributes:
        loss: `module:class` of the loss.
        head: `module:class` of the projection head.
        options: which of `temperature` and `gather_distributed` the loss takes; without the latter it contrasts the
            clips of each rank by themselves.
    """

    loss: str
    head: str
    options: frozenset[str] = frozenset()

    def load_loss(self) -> "Callable[..., nn.Module]":
        """Returns the class of the loss."""
        loss: Callable[..., nn.Module] = pkgutil.resolve_name(self.loss)
        return loss

    def load_head(self) -> "Callable[[int, int, int], nn.Module]":
        """Returns the class of the head, which takes the sizes of its input, its hidden layer and its output."""
        head: Callable[[int, int, int], nn.Module] = pkgutil.resolve_name(self.head)
        return head


_BOTH = frozenset({"temperature", "gather_distributed"})
_GATHERED = frozenset({"gather_distributed"})

OBJECTIVES: dict[str, Objective] = {
    "nt_xent": Objective("lightly.loss:NTXentLoss", SIMCLR, _BOTH),
    "dcl": Objective("lightly.loss:DCLLoss", SIMCLR, _BOTH),
    "dclw": Objective("lightly.loss:DCLWLoss", SIMCLR, _BOTH),
    "macl": Objective("lightly.loss.macl_loss:MACLLoss", SIMCLR, frozenset({"temperature"})),
    "hypersphere": Objective("lightly.loss.hypersphere_loss:HypersphereLoss", SIMCLR),
    "vicreg": Objective("lightly.loss:VICRegLoss", VICREG, _GATHERED),
    "barlow_twins": Objective("lightly.loss:BarlowTwinsLoss", BARLOW_TWINS, _GATHERED),
}


def make_loss(name: str, temperature: float, distributed: bool) -> "nn.Module":
    """Returns the loss of an objective; with `distributed` it gathers its negatives over all ranks where it can."""
    objective = OBJECTIVES[name]
    given: dict[str, Any] = {"temperature": temperature, "gather_distributed": distributed}
    return objective.load_loss()(**{option: given[option] for option in objective.options})
