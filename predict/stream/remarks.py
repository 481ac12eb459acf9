"""What there is to say of recordings: which could not be read, or not whole, which hold no voice, what was chosen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from emoclr.configs.messages import by_reason, count_of, readable, some
from emoclr.corpus.decoded.telling import Streamed, lines_about

Status = Literal["unreadable", "partial", "silent", "voiceless", "note"]


@dataclass(frozen=True)
class Remark:
    """What there is to say of a recording.

    Attributes:
        path: the recording, as it was given.
        status: `unreadable`; `partial`, where a part of it was not decoded; `silent`, see `is_silent`; `voiceless`,
            where nobody speaks; or `note`, on the channel or the stream that was chosen.
        reason: in words.
    """

    path: Path
    status: Status
    reason: str


def summary_of(remarks: Sequence[Remark], recordings: Sequence[Path]) -> Iterator[str]:
    """Yields what to say on the screen: of each status how many recordings, and examples.

    Args:
        remarks: on the recordings.
        recordings: all of them.

    Examples:
        >>> print(*summary_of([Remark(Path("a.wav"), "unreadable", "empty file (0 bytes)")], [Path("a.wav")]))
        1 of 1 recording could not be read:   a.wav: empty file (0 bytes)
    """
    positions = {path: position for position, path in enumerate(recordings)}
    heard = Streamed(recordings)
    unreadable, voiceless = [], []
    for remark in remarks:
        position, reason = positions[remark.path], readable(remark.reason)
        if remark.status == "unreadable":
            unreadable.append((readable(remark.path), reason))
        elif remark.status == "voiceless":
            voiceless.append(readable(remark.path))
        elif remark.status == "silent":
            heard.silent[position] = True
        else:
            (heard.partial if remark.status == "partial" else heard.notes)[position] = reason
    if unreadable:
        yield f"{len(unreadable):,} of {count_of(len(recordings), 'recording')} could not be read:"
        yield from by_reason(unreadable)
    yield from lines_about(heard)
    voiceless = list(dict.fromkeys(voiceless))
    if voiceless:
        yield (
            f"{len(voiceless):,} of {count_of(len(recordings), 'recording')} in which nobody speaks (--gate none hears "
            f"them all the same): {some(voiceless)}"
        )
