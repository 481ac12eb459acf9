"""What is written of a recording: its segments, and how it is called."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from emoclr.predict.stream.segments import Segment


@dataclass(frozen=True)
class Annotation:
    """The segments of a recording.

    Attributes:
        name: of the recording, see `names_of`.
        duration_s: of the recording, s.
        emotions: all that are looked for, in their order.
        segments: in any order; those of one emotion and channel do not overlap.
        channels: that were heard alone; one None where they were not.
    """

    name: str
    duration_s: float
    emotions: Sequence[str]
    segments: Sequence[Segment]
    channels: Sequence[int | None] = (None,)

    def in_time(self) -> list[Segment]:
        """Returns the segments by their start; those that start together in the order of the emotions."""
        return sorted(self.segments, key=lambda found: (found.start_s, self.emotions.index(found.emotion)))


def label_of(segment: Segment) -> str:
    """Returns what people read of a segment.

    >>> label_of(Segment(Path("a.wav"), 0.5, 2.0, "joy", 0.834))
    'joy 0.83'
    """
    return f"{segment.emotion} {segment.probability:.2f}{of_channel(segment.channel)}"


def of_channel(channel: int | None) -> str:
    """Returns what is said of the channel that was heard alone.

    >>> of_channel(2), of_channel(None)
    (', channel 2', '')
    """
    return "" if channel is None else f", channel {channel}"


def names_of(paths: Sequence[Path]) -> list[str]:
    """Returns a name for each recording: its path below the folder that holds all, without its ending.

    Where two would have one name, they keep their endings.

    >>> names_of([Path("calls/ann/1.wav"), Path("calls/ben/1.wav"), Path("calls/ben/1.mp3")])
    ['ann/1', 'ben/1.wav', 'ben/1.mp3']
    """
    absolute = [Path(os.path.abspath(path)) for path in paths]  # noqa: PTH100 (pathlib would follow links)
    folder = os.path.commonpath([path.parent for path in absolute]) if absolute else ""
    whole = [path.relative_to(folder).as_posix() for path in absolute]
    short = [path.relative_to(folder).with_suffix("").as_posix() for path in absolute]
    count = Counter(short)
    names = [brief if count[brief] == 1 else full for brief, full in zip(short, whole, strict=True)]
    return names if len(set(names)) == len(names) else whole
