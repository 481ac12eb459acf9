"""A list of clips: which parts of which recordings, and who speaks."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoclr.corpus.clips.path_array import PathArray
from emoclr.corpus.index.file_digest import DIGEST_BYTES


@dataclass(frozen=True)
class Clip:
    """A recording, or the part of it from `start_s` to `end_s` (None: to its end).

    Examples:
        >>> Clip(Path("a.wav"), start_s=2.0, speaker="anna")
        Clip(path=PosixPath('a.wav'), start_s=2.0, end_s=None, speaker='anna')
    """

    path: Path
    start_s: float = 0.0
    end_s: float | None = None
    speaker: str | None = None


@dataclass(frozen=True, eq=False)
class ClipTable:
    """Clips as arrays, so that a million of them take 150 MB, once for all processes; iterating gives `Clip`s.

    Attributes:
        paths: the recordings.
        start_s: float64 `(clips,)`.
        end_s: float64 `(clips,)`; NaN for the end of the recording.
        speakers: int64 `(clips,)`, positions in `speaker_names`, -1 where the speaker is unknown.
        speaker_names: the speakers, sorted.
        sizes: int64 `(clips,)`, bytes of the recording where a listing or an index has them, else -1.
        modified: int64 `(clips,)`, its time of change in nanoseconds, likewise.
        digests: bytes of 16 `(clips,)`, BLAKE2b of the recording where an index has it, else empty.

    Examples:
        >>> table = ClipTable.of([Clip(Path("a.wav"), speaker="anna"), Clip(Path("b.wav"), 1.0, 2.5)])
        >>> len(table), table.speaker_names, table.speakers.tolist(), table.end_s.tolist()
        (2, ['anna'], [0, -1], [nan, 2.5])
    """

    paths: PathArray
    start_s: NDArray[np.float64]
    end_s: NDArray[np.float64]
    speakers: NDArray[np.int64]
    speaker_names: list[str]
    sizes: NDArray[np.int64]
    modified: NDArray[np.int64]
    digests: NDArray[np.bytes_]

    @classmethod
    def whole(
        cls,
        paths: PathArray,
        sizes: NDArray[np.int64] | None = None,
        modified: NDArray[np.int64] | None = None,
        digests: NDArray[np.bytes_] | None = None,
    ) -> "ClipTable":
        """Returns whole recordings whose speakers are unknown, with what is known of the files."""
        return cls.parts(paths, np.zeros(len(paths)), np.full(len(paths), np.nan), None, sizes, modified, digests)

    @classmethod
    def parts(
        cls,
        paths: PathArray,
        start_s: NDArray[np.float64],
        end_s: NDArray[np.float64],
        speakers: Sequence[str | None] | None,
        sizes: NDArray[np.int64] | None = None,
        modified: NDArray[np.int64] | None = None,
        digests: NDArray[np.bytes_] | None = None,
    ) -> "ClipTable":
        """Returns parts of recordings; a speaker without a name is unknown."""
        unknown = np.broadcast_to(np.int64(-1), len(paths))
        names = sorted({name for name in speakers or () if name})
        codes = {name: code for code, name in enumerate(names)}
        return cls(
            paths,
            start_s,
            end_s,
            np.array([codes.get(name or "", -1) for name in speakers], np.int64) if speakers else unknown,
            names,
            unknown if sizes is None else sizes,
            unknown if modified is None else modified,
            np.zeros(len(paths), f"S{DIGEST_BYTES}") if digests is None else digests,
        )

    @classmethod
    def of(cls, clips: Iterable[Clip]) -> "ClipTable":
        """Returns clips as a table."""
        clips = list(clips)
        ends = np.array([np.nan if clip.end_s is None else clip.end_s for clip in clips], dtype=np.float64)
        starts = np.array([clip.start_s for clip in clips], dtype=np.float64)
        return cls.parts(PathArray.of(clip.path for clip in clips), starts, ends, [clip.speaker for clip in clips])

    @classmethod
    def concatenate(cls, tables: Sequence["ClipTable"]) -> "ClipTable":
        """Returns the clips of several tables in their order; equal names of speakers are one speaker."""
        if len(tables) == 1:
            return tables[0]
        names = sorted({name for table in tables for name in table.speaker_names})
        codes = {name: code for code, name in enumerate(names)}
        recoded = []
        for table in tables:
            new_codes = np.array([*(codes[name] for name in table.speaker_names), -1], dtype=np.int64)
            recoded.append(new_codes[table.speakers])  # -1 finds the last
        return cls(
            PathArray.from_arrow(table.paths.to_arrow() for table in tables),
            np.concatenate([table.start_s for table in tables]),
            np.concatenate([table.end_s for table in tables]),
            np.concatenate(recoded),
            names,
            np.concatenate([table.sizes for table in tables]),
            np.concatenate([table.modified for table in tables]),
            np.concatenate([table.digests for table in tables]),
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int) -> Clip:
        code, end_s = int(self.speakers[row]), float(self.end_s[row])
        speaker = self.speaker_names[code] if code >= 0 else None
        return Clip(self.paths[row], float(self.start_s[row]), None if np.isnan(end_s) else end_s, speaker)

    def __iter__(self) -> Iterator[Clip]:
        return (self[row] for row in range(len(self)))

    def take(self, rows: NDArray[np.int64]) -> "ClipTable":
        """Returns the clips of some rows; `speaker_names` keeps those that are left."""
        speakers, names = self.speakers_of(rows)
        return ClipTable(
            self.paths.take(rows),
            self.start_s[rows],
            self.end_s[rows],
            speakers,
            names,
            self.sizes[rows],
            self.modified[rows],
            self.digests[rows],
        )

    def speakers_of(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], list[str]]:
        """Returns the speakers of some rows, int64 `(rows,)`, and the names that these number, no others."""
        codes = self.speakers[rows]
        used = np.flatnonzero(np.bincount(codes + 1, minlength=1)[1:])
        recoded = np.full(len(self.speaker_names) + 1, -1)  # -1 finds the last
        recoded[used] = np.arange(len(used))
        return recoded[codes], [self.speaker_names[code] for code in used]

    def with_speakers(self, codes: NDArray[np.int64], names: Sequence[str]) -> "ClipTable":
        """Returns these clips with the speakers that `codes` number in `names`, in any order; -1 is unknown."""
        order = sorted(range(len(names)), key=names.__getitem__)
        places = np.full(len(names) + 1, -1)  # -1 finds the last
        places[order] = np.arange(len(order))
        table = replace(self, speakers=places[codes], speaker_names=[names[place] for place in order])
        speakers, used = table.speakers_of(np.arange(len(self)))
        return replace(table, speakers=speakers, speaker_names=used)

    def without_repeats(self) -> "ClipTable":
        """Returns each part of a recording once, in its first place, with its speaker where one row names it."""
        codes = self.paths.codes()
        if not len(codes) or codes.max() == len(codes) - 1:
            return self
        ends = np.where(np.isnan(self.end_s), np.inf, self.end_s)
        order = np.lexsort((self.speakers < 0, ends, self.start_s, codes))
        changes = [np.diff(values[order]) != 0 for values in (codes, self.start_s)]
        changes.append(ends[order][1:] != ends[order][:-1])
        first = np.flatnonzero(np.concatenate([[True], np.logical_or.reduce(changes)]))
        if len(first) == len(self):
            return self
        first_rows = np.minimum.reduceat(order, first)
        return self.take(order[first][np.argsort(first_rows)])
