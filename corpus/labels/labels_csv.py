"""Reading and writing labels.csv: one row a clip, one column an emotion, speakers, splits and groups."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.errors import EmoclrError
from emoclr.configs.files import write_atomically
from emoclr.corpus.labels.clip_names import portable_path
from emoclr.corpus.labels.csv_table import LabelsError, TextTable, read_table, require_columns
from emoclr.corpus.labels.emotion_names import INDEX_COLUMNS, RESERVED_COLUMNS
from emoclr.corpus.labels.label_table import SPLITS, LabelTable

if TYPE_CHECKING:
    import pandas as pd


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
        return clips.select([status != "set aside" for status in table.columns["status"]])
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
