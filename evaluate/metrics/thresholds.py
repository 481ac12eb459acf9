"""Thresholds: which emotions of a clip are named, and from which probability on."""

import numpy as np
import numpy.typing as npt

from emoclr.evaluate.metrics.arrays import Array, Mask
from emoclr.evaluate.positive_share import POSITIVE_SHARE


def named_emotions(probabilities: Array, thresholds: npt.ArrayLike, single_label: bool) -> Mask:
    """Returns which emotions are named, (n, e): those at or above their threshold, or the most probable one.

    Args:
        probabilities: (n, e).
        thresholds: (e,) or (n, e); not used where `single_label`.
        single_label: whether each clip carries exactly one emotion.
    """
    if single_label:
        return most_probable(probabilities)
    named: Mask = probabilities >= np.asarray(thresholds, dtype=np.float64)
    return named


def most_probable(probabilities: Array) -> Mask:
    """Returns the most probable emotion of each clip, (n, e) with one True a row."""
    best: Mask = np.eye(probabilities.shape[1], dtype=np.bool_)[probabilities.argmax(1)]
    return best


def tune_thresholds(
    targets: npt.ArrayLike, probabilities: npt.ArrayLike, positive_share: float = POSITIVE_SHARE
) -> Array:
    """Returns the threshold (e,) of each emotion that gives the best F1 on these clips.

    A threshold lies half-way between two probabilities that occurred; 0.5 where an emotion has no positive.
    Tune on clips that the model was not fitted to, of speakers who are not in the test.

    Examples:
        >>> tune_thresholds([[1], [1], [0], [0]], [[0.9], [0.4], [0.2], [0.1]]).round(6).tolist()
        [0.3]
    """
    target = np.asarray(targets, dtype=np.float64)
    probability = np.asarray(probabilities, dtype=np.float64)
    thresholds = np.full(target.shape[1], 0.5)
    for emotion in range(target.shape[1]):
        positive = target[:, emotion] >= positive_share
        if not positive.any():
            continue
        order = np.argsort(-probability[:, emotion], kind="stable")
        scores = probability[order, emotion]
        ends = np.flatnonzero(np.append(np.diff(scores) != 0, True))  # (k,)
        f1 = 2 * np.cumsum(positive[order])[ends] / (ends + 1 + positive.sum())
        best = int(np.argmax(f1))
        last = scores[ends[best]]
        after = scores[ends[best] + 1] if best + 1 < len(ends) else 0.0
        middle = (last + after) / 2
        thresholds[emotion] = middle if middle > after else last
    return thresholds
