"""The losses of fine-tuning: functions of logits and soft targets. A new one is a function and an entry of `LOSSES`.

torch is imported where a loss is computed: the settings check names of losses without it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Loss:
    """A loss of logits (B, emotions) under soft targets (B, emotions) in [0, 1].

    Attributes:
        function: the mean loss of logits, targets, and weights (emotions,) of an emotion's presence.
        shift: by how much those weights raise the best logits, (emotions,).
        description: for the settings.
    """

    function: Callable[[Tensor, Tensor, Tensor], Tensor]
    shift: Callable[[Tensor], Tensor]
    description: str

    def weighted(self, weights: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
        """Returns the loss as a function of logits and targets."""
        return lambda logits, targets: self.function(logits, targets, weights)


def weighted_cross_entropy(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Returns binary cross-entropy in which presence counts `weights` times.

    Its optimum for a share p is log(w p / (1 - p)), which is log w above the logit of p.
    """
    from torch.nn.functional import binary_cross_entropy_with_logits

    return binary_cross_entropy_with_logits(logits, targets, pos_weight=weights)


def focal(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Returns torchvision's focal loss (Lin et al. 2017) with gamma 2 and without class weights.

    A share y is a part y of listeners who hear the emotion and a part 1 - y who do not: its loss is the mean of the
    two hard losses. The optimum is symmetric in y and 1 - y, so a temperature calibrates it and there is no shift.
    """
    import torch
    from torchvision.ops import sigmoid_focal_loss

    present: Tensor = sigmoid_focal_loss(logits, torch.ones_like(logits), alpha=-1)
    absent: Tensor = sigmoid_focal_loss(logits, torch.zeros_like(logits), alpha=-1)
    return (targets * present + (1 - targets) * absent).mean()


LOSSES = {
    "bce": Loss(weighted_cross_entropy, lambda weights: weights.log(), "cross-entropy with class weights"),
    "focal": Loss(focal, lambda weights: weights.new_zeros(len(weights)), "focal loss, gamma 2, no class weights"),
}

if TYPE_CHECKING:
    LossName = str
else:
    LossName = Literal[tuple(LOSSES)]
