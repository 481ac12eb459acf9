"""Arrays of metrics and the sums that they share.

Every metric is written for whole batches of weightings of the same clips: a bootstrap resample of speakers is a row of
counts, so one sort of the probabilities serves a thousand resamples. `W` stands for weightings, `n` for clips, `e` for
emotions, `k` for distinct probabilities.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

Weighted = Callable[[Array], Mapping[str, Array]]
"""Metrics, each (W, ...), as a function of weights (W, n)."""


def ratio(above: Array, below: Array, empty: float = 0.0) -> Array:
    """Returns `above / below`, and `empty` where `below` is not above 0."""
    quotient: Array = np.divide(above, below, out=np.full(np.shape(below), empty), where=below > 0)
    return quotient


def macro_mean(values: Array) -> Array:
    """Returns the mean over emotions, (W,) of (W, e), of those that are defined; nan where none is."""
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0.0).sum(1), known.sum(1).astype(np.float64), empty=np.nan)
