"""CSV files as columns of text, with the line of each row for error messages."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.configs.messages import perhaps


class LabelsError(EmoclrError):
    """A CSV that is not as it should be; `path`, `row` (line of the file, from 1) and `column` say where.

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
    """A CSV as text: `columns[name][i]` is on line `lines[i]` of `path`."""

    path: Path
    columns: dict[str, list[str]]
    lines: list[int]

    def error(self, row: int, column: str, problem: str) -> LabelsError:
        """Returns the error that names the `row`-th row (from 0) by its line in the file."""
        return LabelsError(self.path, problem, self.lines[row], column)


def read_table(path: Path) -> TextTable:
    """Returns the cells of a CSV, without the blanks around them; empty lines are skipped.

    Raises:
        ConfigError: there is no such file.
        LabelsError: the file cannot be read or is no UTF-8, has no header, two columns of one name, a row
            with too few or too many values, or no row at all.
    """
    try:
        # Surrogates keep the bytes of a file name that is no UTF-8; they are refused in every other column.
        text = path.read_bytes().decode("utf-8-sig", errors="surrogateescape")
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file") from error
    except OSError as error:
        raise LabelsError(path, f"cannot be read: {error.strerror or error}") from error
    reader = csv.reader(io.StringIO(text, newline=""))
    names: list[str] | None = None
    rows: list[list[str]] = []
    lines: list[int] = []
    line = 1
    try:
        for raw in reader:
            cells, here = [cell.strip() for cell in raw], line
            line = reader.line_num + 1
            if not any(cells):
                continue
            if names is None:
                names = _checked_header(path, cells, here)
            elif len(cells) != len(names):
                raise LabelsError(path, f"has {len(cells)} values, the header has {len(names)} columns", here)
            else:
                rows.append(cells)
                lines.append(here)
    except csv.Error as error:
        raise LabelsError(path, f"is no CSV: {error}", line) from error
    if names is None or not rows:
        raise LabelsError(path, "has no rows")
    table = TextTable(path, {name: [row[i] for row in rows] for i, name in enumerate(names)}, lines)
    for name, values in table.columns.items():
        for row, value in enumerate(values):
            if name != "path" and not _is_text(value):
                raise table.error(row, name, "is not UTF-8 text")
    return table


def require_columns(table: TextTable, names: Sequence[str], what: str = "") -> None:
    """Raises a LabelsError for the first of `names` that is not a column, with the nearest one that is."""
    for name in names:
        if name not in table.columns:
            known = ", ".join(table.columns)
            hint = perhaps(name, table.columns)
            raise LabelsError(table.path, f"has no column '{name}'{hint}{what}; its columns are: {known}")


def _checked_header(path: Path, names: list[str], line: int) -> list[str]:
    if len(names) == 1 and ";" in names[0]:
        raise LabelsError(path, "its values are separated by ';', where ',' is expected", line)
    for position, name in enumerate(names, start=1):
        if not name:
            raise LabelsError(path, f"column {position} of the header has no name", line)
        if name in names[: position - 1]:
            raise LabelsError(path, "the header has two columns of this name", line, name)
    return names


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
