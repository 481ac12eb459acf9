"""Clips that are shorter than a window, and how they fill it."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Padding = Literal["repeat", "zero", "reflect"]
"""How a clip that is shorter than a window fills it."""


def fix_length(crop: NDArray[np.float32], samples: int, short: Padding) -> NDArray[np.float32]:
    """Returns a crop of `samples` samples; a longer one is cut off.

    Args:
        crop: float32 `(n,)`.
        samples: how many there are to be.
        short: `repeat` begins anew at the end, `zero` goes on with silence, `reflect` goes back and forth, so that
            nothing jumps at the seam.
    """
    if len(crop) >= samples:
        return crop[:samples]
    if short == "zero":
        return np.pad(crop, (0, samples - len(crop)))
    if short == "reflect":
        return np.resize(np.concatenate([crop, crop[::-1]]), samples)
    return np.resize(crop, samples)
