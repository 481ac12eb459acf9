"""Batch norms folded into the convolutions before them: in inference both are one linear map."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

MAX_CHANGE = 1e-4
"""Of outputs, as a share of the largest one: sums are rounded otherwise."""


def fold_batch_norms(network: nn.Module, run: Callable[[], Tensor]) -> bool:
    """Folds the batch norms of a network that learns no more into its convolutions, and returns whether that was done.

    A batch norm that takes what a convolution gave is folded into it. Where outputs change by that, because something
    else takes it, too, the network stays as it is.

    Args:
        network: in eval mode.
        run: sends something through it and returns what comes out.

    Examples:
        >>> network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()).eval()
        >>> fold_batch_norms(network, lambda: network(torch.ones(1, 3, 4, 4)))
        True
        >>> network
        Sequential(
          (0): Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1))
          (1): Sequential()
          (2): ReLU()
        )
    """
    given: dict[int, tuple[nn.Conv2d, Tensor]] = {}  # by id, which lasts as long as the tensor
    pairs: dict[nn.BatchNorm2d, nn.Conv2d] = {}

    def watch(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if isinstance(module, nn.Conv2d):
            given[id(output)] = module, output
        elif isinstance(module, nn.BatchNorm2d) and id(inputs[0]) in given:
            pairs[module] = given[id(inputs[0])][0]

    hooks = [module.register_forward_hook(watch) for module in network.modules()]
    with torch.no_grad():
        expected = run()
        for hook in hooks:
            hook.remove()
        before = [(conv, conv.weight, conv.bias) for conv in pairs.values()]
        places = [
            (parent, name, child)
            for parent in network.modules()
            for name, child in parent.named_children()
            if isinstance(child, nn.BatchNorm2d) and child in pairs
        ]
        for parent, name, norm in places:
            conv, mean, variance = pairs[norm], norm.running_mean, norm.running_var
            if mean is None or variance is None:  # it takes those of each batch
                continue
            conv.weight, conv.bias = fuse_conv_bn_weights(
                conv.weight, conv.bias, mean, variance, norm.eps, norm.weight, norm.bias
            )
            setattr(parent, name, nn.Sequential(*norm.children()))  # timm's have an activation inside
        if (run() - expected).abs().max() <= MAX_CHANGE * expected.abs().max():
            return True
    for parent, name, norm in places:
        setattr(parent, name, norm)
    for conv, weight, bias in before:
        conv.weight, conv.bias = weight, bias
    return False
