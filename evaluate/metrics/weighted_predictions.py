"""Predictions under weightings of their clips: what several metrics need, computed once."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from emoclr.evaluate.metrics.arrays import Array, Mask, ratio
from emoclr.evaluate.metrics.calibration import weighted_calibration_errors
from emoclr.evaluate.metrics.ranking import rank_metrics


@dataclass(frozen=True, eq=False)
class WeightedPredictions:
    """Predictions of the same clips under `W` weightings of them.

    Attributes:
        targets: (n, e) shares in [0, 1].
        probabilities: (n, e) in [0, 1].
        positive: (n, e) which emotions are there.
        named: (n, e) which emotions are named.
        weights: (W, n) non-negative.
    """

    targets: Array
    probabilities: Array
    positive: Mask
    named: Mask
    weights: Array

    @cached_property
    def hits(self) -> Array:
        """Clips where an emotion is there and named, (W, e)."""
        return self._count(self.named & self.positive)

    @cached_property
    def named_clips(self) -> Array:
        """Clips where an emotion is named, (W, e)."""
        return self._count(self.named)

    @cached_property
    def positive_clips(self) -> Array:
        """Clips where an emotion is there, (W, e)."""
        return self._count(self.positive)

    @cached_property
    def clips(self) -> Array:
        """All clips, (W,)."""
        total: Array = self.weights.sum(1)
        return total

    @cached_property
    def auroc(self) -> Array:
        """Area under the ROC curve of each emotion, (W, e); nan without a positive or a negative."""
        return self._ranked[0]

    @cached_property
    def average_precision(self) -> Array:
        """Average precision of each emotion, (W, e); nan without a positive or a negative."""
        return self._ranked[1]

    @cached_property
    def f1(self) -> Array:
        """F1 of each emotion, (W, e); 0 where nothing is named."""
        return ratio(2 * self.hits, self.named_clips + self.positive_clips)

    @cached_property
    def calibration_errors(self) -> Array:
        """Expected calibration error of each emotion, (W, e)."""
        return weighted_calibration_errors(self.targets, self.probabilities, self.weights)

    @cached_property
    def _ranked(self) -> tuple[Array, Array]:
        pairs = [
            rank_metrics(positive, probability, self.weights)
            for positive, probability in zip(self.positive.T, self.probabilities.T, strict=True)
        ]
        aurocs, precisions = zip(*pairs, strict=True)
        return np.stack(aurocs, axis=1), np.stack(precisions, axis=1)

    def _count(self, which: Mask) -> Array:
        counts: Array = self.weights @ which.astype(np.float64)
        return counts
