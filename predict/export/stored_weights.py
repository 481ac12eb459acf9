"""Weights in half precision inside a file, where they lose nothing by it."""

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize


class _Single(nn.Module):
    """Half precision to float32."""

    def forward(self, weights: Tensor) -> Tensor:
        return weights.float()


def halve_exact(network: nn.Module) -> None:
    """Keeps those weights of a network as float16 that are the same numbers there; it computes in float32 as before.

    Released models were rounded to float16, so that a file of one is half as large. Of others hardly a matrix is.

    Examples:
        >>> layer = nn.Linear(2, 1).requires_grad_(False)
        >>> _ = layer.weight.copy_(torch.tensor([[0.5, 0.25]]))
        >>> halve_exact(layer)
        >>> [weights.dtype for weights in layer.parameters() if weights.dim() == 2], layer.weight.dtype
        ([torch.float16], torch.float32)
    """
    for module in list(network.modules()):
        for name, weights in list(module.named_parameters(recurse=False)):
            half = weights.detach().half()
            if weights.dim() > 1 and torch.equal(half.float(), weights):
                setattr(module, name, nn.Parameter(half, requires_grad=False))
                # Unsafe means that the type changes, which is what this is for.
                parametrize.register_parametrization(module, name, _Single(), unsafe=True)
