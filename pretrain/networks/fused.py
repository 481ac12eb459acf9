"""Layers of a CPU that learn no more: with their activation in one pass, and their weights laid out once."""

from typing import Any, cast

import torch
from torch import Tensor, nn

ACTIVATIONS: dict[type[nn.Module], str] = {nn.ReLU: "relu", nn.SiLU: "swish"}
"""Of modules what oneDNN calls them."""

SMALL_MAP = 16
"""Positions of a map up to which its convolution is one matrix product of all images of a batch. oneDNN's convolutions
read their weights anew for each image, which for so few positions takes longer than what is computed with them."""

FEW_POSITIONS = 128
"""Positions of all images of a batch up to which a convolution of 1x1 is a product, too. With AMX oneDNN likes its
weights otherwise for one or two images than for more, and brings them from one order to the other without its quick
kernels: 55 ms in bf16 for 1,024 by 512 weights, of a convolution that takes 0.1 ms."""

NOMINAL_BATCH = 16
"""Images of a batch that weights are laid out for, whichever comes first: so sums are rounded alike in every run."""


class FusedConv2d(nn.Conv2d):
    """A convolution and the activation behind it, as oneDNN computes both at once, for inference on a CPU.

    oneDNN lays weights out as its kernels like them. PyTorch has it do so for every batch, which in bf16 takes longer
    than the convolution of a small image; here it is done for the first batch. Elsewhere than on a CPU, and where
    that has no instructions for bf16, it is what it was made from.

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
        self._attribute = _attribute(activation)
        self._laid_out: dict[tuple[torch.dtype, bool], tuple[Tensor, Tensor | None]] = {}

    def forward(self, input: Tensor, added: Tensor | None = None) -> Tensor:
        """Returns maps (B, C', F', N') of maps (B, C, F, N), to which some are added before the activation."""
        if not _by_onednn(input, _dtype(self)):
            maps = super().forward(input)
            maps = maps if added is None else maps + added
            return maps if self.activation is None else cast(Tensor, self.activation(maps))
        images = input.to(_dtype(self))
        rows, columns = (
            (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
            for size, padding, dilation, kernel, stride in zip(
                images.shape[2:], cast(Any, self.padding), self.dilation, self.kernel_size, self.stride, strict=True
            )
        )
        few = rows * columns <= SMALL_MAP or (
            self.kernel_size == (1, 1) and len(images) * rows * columns <= FEW_POSITIONS
        )
        if few and self.groups == 1 and self.dilation == (1, 1):
            return self._as_product(images, rows, columns, added)
        of_convolution = self.padding, self.stride, self.dilation, self.groups
        if (images.dtype, False) not in self._laid_out:
            weight = self.weight.detach().to(images.dtype).contiguous(memory_format=torch.channels_last)
            nominal = [NOMINAL_BATCH, *images.shape[1:]]
            laid_out = torch.ops.mkldnn._reorder_convolution_weight(weight, *of_convolution, nominal)
            self._laid_out[images.dtype, False] = laid_out, _bias(self, images.dtype)
        weight, bias = self._laid_out[images.dtype, False]
        fused = torch.ops.mkldnn._convolution_pointwise
        if added is None:
            return cast(Tensor, fused(images, weight, bias, *of_convolution, self._attribute, [], ""))
        unary = None if self.activation is None else self._attribute
        other = added.to(images.dtype).contiguous(memory_format=torch.channels_last)
        return cast(Tensor, fused(images, other, weight, bias, *of_convolution, "add", 1.0, unary, [], ""))

    def _as_product(self, images: Tensor, rows: int, columns: int, added: Tensor | None) -> Tensor:
        """Returns maps (B, C', rows, columns): the weights times the part of the images that each position sees."""
        above, beside = cast(tuple[int, int], self.padding)
        frames = images.permute(0, 2, 3, 1)
        if above or beside:
            frames = nn.functional.pad(frames, (0, 0, beside, beside, above, above))
        seen = frames.unfold(1, self.kernel_size[0], self.stride[0]).unfold(2, self.kernel_size[1], self.stride[1])
        parts = seen.permute(0, 1, 2, 4, 5, 3).flatten(3).flatten(0, 2)  # (B * rows * columns, kernel * C)
        if (images.dtype, True) not in self._laid_out:
            flat = self.weight.detach().to(images.dtype).permute(0, 2, 3, 1).flatten(1)  # half of it to turn in bf16
            self._laid_out[images.dtype, True] = _lay_out(self, flat, images.dtype, rows * columns)
        weight, bias = self._laid_out[images.dtype, True]
        attribute = self._attribute if added is None else "none"
        found: Tensor = torch.ops.mkldnn._linear_pointwise(parts, weight, bias, attribute, [], "")
        maps = found.view(len(images), rows, columns, -1).permute(0, 3, 1, 2)
        if added is None:
            return maps
        maps = maps.add_(added)
        return maps if self.activation is None else cast(Tensor, self.activation(maps))

    def __getstate__(self) -> dict[str, Any]:
        """Returns what a copy has, which lays its own weights out."""
        return {**self.__dict__, "_laid_out": {}}


class FusedLinear(nn.Linear):
    """A linear layer and the activation behind it, as `FusedConv2d` is one of a convolution.

    Args:
        linear: its weights are shared, not copied.
        activation: the module behind it; None for none.
    """

    def __init__(self, linear: nn.Linear, activation: nn.Module | None = None) -> None:
        super().__init__(linear.in_features, linear.out_features, device="meta")
        self.weight, self.bias = linear.weight, linear.bias
        self.activation = activation
        self._attribute = _attribute(activation)
        self._laid_out: dict[torch.dtype, tuple[Tensor, Tensor | None]] = {}

    def forward(self, input: Tensor) -> Tensor:
        """Returns features (..., F') of features (..., F)."""
        if not _by_onednn(input, _dtype(self)):
            features = super().forward(input)
            return features if self.activation is None else cast(Tensor, self.activation(features))
        rows = input.to(_dtype(self)).reshape(-1, self.in_features)
        if rows.dtype not in self._laid_out:
            self._laid_out[rows.dtype] = _lay_out(
                self, self.weight, rows.dtype, max(1, len(rows) // max(1, len(input)))
            )
        weight, bias = self._laid_out[rows.dtype]
        found = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, self._attribute, [], "")
        return cast(Tensor, found.view(*input.shape[:-1], -1))

    def __getstate__(self) -> dict[str, Any]:
        """Returns what a copy has, which lays its own weights out."""
        return {**self.__dict__, "_laid_out": {}}


class PairwiseMaxPool2d(nn.Module):
    """Max pooling of 2x2 with a stride of 2, in inference: PyTorch's notes which of the four it was, and is slower."""

    def forward(self, images: Tensor) -> Tensor:
        """Returns maps (B, C, F // 2, N // 2) of maps (B, C, F, N)."""
        rows, columns = (size // 2 * 2 for size in images.shape[2:])
        whole = images.permute(0, 2, 3, 1)[:, :rows, :columns]
        higher = torch.maximum(whole[:, ::2], whole[:, 1::2])
        return torch.maximum(higher[:, :, ::2], higher[:, :, 1::2]).permute(0, 3, 1, 2)


class FusedResidual(nn.Module):
    """A residual block whose last convolution adds the shortcut and takes the activation along.

    Args:
        body: the layers before the last convolution.
        last: the last convolution.
        shortcut: what brings the block's input to the size of its output; None where that is so.
        activation: of the sum.
    """

    def __init__(self, body: nn.Module, last: nn.Conv2d, shortcut: nn.Module | None, activation: nn.Module) -> None:
        super().__init__()
        self.body, self.last, self.shortcut = body, FusedConv2d(last, activation), shortcut

    def forward(self, images: Tensor) -> Tensor:
        """Returns maps (B, C', F', N') of maps (B, C, F, N)."""
        added = images if self.shortcut is None else self.shortcut(images)
        return cast(Tensor, self.last(self.body(images), added))


def quick_layer(layer: nn.Module, activation: nn.Module | None = None) -> nn.Module | None:
    """Returns what takes the place of a layer that learns no more, and of the activation behind it; None for nothing.

    Examples:
        >>> type(quick_layer(nn.Conv2d(3, 8, 3), nn.ReLU())).__name__
        'FusedConv2d'
        >>> quick_layer(nn.MaxPool2d(3))
    """
    if fits(layer):
        return FusedConv2d(cast(nn.Conv2d, layer), activation)
    if type(layer) is nn.Linear:
        return FusedLinear(layer, activation)
    if type(layer) is nn.MaxPool2d and layer.extra_repr() == nn.MaxPool2d(2).extra_repr():
        return None if layer.return_indices else PairwiseMaxPool2d()
    return None


def fits(layer: nn.Module) -> bool:
    """Returns whether a layer can be a `FusedConv2d`."""
    return type(layer) is nn.Conv2d and layer.padding_mode == "zeros" and not isinstance(layer.padding, str)


def plain_layers(network: nn.Module) -> list[nn.Module]:
    """Returns the convolutions and linear layers of a network that convert their weights for each batch in bf16.

    Examples:
        >>> network = nn.Sequential(nn.Conv2d(3, 8, 3), FusedLinear(nn.Linear(8, 2)))
        >>> plain_layers(network) == [network[0]]
        True
    """
    kept = FusedConv2d | FusedLinear
    return [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear) and not isinstance(m, kept)]


def _attribute(activation: nn.Module | None) -> str:
    """Returns what oneDNN calls an activation."""
    return "none" if activation is None else ACTIVATIONS[type(activation)]


def _dtype(layer: nn.Conv2d | nn.Linear) -> torch.dtype:
    """Returns in what a layer computes on a CPU."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else layer.weight.dtype


def _by_onednn(input: Tensor, dtype: torch.dtype) -> bool:
    """Returns whether oneDNN computes with it in this precision."""
    supported = dtype == torch.float32 or (dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return input.device.type == "cpu" and bool(supported)


def _lay_out(
    layer: nn.Conv2d | nn.Linear, weight: Tensor, dtype: torch.dtype, rows: int
) -> tuple[Tensor, Tensor | None]:
    """Returns weights (F', F) as oneDNN's products of so many rows an image like them (they take any), and the bias."""
    plain = weight.detach().to(dtype).contiguous()
    return torch.ops.mkldnn._reorder_linear_weight(plain, NOMINAL_BATCH * rows), _bias(layer, dtype)


def _bias(layer: nn.Conv2d | nn.Linear, dtype: torch.dtype) -> Tensor | None:
    return None if layer.bias is None else layer.bias.detach().to(dtype)
