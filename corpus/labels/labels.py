"""labels.csv: one row a clip, one column an emotion, speakers, splits and groups."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emoclr.configs.errors import EmoclrError
from emoclr.configs.files import write_atomically
from emoclr.corpus.labels.csv_table import LabelsError as LabelsError
from emoclr.corpus.labels.csv_table import TextTable, read_table, require_columns

if TYPE_CHECKING:
    import pandas as pd

SPLITS = ("train", "validation", "test")

RESERVED_COLUMNS = ("path", "speaker", "split", "start_s", "end_s")
"""Columns with a meaning of their own."""

INDEX_COLUMNS = (
    *("size", "modified", "fingerprint", "duration_s", "sample_rate", "channels", "rms_db", "peak_db"),
    *("status", "reason"),
)
"""Columns of `corpus scan`'s index: neither emotions nor groups, though some hold numbers from 0 to 1."""


@dataclass(frozen=True, eq=False)
class LabelTable:
    """The rows of a labels.csv; entry i of every field belongs to clip i.

    Attributes:
        source: the CSV.
        paths: absolute paths of the recordings; whether they exist shows at decoding.
        emotions: names, in the order of the CSV's columns (or as asked for).
        targets: float32 `(clips, emotions)` in [0, 1], the share of listeners where several were asked.
        speakers: who speaks, None where the CSV has no such column.
        splits: train, validation or test, None where the CSV has no such column.
        start_s: float64 `(clips,)`, where the clip begins in its recording, in seconds.
        end_s: float64 `(clips,)`, where it ends; NaN stands for the end of the recording.
        groups: every other column, to break reports down by; an empty cell reads "unknown".

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "labels.csv"
        >>> rows = ["path,joy,fear,speaker,sex", "a.wav,1,0,anna,f", "b.wav,0.2,0.8,ben,m", "c.wav,0,1,cem,m"]
        >>> _ = path.write_text("\\n".join(rows))
        >>> table = read_labels(path)
        >>> table.emotions, table.speakers, table.groups
        (['joy', 'fear'], ['anna', 'ben', 'cem'], {'sex': ['f', 'm', 'm']})
        >>> table.select([0, 2]).targets.tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """

    source: Path
    paths: list[Path]
    emotions: list[str]
    targets: NDArray[np.float32]
    speakers: list[str] | None
    splits: list[str] | None
    start_s: NDArray[np.float64]
    end_s: NDArray[np.float64]
    groups: dict[str, list[str]]

    def __len__(self) -> int:
        return len(self.paths)

    def select(self, rows: ArrayLike) -> "LabelTable":
        """Returns the table of some rows, given as positions or as a mask `(clips,)` of booleans."""
        chosen = np.arange(len(self))[np.asarray(rows, dtype=None if np.size(rows) else np.int64)]
        changes: dict[str, object] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                changes[field.name] = value[chosen]
            elif isinstance(value, list) and field.name != "emotions":
                changes[field.name] = [value[row] for row in chosen]
            elif isinstance(value, dict):
                changes[field.name] = {name: [cells[row] for row in chosen] for name, cells in value.items()}
        return replace(self, **changes)  # type: ignore[arg-type]

    def rows_of(self, split: str) -> NDArray[np.int64]:
        """Returns the positions of one split's rows.

        Raises:
            LabelsError: the CSV has no split column.
        """
        if self.splits is None:
            raise LabelsError(self.source, f"has no column 'split', so it has no {split} rows")
        return np.flatnonzero(np.array([name == split for name in self.splits], dtype=bool))

    @property
    def single_label(self) -> bool:
        """Whether every clip carries exactly one emotion, with certainty."""
        one_hot = np.isin(self.targets, (0.0, 1.0)).all() and (self.targets.sum(axis=1) == 1.0).all()
        return bool(self.emotions) and bool(one_hot)


