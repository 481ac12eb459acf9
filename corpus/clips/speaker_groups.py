"""A random order in which clips of one speaker follow each other."""

import numpy as np
from numpy.typing import NDArray


def shuffled_groups(
    speakers: NDArray[np.int64],
    per_speaker: int,
    rng: np.random.Generator,
    sentences: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Returns a permutation `(clips,)` in which up to `per_speaker` clips of one speaker follow each other.

    Each speaker's clips are shared out at random among groups of that size, the last of which may be smaller; then
    the groups are shuffled. Clips of unknown speakers are each their own: nothing is known that they share. With
    `sentences`, a speaker's clips of one sentence follow each other before they are shared out.

    Args:
        speakers: int64 `(clips,)` codes, negative where unknown.
        per_speaker: clips in a group; 1 for a plain shuffle.
        rng: of the order.
        sentences: int64 `(clips,)` codes of what is said, negative where unknown.
    """
    order = rng.permutation(len(speakers))
    if per_speaker == 1 or not len(order):
        return order
    owner = _unknown_apart(speakers[order])
    if sentences is None:
        order = order[np.argsort(owner, kind="stable")]
    else:
        said = np.stack([owner, _unknown_apart(sentences[order])])
        _, sentence = np.unique(said, axis=1, return_inverse=True)
        order = order[np.lexsort((rng.permutation(sentence.max() + 1)[sentence], owner))]
    owner = np.sort(owner)
    first = np.searchsorted(owner, owner)  # start of each clip's speaker
    group = (np.arange(len(order)) - first) // per_speaker
    _, chunk = np.unique(np.stack([owner, group]), axis=1, return_inverse=True)
    return order[np.argsort(rng.permutation(chunk.max() + 1)[chunk], kind="stable")]


def _unknown_apart(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns codes with a negative one of its own for each that is unknown."""
    return np.where(codes < 0, -1 - np.arange(len(codes)), codes)
