"""Overlapping windows of a recording: where they start, and how they are cut from samples that come in blocks."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.corpus.audio.padding import Padding, fix_length


def window_starts(samples: int, window: int, hop: int) -> NDArray[np.int64]:
    """Returns where the windows of a clip start, in samples, so that together they cover all of it.

    They lie on one grid, multiples of `hop` in every clip; the last is moved back so that it ends with the clip. A clip
    that is not longer than a window has one.

    >>> window_starts(11, window=4, hop=3).tolist()
    [0, 3, 6, 7]

    Args:
        samples: length of the clip.
        window: length of a window.
        hop: distance between the starts of neighbours; at most `window`, or there would be gaps.
    """
    if not 1 <= hop <= window:
        raise ValueError(f"hop {hop} is not within 1 and the window's {window} samples")
    rest = max(0, samples - window)
    return np.minimum(np.arange(-(-rest // hop) + 1, dtype=np.int64) * hop, rest)


def window_counts(samples: NDArray[np.int64], window_s: float, hop_s: float) -> NDArray[np.int64]:
    """Returns how many windows clips of so many samples have.

    >>> window_counts(np.array([8_000, 16_000, 16_001]), window_s=1.0, hop_s=0.5)
    array([1, 1, 2])
    """
    window, hop = round(window_s * SAMPLE_RATE), round(hop_s * SAMPLE_RATE)
    found: NDArray[np.int64] = 1 - np.minimum(0, window - samples) // hop
    return found


class Crop(NamedTuple):
    """A window of a recording.

    Attributes:
        start: its first sample in the recording.
        waveform: float32 `(window,)`; beyond the end of a short clip it is filled.
    """

    start: int
    waveform: NDArray[np.float32]


class WindowCutter:
    """Cuts the windows of a recording whose samples come block by block; holds a window and a block of them.

    Args:
        window: length of a window.
        hop: distance between the starts of neighbours.
        short: how a clip that is shorter than a window fills it.
        skipped: how many windows are left out at the beginning.

    Attributes:
        received: how many samples have come.

    Examples:
        >>> cutter = WindowCutter(window=3, hop=2, short="zero")
        >>> blocks = np.arange(4, dtype=np.float32), np.arange(4, 6, dtype=np.float32)
        >>> [(start, crop.tolist()) for block in blocks for start, crop in cutter.push(block)]
        [(0, [0.0, 1.0, 2.0]), (2, [2.0, 3.0, 4.0])]
        >>> [(start, crop.tolist()) for start, crop in cutter.finish()]
        [(3, [3.0, 4.0, 5.0])]
    """

    def __init__(self, window: int, hop: int, short: Padding, skipped: int = 0) -> None:
        self._window, self._hop, self._short = window, hop, short
        self._next, self._skipped = 0, skipped
        self._held: NDArray[np.float32] = np.empty(0, dtype=np.float32)
        self.received = 0

    def push(self, block: NDArray[np.float32]) -> Iterator[Crop]:
        """Yields the windows that a block, float32 `(n,)`, completes."""
        self._held = np.concatenate([self._held, block])
        self.received += len(block)
        while self._next * self._hop + self._window <= self.received:
            yield from self._cut(self._next * self._hop)
        # The last window may have to end with what has come; a copy, so that the block itself can go.
        self._held = self._held[-self._window :].copy()

    def finish(self) -> Iterator[Crop]:
        """Yields the last window, where those before do not end with the recording."""
        covered = (self._next - 1) * self._hop + self._window if self._next else 0
        if covered < self.received:
            yield from self._cut(max(0, self.received - self._window))

    def _cut(self, start: int) -> Iterator[Crop]:
        if self._next >= self._skipped:
            first = start - (self.received - len(self._held))
            yield Crop(start, fix_length(self._held[first : first + self._window], self._window, self._short))
        self._next += 1
