"""Windows of a recording pooled to one row: the mean, the maximum, or noisy-or of what a network gives for each."""

from collections.abc import Sequence
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


class RunningPool:
    """The windows of one recording, pooled as they come; gives what `pool_windows` gives.

    Args:
        how: see `pool_windows`.
        total: of the windows that were added before; None before the first.
        windows: how many those are.

    Attributes:
        total: all that is known of the windows: the sum, the maximum, or the sum of log(1 - p), for each output.
        windows: how many were added.

    Examples:
        >>> pool = RunningPool("mean")
        >>> for logits in ([0.0, 1.0], [2.0, 4.0]):
        ...     pool.add(np.array(logits))
        >>> pool.result().tolist()
        [1.0, 2.5]
    """

    def __init__(self, how: Pooling, total: Sequence[float] | None = None, windows: int = 0) -> None:
        self._how = how
        self.total = None if total is None else np.array(total)
        self.windows = windows

    def add(self, outputs: NDArray[np.float64]) -> None:
        """Adds a window, (outputs,)."""
        value = -np.logaddexp(0, outputs) if self._how == "noisy_or" else outputs
        join = np.maximum if self._how == "max" else np.add
        self.total = value.copy() if self.total is None else join(self.total, value)
        self.windows += 1

    def result(self) -> NDArray[np.float64]:
        """Returns the windows pooled, (outputs,).

        Raises:
            ValueError: no window was added.
        """
        if self.total is None:
            raise ValueError("no windows to pool")
        if self._how == "mean":
            return self.total / self.windows
        if self._how == "max":
            return self.total
        found: NDArray[np.float64] = np.log(-np.expm1(self.total)) - self.total
        return found
