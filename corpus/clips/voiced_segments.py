"""Long recordings to clips that somebody can label: from one pause to another."""

import math

import numpy as np
from numpy.typing import NDArray

from emoclr.corpus.audio.voice import FRAME_S, voiced_intervals

MAX_PAUSE_S = 0.5
"""What is between two voices and no longer belongs to one segment."""

_SMOOTHING_FRAMES = 7
_ROUNDING_S = 1e-6

Interval = tuple[float, float]


def voiced_segments(probabilities: NDArray[np.float32], min_s: float, max_s: float) -> list[Interval]:
    """Returns from when to when segments last, in s, by the probabilities of a voice (frames,) of a recording.

    Voices with a short pause between them make one segment, as long as it is not too long. One that is too long is cut
    where a voice is least probable. One that is too short is left out.

    Args:
        probabilities: of each frame, see `VoiceGate`.
        min_s: shortest segment, s.
        max_s: longest segment, s; at least twice `min_s`.

    Examples:
        >>> voice = np.repeat(np.float32([0, 0.9, 0, 0.9, 0, 0.9, 0]), [50, 60, 10, 60, 50, 10, 50])
        >>> voiced_segments(voice, min_s=1.0, max_s=8.0)
        [(1.504, 5.856)]
        >>> voiced_segments(voice, min_s=1.0, max_s=4.0)
        [(1.504, 3.616), (3.744, 5.856)]
    """
    joined: list[Interval] = []
    for start_s, end_s in voiced_intervals(probabilities):
        if joined and start_s - joined[-1][1] <= MAX_PAUSE_S and end_s - joined[-1][0] <= max_s:
            joined[-1] = joined[-1][0], end_s
        else:
            joined.append((start_s, end_s))
    smooth = np.convolve(probabilities, np.ones(_SMOOTHING_FRAMES) / _SMOOTHING_FRAMES, mode="same")
    pieces = [piece for interval in joined for piece in _pieces(interval, smooth, min_s, max_s)]
    return [(round(start_s, 3), round(end_s, 3)) for start_s, end_s in pieces if end_s - start_s > min_s - _ROUNDING_S]


def _pieces(interval: Interval, smooth: NDArray[np.floating], min_s: float, max_s: float) -> list[Interval]:
    """Returns an interval in pieces of at most `max_s`, cut at the least probable frame of the second half of each."""
    start_s, end_s = interval
    pieces = []
    while end_s - start_s > max_s:
        latest_s = min(start_s + max_s, end_s - min_s)
        first, last = math.ceil((start_s + max_s / 2) / FRAME_S), int(latest_s / FRAME_S)
        frames = smooth[first : last + 1]
        cut_s = (first + int(frames.argmin())) * FRAME_S if len(frames) else latest_s
        pieces.append((start_s, cut_s))
        start_s = cut_s
    return [*pieces, (start_s, end_s)]
