"""Reading tables of clips, and writing labels.csv: one row a clip, one column an emotion, speakers, splits, groups."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.errors import EmoclrError
from emoclr.configs.files import text_cell, write_atomically
from emoclr.corpus.labels.clip_names import portable_path
from emoclr.corpus.labels.emotion_names import INDEX_COLUMNS, LISTENERS, SHARE
from emoclr.corpus.labels.label_table import SENTENCES, SPLITS, LabelTable, Reading
from emoclr.corpus.labels.tables.cells import number, share, split_words
from emoclr.corpus.labels.tables.clip_times import clip_times, time_columns
from emoclr.corpus.labels.tables.column_names import Given, Role, find_column, find_columns, found_in, tokens
from emoclr.corpus.labels.tables.emotion_columns import names_column, share_columns, spread_names
from emoclr.corpus.labels.tables.table_file import read_table
from emoclr.corpus.labels.tables.text_table import LabelsError, TextTable, require_columns

if TYPE_CHECKING:
    import pandas as pd

Roles = dict[Role, str]


def read_labels(
    path: str | Path,
    emotions: Sequence[str] | None = None,
    refuse_leaks: bool = True,
    columns: Given | None = None,
    *,
    lenient: bool = False,
) -> LabelTable:
    """Returns a table of labels, checked.

    Columns are found by their usual names (docs/data.md). Emotions are the columns of which at least half of the values
    are numbers from 0 to 1 (of well-known emotions: numbers), and then all have to be; or the names in one column, such
    as `emotion`.

    Args:
        path: the table, such as labels.csv; relative paths in it count from its folder.
        emotions: the emotions, where they are not to be found by their values.
        refuse_leaks: whether a speaker in two splits is an error; an audit counts them instead.
        columns: columns by their meaning (`path`, `speaker`, `split`, `fold`, `validation_fold`, `start`, `end`,
            `emotion`), where the names do not tell it; None for a meaning that no column has.
        lenient: whether a given column may be missing: it is that of another table; then the names tell.

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
    columns = found_in(table, columns) if lenient else columns
    roles = find_columns(table, columns)
    shares = share_columns(table, _other_columns(table, roles))
    if emotions is not None and all(name in table.columns for name in emotions):
        column = None
    else:
        column = names_column(table, _other_columns(table, roles), shares, columns)
    if column is not None:
        clip = [roles[role] for role in ("path", "start", "end") if role in roles]
        table, shares = spread_names(table, column, clip, roles)
    if emotions is not None:
        names = list(emotions)
        require_columns(table, names, ", which was asked for as an emotion")
        for name in names:
            if name not in _other_columns(table, roles):
                raise LabelsError(table.path, "has another meaning and cannot be an emotion", column=name)
    else:
        names = shares
        if not names:
            known = ", ".join(table.columns)
            raise LabelsError(
                table.path,
                "has no emotion column: one with a number from 0 to 1 in every row, or one called emotion with their "
                f"names; its columns are: {known}; name them, as by emotions=[...] or --columns emotion=NAME",
            )
    return _label_table(table, roles, names, speakers_needed=True, refuse_leaks=refuse_leaks)


def has_emotions(path: Path, columns: Given | None = None, *, lenient: bool = False) -> bool:
    """Returns whether a table has emotions, as `read_labels` finds them.

    Raises:
        LabelsError: it is no table.
    """
    table = read_table(Path(path))
    columns = found_in(table, columns) if lenient else columns
    others = _other_columns(table, find_columns(table, columns))
    shares = share_columns(table, others)
    return bool(shares) or names_column(table, others, shares, columns) is not None


def read_clips(
    path: Path, columns: Given | None = None, *, lenient: bool = False, keep_groups: bool = False
) -> LabelTable:
    """Returns the clips of a table whose labels do not matter: only paths are needed, there are no emotions.

    Speakers may be empty where unknown; splits and times are checked as in `read_labels`. Rows that the index of a
    scan marks as unreadable are left out.

    Args:
        path: the table.
        columns: see `read_labels`.
        lenient: see `read_labels`.
        keep_groups: whether columns that can be no emotions are kept as groups, or of all columns only sentences.

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
    columns = found_in(table, columns) if lenient else columns
    clips = _label_table(table, find_columns(table, columns), [], speakers_needed=False)
    kept = {SENTENCES}
    if keep_groups:
        kept = clips.groups.keys() - {*share_columns(table, list(clips.groups)), find_column(table, "emotion", columns)}
    clips = replace(clips, groups={name: cells for name, cells in clips.groups.items() if name in kept})
    if "status" in table.columns and "reason" in table.columns:
        return clips.select([status != "set aside" for status in table.columns["status"]])
    return clips


def write_labels(path: Path, table: "pd.DataFrame") -> None:
    """Writes a labels.csv, atomically.

    Args:
        path: the CSV.
        table: its columns; `path` is written relative to the CSV's folder where the recording lies below it,
            and absolute elsewhere. A word that a spreadsheet would take for a formula gets an apostrophe, which
            `read_labels` takes away again.

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
    words = table.columns.difference(table.select_dtypes("number").columns)
    marked = {name: [text_cell(cell) if isinstance(cell, str) else cell for cell in table[name]] for name in words}
    marked["path"] = [portable_path(Path(cell), Path(path)) for cell in table["path"]]
    portable = table.assign(**marked)
    write_atomically(
        path,
        lambda temporary: portable.to_csv(
            temporary, index=False, encoding="utf-8", errors="surrogateescape", lineterminator="\n"
        ),
    )


