"""Convolutions of a CPU that learn no more: with their activation in one pass, and their weights laid out once."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

import torch
from torch import Tensor, nn

from emoclr.pretrain.networks.folded import MAX_CHANGE

_ACTIVATIONS: dict[type[nn.Module], str] = {nn.ReLU: "relu", nn.SiLU: "swish"}
"""Of modules what oneDNN calls them."""


class FusedConv2d(nn.Conv2d):
    """A convolution and the activation behind it, as oneDNN computes both at once, for inference on a CPU.

    oneDNN lays weights out as its kernels like them. PyTorch has it do so for every batch, which in bf16 takes longer
    than the convolution of a small image; here it is done for the first batch. Elsewhere than on a CPU it is what it
    was made from.

    Args:
        conv: its weights are shared, not copied.
        activation: the module behind it; None for none.
    """

    def __init__(self, conv: nn.Conv2d, activation: nn.Module | None = None) -> None:
        kernel_size = cast(tuple[int, int], conv.kernel_size)
        super().__init__(conv.in_channels, conv.out_channels, kernel_size, groups=conv.groups, device="meta")
        self.stride, self.padding, self.dilation = conv.stride, conv.padding, conv.dilation
        self.weight, self.bias = conv.weight, conv.bias
        self.activation = activation
        self._attribute = "none" if activation is None else _ACTIVATIONS[type(activation)]
        self._laid_out: dict[torch.dtype, tuple[Tensor, Tensor | None]] = {}

    def forward(self, input: Tensor) -> Tensor:
        """Returns maps (B, C', F', N') of maps (B, C, F, N)."""
        if input.device.type != "cpu":
            maps = super().forward(input)
            return maps if self.activation is None else cast(Tensor, self.activation(maps))
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else self.weight.dtype
        images = input.to(dtype)
        if dtype not in self._laid_out:
            self._laid_out[dtype] = self._lay_out(dtype, list(images.shape))
        weight, bias = self._laid_out[dtype]
        of_convolution = self.padding, self.stride, self.dilation, self.groups
        fused = torch.ops.mkldnn._convolution_pointwise
        return cast(Tensor, fused(images, weight, bias, *of_convolution, self._attribute, [], ""))

    def _lay_out(self, dtype: torch.dtype, sizes: list[int]) -> tuple[Tensor, Tensor | None]:
        """Returns the weights as oneDNN likes them for images of such sizes (it takes any), and the bias."""
        weight = self.weight.detach().to(dtype).contiguous(memory_format=torch.channels_last)
        of_convolution = self.padding, self.stride, self.dilation, self.groups
        laid_out = torch.ops.mkldnn._reorder_convolution_weight(weight, *of_convolution, sizes)
        return laid_out, None if self.bias is None else self.bias.detach().to(dtype)

    def __getstate__(self) -> dict[str, Any]:
        """Returns what a copy has, which lays its own weights out."""
        return {**self.__dict__, "_laid_out": {}}


def fuse_convolutions(network: nn.Module, run: Callable[[], Tensor]) -> bool:
    """Makes the convolutions of a network that learns no more `FusedConv2d`, and returns whether that was done.

    An activation that takes what a convolution gave becomes part of it. Where outputs change by that, because something
    else takes it, too, the network stays as it is, and so it does where PyTorch has no oneDNN.

    Args:
        network: in eval mode; its batch norms are folded, see `fold_batch_norms`.
        run: sends something through it and returns what comes out.

    Examples:
        >>> network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()).eval()
        >>> expected = network(torch.ones(1, 3, 4, 4))
        >>> _ = fuse_convolutions(network, lambda: network(torch.ones(1, 3, 4, 4)))
        >>> torch.allclose(network(torch.ones(1, 3, 4, 4)), expected)
        True
    """
    if not hasattr(torch.ops.mkldnn, "_convolution_pointwise"):
        return False
    with torch.no_grad():
        expected, behind = _activations_behind(network, run)
        replaced: list[tuple[nn.Module, str, nn.Module]] = []
        taken = set(behind.values())
        for parent in list(network.modules()):
            for name, child in list(parent.named_children()):
                if type(child) is nn.Conv2d and child.padding_mode == "zeros" and not isinstance(child.padding, str):
                    replaced.append((parent, name, child))
                    setattr(parent, name, FusedConv2d(child, behind.get(child)))
                elif child in taken:
                    replaced.append((parent, name, child))
                    setattr(parent, name, nn.Identity())
        with suppress(RuntimeError):  # of a CPU whose oneDNN lacks it
            if (run() - expected).abs().max() <= MAX_CHANGE * expected.abs().max():
                return True
    for parent, name, child in replaced:
        setattr(parent, name, child)
    return False


def _activations_behind(network: nn.Module, run: Callable[[], Tensor]) -> tuple[Tensor, dict[nn.Conv2d, nn.Module]]:
    """Returns what comes out, and the convolutions whose maps an activation takes that takes no others."""
    given: dict[int, tuple[nn.Conv2d, Tensor, int]] = {}  # by id, which lasts as long as the tensor
    behind: dict[nn.Conv2d, nn.Module] = {}
    calls: dict[nn.Module, int] = {}

    def before(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        calls[module] = calls.get(module, 0) + 1
        if type(module) in _ACTIVATIONS and id(inputs[0]) in given:
            conv, maps, version = given.pop(id(inputs[0]))
            if maps._version == version:  # nothing was added to them in place, as a shortcut is
                behind[conv] = module

    def after(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if isinstance(module, nn.Conv2d):
            given[id(output)] = module, output, output._version

    hooks = [module.register_forward_pre_hook(before) for module in network.modules()]
    hooks += [module.register_forward_hook(after) for module in network.modules()]
    expected = run()
    for hook in hooks:
        hook.remove()
    return expected, {conv: act for conv, act in behind.items() if calls[conv] == calls[act] == 1}
