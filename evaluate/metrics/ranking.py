"""Ranking metrics: area under the ROC curve (AUROC) and average precision (AP)."""

import numpy as np
import numpy.typing as npt

from emoclr.evaluate.metrics.arrays import Array, Mask, macro_mean, ratio
from emoclr.evaluate.positive_share import POSITIVE_SHARE


def rank_metrics(positive: Mask, scores: Array, weights: Array) -> tuple[Array, Array]:
    """Returns the AUROC and the average precision of one emotion, each (W,), ties counted as ties.

    Equal to `sklearn.metrics.roc_auc_score` and `average_precision_score` with `sample_weight`; nan where a
    weighting holds no positive or no negative.

    Args:
        positive: (n,) which clips are positive.
        scores: (n,) higher is more positive.
        weights: (W, n) non-negative.
    """
    true_sum, all_sum = _cumulative(positive, scores, weights)
    return _auroc(true_sum, all_sum), _average_precision(true_sum, all_sum)


def weighted_auroc(positive: Mask, scores: Array, weights: Array) -> Array:
    """Returns the AUROC alone, (W,); see `rank_metrics`."""
    return _auroc(*_cumulative(positive, scores, weights))


def macro_auroc(targets: npt.ArrayLike, scores: npt.ArrayLike, positive_share: float = POSITIVE_SHARE) -> float:
    """Returns the mean AUROC of the emotions that some clip carries and another does not; nan where none is left.

    >>> macro_auroc([[1.0], [0.3], [0.1], [0.0]], [[0.9], [0.2], [0.5], [0.1]])
    0.75

    Args:
        targets: (n, e) shares in [0, 1].
        scores: (n, e) of any scale: probabilities or logits.
        positive_share: the share from which an emotion is there.
    """
    positive = np.asarray(targets, dtype=np.float64) >= positive_share
    score = np.asarray(scores, dtype=np.float64)
    ones = np.ones((1, len(score)))
    areas = [weighted_auroc(positive[:, e], score[:, e], ones) for e in range(positive.shape[1])]
    return float(macro_mean(np.stack(areas, axis=1))[0])


def _cumulative(positive: Mask, scores: Array, weights: Array) -> tuple[Array, Array]:
    """Returns the weight of positive and of all clips at or above each distinct score, from high to low, (W, k)."""
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))  # (k,) the last of each tie
    ordered = weights[:, order]
    return np.cumsum(ordered * positive[order], axis=1)[:, ends], np.cumsum(ordered, axis=1)[:, ends]


def _auroc(true_sum: Array, all_sum: Array) -> Array:
    false_sum = all_sum - true_sum
    true_steps = np.diff(true_sum, axis=1, prepend=0.0)
    false_steps = np.diff(false_sum, axis=1, prepend=0.0)
    area = np.einsum("wk,wk->w", false_steps, true_sum - true_steps / 2)
    return ratio(area, true_sum[:, -1] * false_sum[:, -1], empty=np.nan)


def _average_precision(true_sum: Array, all_sum: Array) -> Array:
    n_true = true_sum[:, -1]
    gain = np.einsum("wk,wk->w", np.diff(true_sum, axis=1, prepend=0.0), ratio(true_sum, all_sum))
    return np.where(all_sum[:, -1] > n_true, ratio(gain, n_true, empty=np.nan), np.nan)