def read_labels(path: str | Path, emotions: Sequence[str] | None = None, refuse_leaks: bool = True) -> LabelTable:
    """Returns a labels.csv, checked.

    A column is an emotion where at least half of its values are numbers from 0 to 1; then all have to be.

    Args:
        path: the CSV; relative paths in it count from its folder.
        emotions: the emotion columns, where they are not to be found by their values.
        refuse_leaks: whether a speaker in two splits is an error; an audit counts them instead.

    Raises:
        LabelsError: something is missing, wrong, or one speaker is in two splits; with row and column.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "labels.csv"
        >>> rows = ["path,joy,fear,speaker,sex", "a.wav,1,0,anna,f", "b.wav,0.2,0.8,ben,m", "c.wav,0,1,cem,m"]
        >>> _ = path.write_text("\\n".join(rows))
        >>> table = read_labels(path)
        >>> len(table), table.emotions, table.single_label
        (3, ['joy', 'fear'], False)
    """
    table = read_table(Path(path))
    require_columns(table, ["path"])
    others = _other_columns(table)
    if emotions is None:
        names = _emotion_columns(table)
        if not names:
            raise LabelsError(table.path, "has no emotion column: one with a number from 0 to 1 in every row")
    else:
        names = list(emotions)
        require_columns(table, names, ", which was asked for as an emotion")
        for name in names:
            if name not in others:
                raise LabelsError(table.path, "has another meaning and cannot be an emotion", column=name)
    return _label_table(table, names, others, speakers_needed=True, refuse_leaks=refuse_leaks)


def has_emotions(path: Path) -> bool:
    """Returns whether a CSV has an emotion column, as `read_labels` finds them.

    Raises:
        LabelsError: it is no CSV.
    """
    return bool(_emotion_columns(read_table(Path(path))))


def read_clips(path: Path) -> LabelTable:
    """Returns the clips of a CSV whose labels do not matter: only `path` is needed, there are no emotions.

    `speaker` may be empty where unknown; `split`, `start_s` and `end_s` are checked as in `read_labels`. Rows
    that the index of a scan marks as unreadable are left out.

    Raises:
        LabelsError: as `read_labels`.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "labels.csv"
        >>> rows = ["path,joy,fear,speaker,sex", "a.wav,1,0,anna,f", "b.wav,0.2,0.8,ben,m", "c.wav,0,1,cem,m"]
        >>> _ = path.write_text("\\n".join(rows))
        >>> table = read_clips(path)
        >>> len(table), table.emotions
        (3, [])
    """
    table = read_table(Path(path))
    require_columns(table, ["path"])
    clips = _label_table(table, [], [], speakers_needed=False)
    if "status" in table.columns and "reason" in table.columns:
        return clips.select([status == "ok" for status in table.columns["status"]])
    return clips


def write_labels(path: Path, table: "pd.DataFrame") -> None:
    """Writes a labels.csv, atomically.

    Args:
        path: the CSV.
        table: its columns; `path` is written relative to the CSV's folder where the recording lies below it,
            and absolute elsewhere.

    Raises:
        EmoclrError: the file cannot be written.

    Examples:
        >>> import tempfile
        >>> import pandas as pd
        >>> path = Path(tempfile.mkdtemp()) / "labels.csv"
        >>> write_labels(path, pd.DataFrame({"path": ["a.wav", "b.wav"], "joy": [0.5, 1.0]}))
        >>> read_labels(path).targets.tolist()
        [[0.5], [1.0]]
    """
    if "path" not in table.columns:
        raise EmoclrError(f"{path}: a table without a column 'path' is no labels.csv")
    portable = table.assign(path=[portable_path(Path(cell), Path(path)) for cell in table["path"]])
    write_atomically(
        path,
        lambda temporary: portable.to_csv(
            temporary, index=False, encoding="utf-8", errors="surrogateescape", lineterminator="\n"
        ),
    )


def portable_path(recording: Path, csv_path: Path) -> str:
    """Returns how a CSV names a recording: relative where it lies below the CSV's folder, else absolute."""
    absolute, folder = Path(recording).absolute(), Path(csv_path).absolute().parent
    return (absolute.relative_to(folder) if absolute.is_relative_to(folder) else absolute).as_posix()


