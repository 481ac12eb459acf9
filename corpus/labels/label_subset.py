"""A part of the labels: which clips keep theirs, drawn so that parts nest and keep the shares of emotions."""

import numpy as np

from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.splits import Rows, speaker_codes, unit_of

MIN_UNITS = 2
"""Regularisation, thresholds and early stopping need speakers (or recordings) that a model was not fitted to."""


class TooFewClips(ValueError):
    """A part of the labels from which not every emotion can be learned; the message says why."""


def label_subset(table: LabelTable, rows: Rows, fraction: float, seed: int, positive_share: float) -> Rows:
    """Returns the part of `rows` that keeps its labels, in ascending order.

    Clips are dealt in an order that `seed` draws, so that the smaller part of one seed lies in the larger. The order
    keeps the shares of emotions: each clip counts for the rarest emotion that it holds, and each emotion's clips are
    spread evenly over the order. Within an emotion the speakers take turns, so that a few clips are of many voices.

    Args:
        table: labels.
        rows: (clips,) the training clips; ask again for the validation clips if they choose anything.
        fraction: in (0, 1], of them.
        seed: of the draw.
        positive_share: the share from which an emotion is there.

    Raises:
        TooFewClips: an emotion has no positive or no negative clip in it, or all are of one speaker (of one recording,
            where all of `rows` are of one speaker).
    """
    size = max(1, round(fraction * len(rows)))
    subset = np.sort(rows[_order(table, rows, seed, positive_share)[:size]])
    positive = table.targets[subset] >= positive_share
    for which, lacking in (("with", ~positive.any(0)), ("without", positive.all(0))):
        if lacking.any():
            emotion = table.emotions[int(lacking.argmax())]
            raise TooFewClips(f"of {size:,} clips, none is {which} {emotion}")
    whole = table.select(rows)
    if len(np.unique(speaker_codes(whole)[np.isin(rows, subset)])) < MIN_UNITS:
        raise TooFewClips(f"all of {size:,} clips are of one {unit_of(whole)}, and choosing anything takes {MIN_UNITS}")
    return subset


def _order(table: LabelTable, rows: Rows, seed: int, positive_share: float) -> Rows:
    """Returns positions in `rows`, (clips,), in the order in which they are given labels."""
    generator = np.random.default_rng(seed)
    positive = table.targets[rows] >= positive_share  # (clips, e)
    counts = positive.sum(0)
    rarity = np.where(positive, counts, len(rows) + 1)
    stratum = np.where(positive.any(1), rarity.argmin(1), positive.shape[1])  # (clips,)
    shuffled = generator.permutation(len(rows))
    turn = _turns(stratum[shuffled], speaker_codes(table.select(rows))[shuffled])
    by_turn = shuffled[np.lexsort((turn, stratum[shuffled]))]
    ordered = stratum[by_turn]
    first = np.searchsorted(ordered, ordered)
    size = np.bincount(ordered)[ordered]
    place = (np.arange(len(rows)) - first + 0.5) / size
    return by_turn[np.lexsort((generator.permutation(len(rows)), place))]


def _turns(stratum: Rows, speakers: Rows) -> Rows:
    """Returns how many clips of the same stratum and speaker come before each."""
    _, pair = np.unique(np.stack([stratum, speakers]), axis=1, return_inverse=True)
    pair = pair.reshape(-1)
    together = np.argsort(pair, kind="stable")
    turns = np.empty(len(pair), dtype=np.int64)
    turns[together] = np.arange(len(pair)) - np.searchsorted(pair[together], pair[together])
    return turns
