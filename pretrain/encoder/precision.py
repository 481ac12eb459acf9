"""Which number format a backbone trains in."""

import functools
import time
from typing import Literal

import torch
from torch import nn

Precision = Literal["32-true", "bf16-mixed"]


MIN_BF16_S = 1.0
"""Of shorter windows a CPU's last feature maps are one or two frames wide, and there oneDNN's bf16 convolutions with a
stride of 2 return garbage (seen with torch 2.15 on AMX; at three frames and more they are right)."""

_MIN_BF16_GAIN = 2.0
"""How many times as fast a CPU's matrix products must be in bf16 for networks to gain by it: on an AMD EPYC with
AVX-512 bf16 products are 4 times as fast, and networks 1.1 to 2.1 times (torch 2.15)."""
_PRODUCT_SIZE = 512
_PRODUCT_ROUNDS = 7


def choose_precision(setting: str, backbone: nn.Module, device: str, window_s: float) -> Precision:
    """Returns Lightning's precision for `auto`, `fp32` or `bf16` and windows of `window_s`.

    `auto` takes bf16 where the hardware multiplies matrices of it faster: GPUs, CPUs with AMX, and those of AMD with
    AVX-512 bf16. The same instructions of Intel's CPUs without AMX made none of the networks measured faster, and
    convnext_atto half as fast (docs/performance.md); so matrix products are timed. On CPUs, networks built of depthwise
    convolutions (MobileNet, EfficientNet, GhostNet, ...) stay in fp32 too: their time goes into memory traffic.
    """
    if setting == "fp32" or (device == "cpu" and window_s < MIN_BF16_S):
        return "32-true"
    if setting == "bf16":
        return "bf16-mixed"
    if device == "cuda":
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
    if device == "cpu" and _cpu_gains_by_bf16() and depthwise_share(backbone) < 0.2:
        return "bf16-mixed"
    return "32-true"


def depthwise_share(backbone: nn.Module) -> float:
    """Returns the share of convolutions in which every channel is filtered on its own."""
    convolutions = [module for module in backbone.modules() if isinstance(module, nn.Conv2d)]
    depthwise = [c for c in convolutions if c.groups > 1 and c.groups == c.in_channels]
    return len(depthwise) / max(1, len(convolutions))


def has_native_bf16() -> bool:
    """Returns whether this CPU has instructions for bf16."""
    # These are no public functions: where a version of torch lacks them, fp32 is never wrong.
    native = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(getattr(torch.cpu, name, bool)() for name in native)


@functools.cache
def _cpu_gains_by_bf16() -> bool:
    if not has_native_bf16():
        return False
    factors = [torch.ones(_PRODUCT_SIZE, _PRODUCT_SIZE, dtype=dtype) for dtype in (torch.float32, torch.bfloat16)]
    seconds = [[_seconds_of_product(factor) for factor in factors] for _ in range(_PRODUCT_ROUNDS)]
    fp32_s, bf16_s = (min(times) for times in zip(*seconds[1:], strict=True))
    return bool(fp32_s > _MIN_BF16_GAIN * bf16_s)


def _seconds_of_product(factor: torch.Tensor) -> float:
    begin = time.perf_counter()
    _ = factor @ factor
    return time.perf_counter() - begin
