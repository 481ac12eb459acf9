"""Which number format a backbone trains in."""

from typing import Literal

import torch
from torch import nn

Precision = Literal["32-true", "bf16-mixed"]


MIN_BF16_S = 1.0
"""Of shorter windows a CPU's last feature maps are one or two frames wide, and there oneDNN's bf16 convolutions with a
stride of 2 return garbage (seen with torch 2.15 on AMX; at three frames and more they are right)."""


def choose_precision(setting: str, backbone: nn.Module, device: str, window_s: float) -> Precision:
    """Returns Lightning's precision for `auto`, `fp32` or `bf16` and windows of `window_s`.

    `auto` takes bf16 where the hardware multiplies matrices of it (GPUs, CPUs with AMX): without AMX, AVX-512's bf16
    instructions made none of the networks measured faster and convnext_atto half as fast (docs/performance.md). On
    CPUs, networks built of depthwise convolutions (MobileNet, EfficientNet, GhostNet, ...) stay in fp32 too: their time
    goes into memory traffic.
    """
    if setting == "fp32" or (device == "cpu" and window_s < MIN_BF16_S):
        return "32-true"
    if setting == "bf16":
        return "bf16-mixed"
    if device == "cuda":
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
    if device == "cpu" and _cpu_has_amx() and depthwise_share(backbone) < 0.2:
        return "bf16-mixed"
    return "32-true"


def depthwise_share(backbone: nn.Module) -> float:
    """Returns the share of convolutions in which every channel is filtered on its own."""
    convolutions = [module for module in backbone.modules() if isinstance(module, nn.Conv2d)]
    depthwise = [c for c in convolutions if c.groups > 1 and c.groups == c.in_channels]
    return len(depthwise) / max(1, len(convolutions))


def _cpu_has_amx() -> bool:
    # Not a public function: where a version of torch lacks it, fp32 is never wrong.
    return bool(getattr(torch.cpu, "_is_amx_tile_supported", bool)())
