"""A random order in which clips of one speaker follow each other."""

import numpy as np
from numpy.typing import NDArray


def shuffled_groups(speakers: NDArray[np.int64], per_speaker: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Returns a permutation `(clips,)` in which up to `per_speaker` clips of one speaker follow each other.

    Each speaker's clips are shared out at random among groups of that size, the last of which may be smaller; then
    the groups are shuffled. Clips of unknown speakers are each their own: nothing is known that they share.

    Args:
        speakers: int64 `(clips,)` codes, negative where unknown.
        per_speaker: clips in a group; 1 for a plain shuffle.
        rng: of the order.
    """
    order = rng.permutation(len(speakers))
    if per_speaker == 1 or not len(order):
        return order
    owner = np.where(speakers[order] < 0, -1 - np.arange(len(order)), speakers[order])
    order = order[np.argsort(owner, kind="stable")]
    owner = np.sort(owner)
    first = np.searchsorted(owner, owner)  # start of each clip's speaker
    group = (np.arange(len(order)) - first) // per_speaker
    _, chunk = np.unique(np.stack([owner, group]), axis=1, return_inverse=True)
    return order[np.argsort(rng.permutation(chunk.max() + 1)[chunk], kind="stable")]
