"""What a listener said of the clips of a table, as labels.csv has it."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from emoclr.configs.files import csv_line, text_cell, write_text
from emoclr.corpus.labels.annotation.clip_rows import (
    CLIP,
    DIVISIONS,
    Key,
    clip_keys,
    clip_rows,
    extra_cells,
    joined_line,
)
from emoclr.corpus.labels.clip_names import clip_name
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.labels_csv import read_clips, read_labels
from emoclr.corpus.labels.tables.column_names import Given
from emoclr.corpus.labels.tables.text_table import LabelsError
from emoclr.evaluate.positive_share import POSITIVE_SHARE

CANNOT_TELL: Literal["?"] = "?"
Answer = list[int] | Literal["?"] | None
"""Positions of the emotions that were heard, none of them included; `CANNOT_TELL`; or None before a clip is heard."""


class Answers:
    """The answers for the clips of a table, in a labels.csv that holds each of them as soon as it is given.

    Clips of which a listener cannot tell are no labels: they stand in a table of their own beside it. Labels of other
    clips that are there already stay. May be asked by several threads.

    Args:
        clips: what is to be labelled.
        out: the labels.csv; what is there already counts as said.
        emotions: names of the emotions; those of `out`, where it is there.

    Attributes:
        clips: what is to be labelled.
        emotions: their names.
        out: the labels.csv.
        unclear: the table of what nobody can tell.
        header: first line of `out`.
        others: lines of `out` with labels of other clips.
        given: the answer for each clip.

    Raises:
        LabelsError: what is there has other emotions, or is divided into splits as the clips are not.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "picked.csv").write_text("path,start_s,end_s\\na.wav,0,2.5\\na.wav,2.5,4\\n")
        >>> answers = Answers(read_clips(folder / "picked.csv"), folder / "labels.csv", ["joy", "fear"])
        >>> answers.give(0, [1])
        >>> answers.give(1, CANNOT_TELL)
        >>> print((folder / "labels.csv").read_text(), end="")
        path,start_s,end_s,joy,fear
        a.wav,0,2.5,0,1
        >>> Answers(read_clips(folder / "picked.csv"), folder / "labels.csv", ["joy", "fear"]).given
        [[1], '?']
    """

    def __init__(self, clips: LabelTable, out: Path, emotions: Sequence[str]) -> None:
        self.clips, self.out = clips, Path(out)
        self.unclear = unclear_path(self.out)
        before = read_labels(self.out, refuse_leaks=False) if self.out.exists() else None
        if before is not None and set(before.emotions) != set(emotions):
            raise LabelsError(
                self.out,
                f"has the emotions {', '.join(before.emotions)}; its clips were not heard for others: go on with "
                "these, or give another --out",
            )
        self.emotions = before.emotions if before else list(emotions)
        _check_divisions(clips, before)
        tables = [before, clips] if before else [clips]
        extra = list(dict.fromkeys(name for table in tables for name in extra_cells(table, self.out)))
        self.header = csv_line([*CLIP, *self.emotions, *map(text_cell, extra)])
        self._lock = threading.Lock()
        self._changes: list[int] = []
        self._rows = [clip_rows(table, self.out, extra) for table in tables]
        keys = {key: row for row, key in enumerate(clip_keys(clips))}
        self.given: list[Answer] = [None] * len(clips)
        self.others: list[str] = []
        if before is not None:
            for row, key in enumerate(clip_keys(before)):
                if key in keys:
                    self.given[keys[key]] = np.flatnonzero(before.targets[row] >= POSITIVE_SHARE).tolist()
                else:
                    self.others.append(joined_line(self._rows[0][row], [f"{share:g}" for share in before.targets[row]]))
        self._others_unclear: list[str] = []
        if self.unclear.exists():
            for key in clip_keys(table := read_clips(self.unclear)):
                if key in keys and self.given[keys[key]] is None:
                    self.given[keys[key]] = CANNOT_TELL
            self._others_unclear = [
                before_cells
                for key, (before_cells, _) in zip(clip_keys(table), clip_rows(table, self.out, []), strict=True)
                if key not in keys
            ]

    def name(self, row: int) -> str:
        """Returns how a clip is called."""
        return clip_name(self.clips, row)

    def csv_row(self, row: int) -> tuple[str, str]:
        """Returns what of a clip's line in labels.csv comes before its emotions, and what comes after them."""
        return self._rows[-1][row]

    def give(self, row: int, answer: Answer) -> None:
        """Takes an answer, or takes one back, and writes the tables.

        Raises:
            ValueError: there is no such clip or emotion.
            EmoclrError: the tables cannot be written; the answer is not taken.
        """
        known = range(len(self.emotions))
        if row not in range(len(self.given)) or (isinstance(answer, list) and not set(answer) <= set(known)):
            raise ValueError(f"no such clip or emotion: {row}, {answer}")
        with self._lock:
            before = self.given[row]
            self.given[row] = sorted(set(answer)) if isinstance(answer, list) else answer
            try:
                self._write()
            except BaseException:
                self.given[row] = before
                raise
            self._changes.append(row)

    def changed(self, since: int) -> tuple[int, Mapping[int, Answer]]:
        """Returns how many answers came so far, and those that came after the first `since` of them."""
        with self._lock:
            return len(self._changes), {row: self.given[row] for row in self._changes[since:]}

    def counts(self) -> tuple[int, int]:
        """Returns how many clips have labels, and of how many nobody can tell."""
        unclear = self.given.count(CANNOT_TELL)
        return len(self.given) - self.given.count(None) - unclear, unclear

    def _write(self) -> None:
        unclear = [*self._others_unclear, *self._before_of(CANNOT_TELL)]
        lines = list(self.others)
        for row, answer in enumerate(self.given):
            if isinstance(answer, list):
                cells = ["1" if emotion in answer else "0" for emotion in range(len(self.emotions))]
                lines.append(joined_line(self.csv_row(row), cells))
        _write_or_remove(self.out, self.header, lines)
        _write_or_remove(self.unclear, csv_line(CLIP), [f"{line}\n" for line in unclear])

    def _before_of(self, wanted: Answer) -> list[str]:
        return [self.csv_row(row)[0] for row, answer in enumerate(self.given) if answer == wanted]


