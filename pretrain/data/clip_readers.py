"""How the clips of a batch are read: from a corpus that was decoded once, or from the bytes of a tar's sample."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from emoclr.corpus.audio.channels import ChannelChoice
from emoclr.corpus.audio.decoder import AudioError
from emoclr.corpus.decoded.waveforms import WaveformStore
from emoclr.corpus.tars.tar import TarSample
from emoclr.corpus.tars.tar_decoder import Decoded, TarDecoder

Waveform = NDArray[np.float32]


class Problem(NamedTuple):
    """Why a clip cannot be read."""

    name: str
    reason: str


class ClipReader(Protocol):
    """Reads the clips that a batch order hands out."""

    def expect(self, clips: Sequence[Any]) -> None:
        """Tells which clips are read next, in their order; it may begin with them."""

    def number(self, clip: Any) -> int:
        """Returns the number that a clip's views are drawn by, not negative."""

    def crops(self, clip: Any, starts_of: Callable[[int], list[int]], n_samples: int) -> list[Waveform]:
        """Returns parts of a clip, at most `n_samples` each.

        Args:
            clip: as the order hands it out.
            starts_of: returns the first sample of each part of a clip of some length.
            n_samples: of each part.

        Raises:
            AudioError: the clip cannot be read.
        """

    def reference(self, clip: Any) -> Any:
        """Returns what is remembered of a clip until its batch comes back, enough to tell its `problem`."""

    def problem(self, reference: Any) -> Problem:
        """Returns why a clip cannot be read."""


class StoredClips:
    """Clips of a corpus that was decoded once; a clip is its number in the store."""

    def __init__(self, store: WaveformStore) -> None:
        self.store = store

    def expect(self, clips: Sequence[int]) -> None:
        """See `ClipReader`."""

    def number(self, clip: int) -> int:
        """See `ClipReader`."""
        return clip

    def crops(self, clip: int, starts_of: Callable[[int], list[int]], n_samples: int) -> list[Waveform]:
        """See `ClipReader`."""
        return [self.store.crop(clip, start, n_samples) for start in starts_of(int(self.store.samples[clip]))]

    def reference(self, clip: int) -> int:
        """See `ClipReader`."""
        return clip

    def problem(self, reference: int) -> Problem:
        """Returns why a clip cannot be read, by reading it once more."""
        try:
            self.store.crop(reference, 0, 1)
        except AudioError as error:
            return Problem(str(error.path), error.reason)
        return Problem(str(self.store.path(reference)), "could not be read for a while")


class TarClips:
    """Clips in tars; a clip is a sample with its encoded audio, of which some channels are heard.

    They are decoded in a process beside each that reads them.
    """

    def __init__(self, channels: ChannelChoice = "auto") -> None:
        self._decoder = TarDecoder(channels)
        self._expected: Iterator[Decoded] = iter(())

    def expect(self, clips: Sequence[TarSample]) -> None:
        """See `ClipReader`."""
        self._expected = self._decoder.waveforms(clips)

    def number(self, clip: TarSample) -> int:
        """See `ClipReader`."""
        return clip.number

    def crops(self, clip: TarSample, starts_of: Callable[[int], list[int]], n_samples: int) -> list[Waveform]:
        """See `ClipReader`."""
        waveform = self._waveform(clip)
        return [waveform[start : start + n_samples].copy() for start in starts_of(len(waveform))]

    def _waveform(self, clip: TarSample) -> Waveform:
        coming = itertools.chain(self._expected, self._decoder.waveforms([clip]))
        waveform = next(waveform for expected, waveform in coming if expected is clip)
        if isinstance(waveform, AudioError):
            raise waveform
        return waveform

    def reference(self, clip: TarSample) -> Problem:
        """Returns the name of a sample and what its tar lacks, without the audio."""
        return Problem(clip.name, clip.problem or "cannot be decoded")

    def problem(self, reference: Problem) -> Problem:
        """See `ClipReader`."""
        return reference
