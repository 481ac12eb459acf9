"""Fingerprints that survive another codec, and the pairs of clips that share one.

After Haitsma & Kalker (2002), "A Highly Robust Audio Fingerprinting System", ISMIR: a word of 32 bits every 16 ms, each
bit the sign of how the difference between neighbouring bands changes from one frame to the next. A shared word proposes
a pair and how its clips lie to each other; the part of the bits that differs decides.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.corpus.audit.frames import Frames

Words = NDArray[np.uint32]
"""`(frames,)`; 0 stands for a frame that is too quiet to say anything."""

MAX_BITS_OFF = 0.25
"""Pairs that differ in a smaller part of their bits are copies."""

MIN_OVERLAP = 0.5
"""The part of the longer clip's frames that both must hold."""

MIN_FRAMES = 16
"""Sounding frames that both must hold; fewer agree by chance."""

_WINDOW = 2048
_HOP = 256
_MIN_HZ, _MAX_HZ = 200.0, 3400.0
_BITS = 32
_QUIET = 1e-4  # of the loudest frame's energy: 40 dB below it
_MAX_NEIGHBOURS = (
    8  # of the frames with a word; common words tell little, and a hum would pair every clip with every other
)


class Fingerprint:
    """The words of a 16 kHz waveform that comes in blocks; none where it is shorter than two frames.

    Examples:
        >>> words = Fingerprint()
        >>> for block in np.random.default_rng(0).normal(size=(4, 4_000)).astype(np.float32):
        ...     words.add(block)
        >>> words.words().shape
        (54,)
    """

    def __init__(self) -> None:
        self._frames = Frames(_WINDOW, _HOP)
        self._window = np.hanning(_WINDOW).astype(np.float32)
        self._starts = _band_starts()
        self._last = np.zeros((0, _BITS + 1))
        self._words: list[Words] = []
        self._energies: list[NDArray[np.float64]] = []

    def add(self, block: NDArray[np.float32]) -> None:
        """Adds samples, `(n,)`."""
        for frames in self._frames.of(block):
            power = np.abs(np.fft.rfft(frames * self._window)) ** 2
            bands = np.add.reduceat(power, self._starts, axis=1)[:, :-1]  # (frames, bits + 1)
            bands = np.concatenate([self._last, bands])
            bits = np.diff(np.diff(bands, axis=1), axis=0) > 0  # (frames - 1, bits)
            self._words.append((bits * (1 << np.arange(_BITS, dtype=np.uint64))).sum(axis=1).astype(np.uint32))
            self._energies.append(bands.sum(axis=1)[1:])
            self._last = bands[-1:]

    def words(self) -> Words:
        """Returns the words of what was added."""
        words: Words = np.concatenate([np.zeros(0, dtype=np.uint32), *self._words])
        if len(words):
            energy = np.concatenate(self._energies)
            words[energy <= energy.max() * _QUIET] = 0
        return words


def fingerprint(waveform: NDArray[np.float32]) -> Words:
    """Returns the words of a 16 kHz waveform `(samples,)`."""
    words = Fingerprint()
    words.add(waveform)
    return words.words()


def copies(fingerprints: Sequence[Words]) -> list[tuple[int, int, float]]:
    """Returns pairs of positions that hold the same sound, and the part of their bits that differs, sorted."""
    found = []
    for first, second, lag in _candidates(fingerprints):
        off = _bits_off(fingerprints[first], fingerprints[second], lag)
        if off < MAX_BITS_OFF:
            found.append((first, second, off))
    return found


def _band_starts() -> NDArray[np.int64]:
    """Returns the first bin of each band and the end of the last, for `np.add.reduceat`."""
    edges_hz = np.geomspace(_MIN_HZ, _MAX_HZ, _BITS + 2)
    return np.rint(edges_hz * _WINDOW / SAMPLE_RATE).astype(np.int64)


def _candidates(fingerprints: Sequence[Words]) -> list[tuple[int, int, int]]:
    """Returns pairs with a word in common, and by how many frames the first is ahead where most agree."""
    sizes = np.array([len(words) for words in fingerprints], dtype=np.int64)
    words = np.concatenate([*fingerprints, np.zeros(0, dtype=np.uint32)])
    clips = np.repeat(np.arange(len(sizes)), sizes)
    frames = np.arange(len(words)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    order = np.argsort(words, kind="stable")
    order = order[words[order] > 0]
    words, clips, frames = words[order], clips[order], frames[order]
    pairs = []
    for step in range(1, _MAX_NEIGHBOURS + 1):
        same = np.flatnonzero((words[step:] == words[:-step]) & (clips[step:] != clips[:-step]))
        pairs.append(np.stack([clips[same], clips[same + step], frames[same] - frames[same + step]], axis=1))
    if not pairs or not len(words):
        return []
    shared, hits = np.unique(np.concatenate(pairs), axis=0, return_counts=True)  # rows are (first, second, lag)
    best: dict[tuple[int, int], tuple[int, int]] = {}
    for (first, second, lag), count in zip(shared.tolist(), hits.tolist(), strict=True):
        best[first, second] = max(best.get((first, second), (0, 0)), (count, lag))
    return [(first, second, lag) for (first, second), (_, lag) in sorted(best.items())]


def _bits_off(first: Words, second: Words, lag: int) -> float:
    """Returns the part of the bits that differ where both sound, 1 where that is too little of the longer clip."""
    one, other = first[max(0, lag) :], second[max(0, -lag) :]
    length = min(len(one), len(other))
    both = (one[:length] > 0) & (other[:length] > 0)
    sounding = max(np.count_nonzero(first), np.count_nonzero(second))
    if both.sum() < max(MIN_FRAMES, MIN_OVERLAP * sounding):
        return 1.0
    return float(np.bitwise_count(one[:length][both] ^ other[:length][both]).mean() / _BITS)
