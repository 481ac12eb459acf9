"""Segments: from when to when a recording carries an emotion."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Segment:
    """An emotion from `start_s` to `end_s`; segments of several emotions may overlap.

    Attributes:
        path: the recording, as it was given.
        start_s: s.
        end_s: s.
        emotion: its name.
        probability: mean over the segment, in [0, 1].

    Examples:
        >>> segment = Segment(Path("call.wav"), 12.5, 15.0, "joy", 0.81)
        >>> segment.end_s - segment.start_s
        2.5
    """

    path: Path
    start_s: float
    end_s: float
    emotion: str
    probability: float
