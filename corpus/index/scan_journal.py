"""The journal of a scan: rows on disk as they are read, so that a scan that is killed goes on where it was."""

import json
import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from emoclr.configs.errors import EmoclrError
from emoclr.configs.files import parse_json
from emoclr.configs.messages import why_refused
from emoclr.corpus.index.index_file import IndexRow, table_of

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS_AT_ONCE = 1 << 14


class ScanJournal:
    """The rows of a scan under way: one JSON line each, in `.NAME.partial` beside the index NAME.

    Lines are only ever appended: a kill costs what was being read, and a line that it tore is skipped.
    """

    def __init__(self, index_path: Path) -> None:
        """Opens the journal beside `index_path`, a new one where there is none.

        Raises:
            EmoclrError: it cannot be written.
        """
        self.path = index_path.with_name(f".{index_path.name}.partial")
        try:
            index_path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("ab", buffering=0)
            if self._file.tell():
                self._file.write(b"\n")  # ends a line that was torn
        except OSError as error:
            raise self._error(error) from error

    def __enter__(self) -> "ScanJournal":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()
        if kind is None:
            self.path.unlink(missing_ok=True)

    def append(self, row: IndexRow) -> None:
        """Writes a row.

        Raises:
            EmoclrError: the disk is full, or gone.
        """
        try:
            self._file.write(json.dumps([os.fsdecode(row.path), *row[1:]]).encode("ascii") + b"\n")
        except OSError as error:
            raise self._error(error) from error

    def read(self) -> "pa.Table":
        """Returns the rows that an earlier scan left, the latest of a file first."""
        import pyarrow as pa

        tables, rows = [table_of([])], list[IndexRow]()
        with self.path.open("rb") as file:
            for line in file:
                row = _row_of(line)
                if row is not None:
                    rows.append(row)
                if len(rows) == _ROWS_AT_ONCE:
                    tables.append(table_of(rows[::-1]))
                    rows.clear()
        tables.append(table_of(rows[::-1]))
        return pa.concat_tables(tables[::-1])

    def _error(self, error: OSError) -> EmoclrError:
        return EmoclrError(f"{self.path}: cannot be written: {why_refused(error)}")


def _row_of(line: bytes) -> IndexRow | None:
    try:
        path, *others = parse_json(line)
        return IndexRow(os.fsencode(path), *others)
    except (ValueError, TypeError):
        return None
