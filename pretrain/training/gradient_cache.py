"""Large contrastive batches in small memory: projections made chunk by chunk, and made again on the way back.

A contrastive loss needs the projections of the whole batch, which are small, but not the activations behind all of them
at once, which are large (Gao et al. 2021, Scaling deep contrastive learning batch size under memory limited setup).
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

BatchNorm = nn.modules.batchnorm._BatchNorm


def gradient_cached(project: Callable[..., Tensor], module: nn.Module, chunk: int, inputs: Sequence[Tensor]) -> Tensor:
    """Returns `project(*inputs)`, computed `chunk` rows at a time; its gradients are those of the whole.

    Only one chunk's activations are in memory at any time: they are dropped after the way forward and computed again on
    the way back, with the same random numbers. That costs a second forward pass, about a third more time. Where the
    network has batch statistics, they are those of a chunk, as on one of many devices without synchronisation; running
    averages are updated once a chunk, and not again on the way back.

    Args:
        project: takes rows of the inputs and gives as many rows.
        module: the network in it, whose running averages the second pass must leave alone.
        chunk: rows at a time.
        inputs: (N, ...) each.
    """
    if len(inputs[0]) <= chunk or not torch.is_grad_enabled():
        return project(*inputs)

    def contexts() -> tuple[contextlib.AbstractContextManager[None], contextlib.AbstractContextManager[None]]:
        return contextlib.nullcontext(), _frozen_averages(module)

    parts = zip(*(torch.split(tensor, chunk) for tensor in inputs), strict=True)
    return torch.cat([checkpoint(project, *part, use_reentrant=False, context_fn=contexts) for part in parts])


@contextlib.contextmanager
def _frozen_averages(module: nn.Module) -> Iterator[None]:
    """Batch norms normalise by their batch as before, but remember nothing of it."""
    norms = [part for part in module.modules() if isinstance(part, BatchNorm) and part.track_running_stats]
    before = [(part.momentum, _count(part).clone()) for part in norms]
    for part in norms:
        part.momentum = 0.0
    try:
        yield
    finally:
        for part, (momentum, counted) in zip(norms, before, strict=True):
            part.momentum = momentum
            _count(part).copy_(counted)


def _count(norm: nn.Module) -> Tensor:
    """Returns how many batches a norm has averaged; synchronised ones cannot do without that counter."""
    counted = norm.num_batches_tracked
    assert isinstance(counted, Tensor)
    return counted
