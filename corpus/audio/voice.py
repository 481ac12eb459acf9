"""Where somebody speaks, laughs, cries or shouts: Silero VAD, whose network comes inside its package."""

import numpy as np
from numpy.typing import NDArray

from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.corpus.audio.silero import STATE_SIZE, silero

FRAME_SAMPLES = 512
"""Each gets a probability; 32 ms."""

FRAME_S = FRAME_SAMPLES / SAMPLE_RATE

ON, OFF = 0.1, 0.05
"""A voice begins where its probability reaches the first, and ends where it falls below the second. Low, so that
laughs, sobs and screams are voices."""

MIN_VOICE_FRAMES = 2
"""What is shorter is a click."""

PADDING_FRAMES = 3
"""Before and after each voice; so pauses shorter than 0.2 s belong to it."""

_UNSETTLED_FRAMES = MIN_VOICE_FRAMES + PADDING_FRAMES
"""So many of the latest may still change."""

_CONTEXT_SAMPLES = 64
_MAX_FRAMES = 128
"""At once; 0.3 MB of samples, 0.3 MB of spectrograms."""


class VoiceGate:
    """The probability of a voice, frame by frame, of 16 kHz mono that comes piece by piece.

    The network of the package silero-vad (https://github.com/snakers4/silero-vad, MIT), many frames at a time.

    Examples:
        >>> gate = VoiceGate()
        >>> gate.push(np.zeros(1_000, dtype=np.float32)).shape, gate.finish().shape
        ((1,), (1,))
    """

    def __init__(self) -> None:
        self._network = silero()
        self._begin()

    def _begin(self) -> None:
        self._hidden = self._cell = np.zeros(STATE_SIZE, dtype=np.float32)
        self._held = np.zeros(_CONTEXT_SAMPLES, dtype=np.float32)  # what came before the next frame, and its beginning

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Returns the probabilities (frames,) of the frames that samples (n,) complete."""
        held = np.concatenate([self._held, samples])
        frames = (len(held) - _CONTEXT_SAMPLES) // FRAME_SAMPLES
        found = [np.empty(0, dtype=np.float32)]
        for first in range(0, frames, _MAX_FRAMES):
            some = min(_MAX_FRAMES, frames - first)
            part = held[first * FRAME_SAMPLES : (first + some) * FRAME_SAMPLES + _CONTEXT_SAMPLES]
            # (frames, 576): each begins with the last samples of the one before
            block = np.lib.stride_tricks.sliding_window_view(part, _CONTEXT_SAMPLES + FRAME_SAMPLES)[::FRAME_SAMPLES]
            voice, self._hidden, self._cell = self._network(block, self._hidden, self._cell)
            found.append(voice)
        self._held = held[frames * FRAME_SAMPLES :].copy()
        return np.concatenate(found)

    def finish(self) -> NDArray[np.float32]:
        """Returns the probability of the last frame, filled with silence, where there is one, and begins anew."""
        rest = len(self._held) - _CONTEXT_SAMPLES
        last = self.push(np.zeros(FRAME_SAMPLES - rest, dtype=np.float32)) if rest else np.empty(0, np.float32)
        self._begin()
        return last


def voice_probabilities(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the probability of a voice for each frame of a waveform (samples,), the last one filled with silence.

    >>> bool(voice_probabilities(np.zeros(16_000, dtype=np.float32)).max() < 0.1)
    True
    """
    gate = VoiceGate()
    return np.concatenate([gate.push(waveform), gate.finish()])


def voiced_frames(probabilities: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Returns in which frames there is a voice, (frames,), by the probabilities (frames,) of a recording.

    >>> voiced_frames(np.float32([0, 0, 0, 0, 0.9, 0.06, 0.01, 0, 0, 0, 0])).astype(int).tolist()
    [0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0]
    """
    return _padded(_begun(probabilities, before=False))


def voiced_intervals(probabilities: NDArray[np.float32]) -> list[tuple[float, float]]:
    """Returns from when to when there is a voice, in s, by the probabilities (frames,) of a recording.

    >>> voiced_intervals(np.repeat(np.float32([0, 0.9, 0.06, 0.9, 0]), 50))
    [(1.504, 6.496)]
    """
    edges = np.diff(voiced_frames(probabilities).astype(np.int8), prepend=0, append=0).nonzero()[0]
    return [(start * FRAME_S, end * FRAME_S) for start, end in edges.reshape(-1, 2).tolist()]


class VoiceTrack:
    """From when to when there is a voice, in a recording whose samples come piece by piece.

    Attributes:
        known: samples, from the first on, of which it is known.

    Examples:
        >>> track = VoiceTrack()
        >>> track.push(np.zeros(16_000, dtype=np.float32))
        >>> track.finish()
        >>> track.known, track.voiced(0, 16_000)
        (16384, [])
    """

    def __init__(self) -> None:
        self._gate = VoiceGate()
        self._frames = bytearray()  # settled: 1 where there is a voice
        self._begun: NDArray[np.bool_] = np.empty(0, dtype=np.bool_)  # of frames that may still change, and before them
        self._context = 0

    @property
    def known(self) -> int:
        """Samples, from the first on, of which it is known."""
        return len(self._frames) * FRAME_SAMPLES

    def push(self, samples: NDArray[np.float32]) -> None:
        """Hears what comes next, (n,)."""
        self._settle(self._gate.push(samples), _UNSETTLED_FRAMES)

    def finish(self) -> None:
        """Is told that the recording is over; all of it is known then."""
        self._settle(self._gate.finish(), 0)

    def voiced(self, start: int, end: int) -> list[tuple[int, int]]:
        """Returns the parts of a stretch of samples in which there is a voice."""
        first = start // FRAME_SAMPLES
        frames = np.frombuffer(self._frames[first : -(-end // FRAME_SAMPLES)], dtype=np.int8)
        edges = (np.diff(frames, prepend=0, append=0).nonzero()[0] + first) * FRAME_SAMPLES
        return [(max(start, a), min(end, b)) for a, b in edges.reshape(-1, 2).tolist()]

    def _settle(self, probabilities: NDArray[np.float32], unsettled: int) -> None:
        before = bool(self._begun[-1]) if len(self._begun) else False
        self._begun = np.concatenate([self._begun, _begun(probabilities, before)])
        end = max(self._context, len(self._begun) - unsettled)
        self._frames += _padded(self._begun)[self._context : end].tobytes()
        self._begun = self._begun[max(0, end - _UNSETTLED_FRAMES) :]
        self._context = min(end, _UNSETTLED_FRAMES)


def _begun(probabilities: NDArray[np.float32], before: bool) -> NDArray[np.bool_]:
    """Returns in which frames a voice has begun and not ended; `before` says so of the frame before the first."""
    decided = (probabilities >= ON) | (probabilities < OFF)  # between the two it goes on as before
    latest = np.maximum.accumulate(np.where(decided, np.arange(1, len(probabilities) + 1), 0))
    voiced: NDArray[np.bool_] = np.concatenate([[before], probabilities >= ON])[latest]
    return voiced


def _padded(begun: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Returns voices without those that are too short, and what belongs to the others before and after."""
    edges = np.diff(begun.astype(np.int8), prepend=0, append=0).nonzero()[0]
    padded = np.zeros(len(begun), dtype=np.bool_)
    for start, end in edges.reshape(-1, 2).tolist():
        if end - start >= MIN_VOICE_FRAMES:
            padded[max(0, start - PADDING_FRAMES) : end + PADDING_FRAMES] = True
    return padded