def _label_table(
    table: TextTable, emotions: list[str], others: list[str], speakers_needed: bool, refuse_leaks: bool = True
) -> LabelTable:
    columns, size = table.columns, len(table.lines)
    folder = table.path.absolute().parent
    paths = [folder / name for name in _filled(table, "path")]
    targets = np.array([_shares(table, name) for name in emotions], dtype=np.float32)
    speakers = None
    if "speaker" in columns:
        speakers = _filled(table, "speaker") if speakers_needed else columns["speaker"]
    splits = _splits(table) if "split" in columns else None
    if refuse_leaks and speakers is not None and splits is not None:
        _refuse_leaks(table, speakers, splits)
    start_s, end_s = _bounds(table)
    return LabelTable(
        source=table.path,
        paths=paths,
        emotions=emotions,
        targets=targets.T.reshape(size, len(emotions)),
        speakers=speakers,
        splits=splits,
        start_s=start_s,
        end_s=end_s,
        groups={name: [cell or "unknown" for cell in columns[name]] for name in others if name not in emotions},
    )


def _other_columns(table: TextTable) -> list[str]:
    return [name for name in table.columns if name not in RESERVED_COLUMNS + INDEX_COLUMNS]


def _emotion_columns(table: TextTable) -> list[str]:
    return [name for name in _other_columns(table) if _holds_shares(table.columns[name])]


def _filled(table: TextTable, column: str) -> list[str]:
    for row, cell in enumerate(table.columns[column]):
        if not cell:
            raise table.error(row, column, "the value is missing")
    return table.columns[column]


def _shares(table: TextTable, column: str) -> list[float]:
    shares = []
    for row, cell in enumerate(_filled(table, column)):
        share = _number(cell)
        if share is None or not 0 <= share <= 1:
            raise table.error(row, column, f"{cell!r} is not a number from 0 to 1")
        shares.append(share)
    return shares


def _splits(table: TextTable) -> list[str]:
    for row, cell in enumerate(_filled(table, "split")):
        if cell not in SPLITS:
            raise table.error(row, "split", f"{cell!r} is none of {', '.join(SPLITS)}")
    return table.columns["split"]


def _refuse_leaks(table: TextTable, speakers: list[str], splits: list[str]) -> None:
    first: dict[str, int] = {}
    for row, (speaker, split) in enumerate(zip(speakers, splits, strict=True)):
        if not speaker:
            continue
        before = first.setdefault(speaker, row)
        if splits[before] != split:
            raise table.error(
                row,
                "split",
                f"speaker '{speaker}' is in {split} here, in {splits[before]} in row {table.lines[before]}: "
                "a leak, since a speaker may be in one split only",
            )


def _bounds(table: TextTable) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    size = len(table.lines)
    bounds = {"start_s": np.zeros(size), "end_s": np.full(size, np.nan)}
    for column, values in bounds.items():
        for row, cell in enumerate(table.columns.get(column, [])):
            if cell:  # an empty start is 0, an empty end is the end of the recording
                seconds = _number(cell)
                if seconds is None or seconds < 0:
                    raise table.error(row, column, f"{cell!r} is not a time in seconds, 0 or more")
                values[row] = seconds
    for wrong in np.flatnonzero(bounds["end_s"] <= bounds["start_s"]):
        start, end = bounds["start_s"][wrong], bounds["end_s"][wrong]
        raise table.error(int(wrong), "end_s", f"the clip ends at {end:g} s, not after its start at {start:g} s")
    return bounds["start_s"], bounds["end_s"]


def _holds_shares(cells: list[str]) -> bool:
    numbers = [_number(cell) for cell in cells]
    return 2 * sum(number is not None and 0 <= number <= 1 for number in numbers) >= len(cells)


def _number(cell: str) -> float | None:
    """Returns a finite number, None for anything else ("nan" and "inf" too)."""
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