def unclear_path(labels: Path) -> Path:
    """Returns the table of what nobody can tell, beside a labels.csv.

    >>> unclear_path(Path("labels.csv"))
    PosixPath('labels.cannot-tell.csv')
    """
    return labels.with_name(f"{labels.stem}.cannot-tell.csv")


def read_clips_to_label(path: Path, columns: Given | None = None) -> LabelTable:
    """Returns the clips of a table, with those of its groups that are no emotions.

    Raises:
        LabelsError: it is no table of clips, or one of them is in it twice.
    """
    table = read_clips(path, columns, keep_groups=True)
    first: dict[Key, int] = {}
    for row, key in enumerate(clip_keys(table)):
        if first.setdefault(key, row) != row:
            raise LabelsError(path, f"has {clip_name(table, row)} twice")
    return table


def _check_divisions(clips: LabelTable, before: LabelTable | None) -> None:
    """Checks that labels and clips are both divided, or neither."""
    for name in DIVISIONS if before else ():
        has = [table for table in (before, clips) if table is not None and getattr(table, f"{name}s") is not None]
        if len(has) == 1:
            lacking = clips if has[0] is before else before
            assert lacking is not None
            raise LabelsError(
                lacking.source, f"has no column '{name}', which {has[0].source} has: add it, or give another --out"
            )


def _write_or_remove(path: Path, header: str, lines: Sequence[str]) -> None:
    """Writes a table; one without rows is none."""
    if lines:
        write_text(path, header + "".join(lines))
    else:
        path.unlink(missing_ok=True)
