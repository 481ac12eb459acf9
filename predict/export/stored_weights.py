"""Weights as they lie in a file: in half precision where they lose nothing by it, or rounded to 8 bits."""

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

INT8_STEPS = 127
"""From zero to the largest weight of an output."""


class _Single(nn.Module):
    """Half precision to float32."""

    def forward(self, weights: Tensor) -> Tensor:
        return weights.float()


class _Scaled(nn.Module):
    """Whole numbers (outputs, ...) to float32, by the step of each output."""

    steps: Tensor

    def __init__(self, steps: Tensor) -> None:
        super().__init__()
        self.register_buffer("steps", steps)

    def forward(self, weights: Tensor) -> Tensor:
        return weights.float() * self.steps


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
    for module, name, weights in _matrices(network):
        half = weights.detach().half()
        if torch.equal(half.float(), weights):
            _store(module, name, half, _Single())


def round_to_int8(network: nn.Module) -> None:
    """Rounds matrices and filters to 255 values an output, evenly spaced around zero; they stay float32.

    Examples:
        >>> layer = nn.Linear(3, 1).requires_grad_(False)
        >>> _ = layer.weight.copy_(torch.tensor([[1.27, 0.014, -0.5]]))
        >>> round_to_int8(layer)
        >>> [round(value, 4) for value in layer.weight[0].tolist()]
        [1.27, 0.01, -0.5]
    """
    for _, _, weights in _matrices(network):
        numbers, steps = _int8(weights.detach())
        weights.data = numbers.float() * steps


def store_int8(network: nn.Module) -> None:
    """Keeps what `round_to_int8` rounded as int8; the network computes in float32, the same up to rounding of float32.

    Examples:
        >>> layer = nn.Linear(2, 1).requires_grad_(False)
        >>> store_int8(layer)
        >>> [weights.dtype for weights in layer.parameters() if weights.dim() == 2], layer.weight.dtype
        ([torch.int8], torch.float32)
    """
    for module, name, weights in _matrices(network):
        numbers, steps = _int8(weights.detach())
        _store(module, name, numbers, _Scaled(steps))


def _matrices(network: nn.Module) -> list[tuple[nn.Module, str, Tensor]]:
    """Returns what has two or more dimensions, with its module and its name there."""
    return [
        (module, name, weights)
        for module in network.modules()
        for name, weights in module.named_parameters(recurse=False)
        if weights.dim() > 1
    ]


def _int8(weights: Tensor) -> tuple[Tensor, Tensor]:
    """Returns whole numbers of the shape of weights (outputs, ...), and the step of each output (outputs, 1, ...)."""
    largest = weights.abs().amax(dim=tuple(range(1, weights.dim())), keepdim=True)
    steps = torch.where(largest > 0, largest / INT8_STEPS, 1.0)
    return (weights / steps).round().to(torch.int8), steps


def _store(module: nn.Module, name: str, stored: Tensor, read: nn.Module) -> None:
    setattr(module, name, nn.Parameter(stored, requires_grad=False))
    # Unsafe means that the type changes, which is what this is for.
    parametrize.register_parametrization(module, name, read, unsafe=True)
