"""A number with its interval over speakers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emoclr.evaluate.metrics.multilabel import Weighted, bootstrap_intervals

INFLATED = frozenset({"ece"})
"""Metrics that resampling itself makes larger: percentiles would lie beside the value, not around it."""


@dataclass(frozen=True)
class Measure:
    """A number and its 95 % interval; nan where it is not defined."""

    value: float
    low: float = float("nan")
    high: float = float("nan")


Metrics = dict[str, Measure]


def measure(
    weighted: Weighted, speakers: Sequence[str], n_resamples: int, seed: int, *, difference: bool = False
) -> Metrics:
    """Returns each scalar metric with its interval over speakers.

    The interval is the bootstrap's percentiles; that of the calibration error, which resampling inflates, keeps
    its width and is centred on the value.

    Args:
        weighted: the metrics, each (W,), of weights (W, n).
        speakers: (n,) who is resampled.
        n_resamples: how often.
        seed: of the resampling.
        difference: whether these are differences of metrics, which may be below 0.
    """
    values = weighted(np.ones((1, len(speakers))))
    intervals = bootstrap_intervals(weighted, np.asarray(speakers), n_resamples, seed)
    measures = {}
    for name in values:
        value, (low, high) = float(values[name][0]), map(float, intervals[name])
        found = Measure(value, low, high)
        if name in INFLATED:
            found = centred(found, -np.inf if difference else 0.0)
        measures[name] = found
    return measures


def centred(found: Measure, least: float) -> Measure:
    """Returns a measure whose interval keeps its width around the value; nothing below `least` is possible.

    Of two models, resampling inflates the error of the better calibrated one more: differences need it, too.
    """
    half = (found.high - found.low) / 2
    return Measure(found.value, float(np.maximum(least, found.value - half)), found.value + half)
