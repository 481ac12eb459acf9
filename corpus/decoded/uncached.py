"""A clip that the cache does not hold: decoded when it is read, and of a long one no more than what is read."""

from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoclr.corpus.audio.channels import Mix
from emoclr.corpus.audio.decoder import SAMPLE_RATE, AudioError, Recording
from emoclr.corpus.audio.samples import to_int16

MAX_HELD_SAMPLES = 600 * SAMPLE_RATE
"""A clip up to this long is decoded whole, since its views come one after the other; of others this much is held."""

_MAX_SKIPPED_SAMPLES = 60 * SAMPLE_RATE
"""What is read over to get to a later part; for one farther away the recording is opened anew."""

_LEAD_S = 1
"""Decoding begins so long before a part, and at a whole second of the clip, where resampling is as of the whole."""


_RINGING_SAMPLES = SAMPLE_RATE // 2
"""What follows a beginning in the middle of a clip is not yet as of the whole."""


class UncachedClip:
    """A clip, decoded as far as it is read.

    Reading goes on forwards from where it was, so that windows that come one after the other cost one decoding.
    Elsewhere it begins anew close to what is wanted, where the codec can seek, else at the beginning.

    Args:
        path: the recording.
        start_s: s.
        end_s: s; NaN for the end.
        samples: how many the clip has.
        mix: how its channels become one.
    """

    def __init__(self, path: Path, start_s: float, end_s: float, samples: int, mix: Mix) -> None:
        self._path, self._start_s, self._end_s = path, start_s, None if np.isnan(end_s) else end_s
        self._samples, self._mix = samples, mix
        self._blocks: Iterator[NDArray[np.int16]] = iter(())
        self._held: deque[NDArray[np.int16]] = deque()
        self._begin = self._end = 0

    def crop(self, first: int, last: int) -> NDArray[np.int16]:
        """Returns the samples from `first` up to `last`, within the clip.

        Raises:
            AudioError: the recording is gone, or does not decode to as many samples as it had.
        """
        if self._samples <= MAX_HELD_SAMPLES:
            return self._read(0, self._samples)[first:last]
        return self._read(first, last)

    def _read(self, first: int, last: int) -> NDArray[np.int16]:
        if not self._begin <= first <= self._end + _MAX_SKIPPED_SAMPLES or not self._end:
            self._begin_at(first)
        while self._end < last:
            block = next(self._blocks, None)
            if block is None:
                raise AudioError(self._path, f"decodes to {self._end} samples, where it had {self._samples}")
            self._held.append(block)
            self._end += len(block)
            while self._end - self._begin > MAX_HELD_SAMPLES and self._begin + len(self._held[0]) <= first:
                self._begin += len(self._held.popleft())
        if self._end > self._samples or (last == self._samples and next(self._blocks, None) is not None):
            raise AudioError(self._path, f"decodes to more than the {self._samples} samples that it had")
        return self._join(first, last)

    def _join(self, first: int, last: int) -> NDArray[np.int16]:
        parts, place = [np.zeros(0, np.int16)], self._begin
        for block in self._held:
            if place < last and place + len(block) > first:
                parts.append(block[max(0, first - place) : last - place])
            place += len(block)
        return np.concatenate(parts)

    def _begin_at(self, first: int) -> None:
        start_s = max(0, first // SAMPLE_RATE - _LEAD_S)
        skipped = _RINGING_SAMPLES if start_s else 0
        self._held.clear()
        self._blocks = self._decoded(start_s, skipped)
        self._begin = self._end = start_s * SAMPLE_RATE + skipped

    def _decoded(self, start_s: int, skipped: int) -> Iterator[NDArray[np.int16]]:
        with Recording(self._path, self._path) as recording:
            for block in recording.blocks(self._start_s + start_s, self._end_s, self._mix):
                kept, skipped = block[skipped:], max(0, skipped - len(block))
                if kept.size:
                    yield to_int16(kept)
