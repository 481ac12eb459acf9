"""Overlapping frames of a waveform that comes in blocks, so that no recording is held whole."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_AT_ONCE = 256
"""Frames; a long recording's at once would be many times its size."""


class Frames:
    """Cuts blocks into frames.

    Args:
        size: of a frame, in samples.
        hop: from one to the next.

    Examples:
        >>> frames = Frames(size=4, hop=2)
        >>> [found.tolist() for block in ([0, 1, 2], [3, 4, 5]) for found in frames.of(np.float32(block))]
        [[[0.0, 1.0, 2.0, 3.0], [2.0, 3.0, 4.0, 5.0]]]
        >>> frames.rest.tolist()
        [4.0, 5.0]
    """

    def __init__(self, size: int, hop: int) -> None:
        self._size, self._hop = size, hop
        self.rest: NDArray[np.float32] = np.zeros(0, dtype=np.float32)

    def of(self, block: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        """Yields the frames that end in a block, `(frames, size)`, a few at a time."""
        samples = np.concatenate([self.rest, block])
        count = max(0, (len(samples) - self._size) // self._hop + 1)
        self.rest = samples[count * self._hop :]
        if count:
            frames = np.lib.stride_tricks.sliding_window_view(samples, self._size)[:: self._hop]
            for first in range(0, count, _AT_ONCE):
                yield frames[first : first + _AT_ONCE]
