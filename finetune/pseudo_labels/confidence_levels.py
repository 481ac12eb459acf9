"""Confidence levels: the probability from which on a prediction is taken for a pseudo-label."""

import numpy as np
from numpy.typing import NDArray

from emoclr.evaluate.metrics.arrays import Array

MIN_CLIPS = 10
"""A level rests on at least so many validation clips: fewer are right by luck."""
FOLDS = 5

Mask = NDArray[np.bool_]


def confidence_levels(positive: Mask, probabilities: Array, precision: float, single_label: bool) -> Array:
    """Returns for each emotion the lowest probability from which on it is there often enough, (emotions,).

    Infinite where no level gives that precision on `MIN_CLIPS` clips or more.

    Args:
        positive: (n, emotions) which clips carry it; of speakers that the ensemble was not fitted to.
        probabilities: (n, emotions) of the ensemble.
        precision: the part of the clips at or above the level that has to carry the emotion.
        single_label: only a clip's most probable emotion is taken.
    """
    levels = np.full(positive.shape[1], np.inf)
    for emotion in range(positive.shape[1]):
        candidates = _candidates(probabilities, single_label)[:, emotion]
        scores, right = probabilities[candidates, emotion], positive[candidates, emotion]
        order = np.argsort(-scores, kind="stable")
        ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, len(scores) > 0))  # the last of each tie
        enough = (ends + 1 >= MIN_CLIPS) & (np.cumsum(right[order])[ends] >= precision * (ends + 1))
        if enough.any():
            levels[emotion] = scores[order][ends[np.flatnonzero(enough)[-1]]]
    return levels


def confident(probabilities: Array, levels: Array, single_label: bool) -> Mask:
    """Returns which emotions of which clips reach their level, (n, emotions); of each clip one where it has one."""
    return (probabilities >= levels) & _candidates(probabilities, single_label)


def held_out_hits(
    positive: Mask, probabilities: Array, speakers: NDArray[np.int64], precision: float, single_label: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns how many clips reach a level that other speakers set, and how many of them are right, each (emotions,).

    What `confidence_levels` gives is right as often as asked for on the clips that set it. This is how often it is on
    clips of other speakers: speakers in turn (in `FOLDS` parts where they are more) are left out of setting the level.

    Args:
        positive: as for `confidence_levels`.
        probabilities: as for `confidence_levels`.
        speakers: (n,) who speaks, as numbers.
        precision: as for `confidence_levels`.
        single_label: as for `confidence_levels`.
    """
    part = np.unique(speakers, return_inverse=True)[1] % FOLDS
    taken = np.zeros(positive.shape, dtype=np.bool_)
    for fold in np.unique(part):
        inside = part == fold
        levels = confidence_levels(positive[~inside], probabilities[~inside], precision, single_label)
        taken[inside] = confident(probabilities[inside], levels, single_label)
    return taken.sum(0), (taken & positive).sum(0)


def _candidates(probabilities: Array, single_label: bool) -> Mask:
    if not single_label:
        return np.ones(probabilities.shape, dtype=np.bool_)
    best: Mask = np.eye(probabilities.shape[1], dtype=np.bool_)[probabilities.argmax(1)]
    return best
