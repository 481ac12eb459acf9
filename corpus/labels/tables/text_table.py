"""A table as columns of text, with the place of each row in its file for error messages."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from emoclr.configs.errors import EmoclrError
from emoclr.configs.messages import perhaps, some
from emoclr.corpus.audio.file_kinds import AUDIO_SUFFIXES


class LabelsError(EmoclrError):
    """A table that is not as it should be; `path`, `row` (line of the file, from 1) and `column` say where.

    Examples:
        >>> "row 3" in str(LabelsError(Path("labels.csv"), "is no number from 0 to 1", row=3, column="joy"))
        True
    """

    def __init__(self, path: Path, problem: str, row: int | None = None, column: str | None = None) -> None:
        where = [f"row {row}"] if row is not None else []
        where += [f"column '{column}'"] if column is not None else []
        super().__init__(": ".join([str(path), *([", ".join(where)] if where else []), problem]))
        self.path = path
        self.row = row
        self.column = column


@dataclass(frozen=True)
class TextTable:
    """A table as text: `columns[name][i]` is in row `lines[i]` of `path`; `remarks` say what was assumed of it."""

    path: Path
    columns: dict[str, list[str]]
    lines: list[int]
    remarks: tuple[str, ...] = ()

    def error(self, row: int, column: str, problem: str) -> LabelsError:
        """Returns the error that names the `row`-th row (from 0) by its place in the file."""
        return LabelsError(self.path, problem, self.lines[row], column)


def table_of_rows(path: Path, rows: Iterable[tuple[int, Sequence[str]]], remarks: Sequence[str] = ()) -> TextTable:
    """Returns rows, the first of which is the header, as a table; empty rows are skipped.

    Columns without a name are left out where they are empty, or number the rows (the index of a pandas table).

    Args:
        path: of the file.
        rows: the place in the file and the cells of each, without blanks around them.
        remarks: what was assumed of the file.

    Raises:
        LabelsError: there is no header or no row, a name is missing, no text or comes twice, or a row has too few or
            too many values.
    """
    names: list[str] | None = None
    header = 0
    kept: list[Sequence[str]] = []
    lines: list[int] = []
    for line, cells in rows:
        if not any(cells):
            continue
        if names is None:
            names, header = [" ".join(name.split()) for name in cells], line
            _refuse_data(path, names, line)
        elif len(cells) != len(names) and (len(cells) < len(names) or any(cells[len(names) :])):
            raise LabelsError(path, f"has {len(cells)} values, the header has {len(names)} columns", line)
        else:
            kept.append(cells)
            lines.append(line)
    if names is None or not kept:
        raise LabelsError(path, "has no rows")
    columns: dict[str, list[str]] = {}
    for place, name in enumerate(names):
        column = [row[place] for row in kept]
        if not name and (not any(column) or (place == 0 and all(cell.isdecimal() for cell in column))):
            continue
        if not name:
            raise LabelsError(path, f"column {place + 1} of the header has no name", header or None)
        if not name.isprintable():
            raise LabelsError(path, f"is no table: its header, {name[:40]!r}, is no text", header or None)
        if name in columns:
            raise LabelsError(path, "the header has two columns of this name", header or None, name)
        columns[name] = column
    return TextTable(path, columns, lines, tuple(remarks))


def require_columns(table: TextTable, names: Sequence[str], what: str = "") -> None:
    """Raises a LabelsError for the first of `names` that is not a column, with the nearest one that is."""
    for name in names:
        if name not in table.columns:
            known = ", ".join(table.columns)
            hint = perhaps(name, table.columns)
            raise LabelsError(table.path, f"has no column '{name}'{hint}{what}; its columns are: {known}")


def _refuse_data(path: Path, names: Sequence[str], line: int) -> None:
    """Raises a LabelsError where what should be the header is the first row."""
    recording = any(Path(name).suffix.lower() in AUDIO_SUFFIXES for name in names)
    if recording or all(name.replace(".", "", 1).replace("-", "", 1).isdecimal() for name in names if name):
        raise LabelsError(
            path, f"has no header: this is {some(names, 3)}; write names above it, such as path,joy,speaker", line
        )
