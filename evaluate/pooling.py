"""Windows of a recording pooled to one row: the mean, the maximum, or noisy-or of what a network gives for each."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Pooling = Literal["mean", "max", "noisy_or"]
"""How the windows of a recording become one row; see `pool_windows`."""


def pool_windows(outputs: NDArray[np.float64], positions: NDArray[np.int64], how: Pooling) -> NDArray[np.float64]:
    """Returns one row a clip, (clips, outputs), of the outputs of its windows.

    >>> pool_windows(np.array([[0.0], [2.0], [5.0]]), np.array([0, 0, 1]), "mean").tolist()
    [[1.0], [5.0]]

    Args:
        outputs: (windows, outputs); logits where they are not averaged.
        positions: (windows,) the clip of each, from 0 on, in ascending order, none left out.
        how: `mean`; `max`, the largest of each output; or `noisy_or`, the logit of the probability that any window is
            positive: 1 minus the product of 1 - p over windows.
    """
    firsts = np.flatnonzero(np.diff(positions, prepend=-1))
    if how == "mean":
        means: NDArray[np.float64] = np.add.reduceat(outputs, firsts) / np.bincount(positions)[:, None]
        return means
    if how == "max":
        maxima: NDArray[np.float64] = np.maximum.reduceat(outputs, firsts)
        return maxima
    # log(1 - p) is -softplus of the logit.
    log_none = np.add.reduceat(-np.logaddexp(0, outputs), firsts)
    any_window: NDArray[np.float64] = np.log(-np.expm1(log_none)) - log_none
    return any_window