def _label_table(
    table: TextTable, roles: Roles, emotions: list[str], speakers_needed: bool, refuse_leaks: bool = True
) -> LabelTable:
    folder = table.path.absolute().parent
    paths = [folder / name for name in _filled(table, roles["path"])]
    targets = np.array([_shares(table, name) for name in emotions], dtype=np.float32)
    speakers = None
    if "speaker" in roles:
        speakers = _filled(table, roles["speaker"]) if speakers_needed else table.columns[roles["speaker"]]
    splits = _splits(table, roles)
    if splits is None:
        roles = {role: name for role, name in roles.items() if role != "split"}
    elif refuse_leaks and speakers is not None and len(set(speakers)) > 1:  # of one voice, notes tell
        _refuse_leaks(table, roles["split"], speakers, splits)
    start_s, end_s = clip_times(table, roles)
    return LabelTable(
        source=table.path,
        paths=paths,
        emotions=emotions,
        targets=targets.T.reshape(len(paths), len(emotions)),
        speakers=speakers,
        splits=splits,
        start_s=start_s,
        end_s=end_s,
        groups={
            name: [cell or "unknown" for cell in table.columns[name]]
            for name in _other_columns(table, roles)
            if name not in emotions
        },
        listeners=_listeners(table),
        folds=_filled(table, roles["fold"]) if "fold" in roles else None,
        validation_folds=_filled(table, roles["validation_fold"]) if "validation_fold" in roles else None,
        reading=Reading({str(role): name for role, name in roles.items()} | time_columns(table, roles), table.remarks),
    )


def _other_columns(table: TextTable, roles: Roles) -> list[str]:
    taken = {*roles.values(), *time_columns(table, roles).values(), *INDEX_COLUMNS, *map(SHARE.format, table.columns)}
    if _listeners(table) is not None:
        taken.add(LISTENERS)
    return [name for name in table.columns if name not in taken]


def _listeners(table: TextTable) -> NDArray[np.int64] | None:
    """Returns how many listeners voted on each clip; None where a table does not tell."""
    if LISTENERS not in table.columns:
        return None
    counts = [number(cell) for cell in table.columns[LISTENERS]]
    if not all(count is not None and count >= 1 and count.is_integer() for count in counts):
        return None
    return np.array(counts, dtype=np.int64)


def _filled(table: TextTable, column: str) -> list[str]:
    for row, cell in enumerate(table.columns[column]):
        if not cell:
            raise table.error(row, column, "the value is missing")
    return table.columns[column]


def _shares(table: TextTable, column: str) -> list[float]:
    shares = []
    for row, cell in enumerate(_filled(table, column)):
        value = share(cell)
        if value is None:
            raise table.error(
                row,
                column,
                f"{cell!r} is not a number from 0 to 1, such as a share of votes; if this is no emotion, name those "
                "that are: emotions=[...]",
            )
        shares.append(value)
    return shares


def _splits(table: TextTable, roles: Roles) -> list[str] | None:
    """Returns the split of each row; None without a column, or where one called otherwise holds no word for a split."""
    column = roles.get("split")
    if column is None:
        return None
    cells = table.columns[column]
    meant = split_words(cells)
    if not meant and "split" not in tokens(column):
        return None
    for row, cell in enumerate(_filled(table, column)):
        if cell not in meant:
            raise table.error(row, column, f"{cell!r} is none of {', '.join(SPLITS)}")
    return [meant[cell] for cell in cells]


def _refuse_leaks(table: TextTable, column: str, speakers: list[str], splits: list[str]) -> None:
    first: dict[str, int] = {}
    for row, (speaker, split) in enumerate(zip(speakers, splits, strict=True)):
        if not speaker:
            continue
        before = first.setdefault(speaker, row)
        if splits[before] != split:
            raise table.error(
                row,
                column,
                f"speaker '{speaker}' is in {split} here, in {splits[before]} in row {table.lines[before]}: "
                "a leak, since a speaker may be in one split only",
            )
