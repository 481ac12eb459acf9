"""Where to compute."""

from typing import Literal

import torch

Device = Literal["cuda", "cpu"]


def choose_device(allowed: str = "auto") -> Device:
    """Returns where what is no training of Lightning's, such as embedding, is done: on a GPU if there is one.

    Args:
        allowed: `auto`, `cuda`, `cpu`, or Lightning's name of another kind of device, beside which it is the CPU.
    """
    return "cuda" if allowed in ("auto", "gpu", "cuda") and torch.cuda.is_available() else "cpu"
