"""What a long command has found so far, on disk: where it is killed, the next one goes on there."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from emoclr.configs.errors import EmoclrError
from emoclr.configs.files import parse_json
from emoclr.configs.messages import why_refused


class Journal:
    """Rows as lines of JSON in `.NAME.partial` beside the file NAME that a command makes; gone once that is written.

    Lines are only ever appended: a kill costs what was being worked on, and a line that it tore is skipped.

    Examples:
        >>> import tempfile
        >>> out = Path(tempfile.mkdtemp()) / "index.csv"
        >>> with Journal(out) as journal:
        ...     journal.append(["a.wav", 1.5])
        ...     list(journal.rows())
        [['a.wav', 1.5]]
    """

    def __init__(self, out: Path) -> None:
        """Opens the journal beside `out`, a new one where there is none.

        Raises:
            EmoclrError: it cannot be written.
        """
        self.path = out.with_name(f".{out.name}.partial")
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("ab", buffering=0)
            if self._file.tell():
                self._file.write(b"\n")  # ends a line that was torn
        except OSError as error:
            raise self._error(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()
        if kind is None:
            self.path.unlink(missing_ok=True)

    def append(self, row: Sequence[Any]) -> None:
        """Writes a row.

        Raises:
            EmoclrError: the disk is full, or gone.
        """
        try:
            self._file.write(json.dumps(row).encode("ascii") + b"\n")
        except OSError as error:
            raise self._error(error) from error

    def rows(self) -> Iterator[list[Any]]:
        """Yields the rows that are there, the oldest first."""
        with self.path.open("rb") as file:
            for line in file:
                try:
                    row = parse_json(line)
                except ValueError:
                    continue
                if isinstance(row, list) and row:
                    yield row

    def _error(self, error: OSError) -> EmoclrError:
        return EmoclrError(f"{self.path}: cannot be written: {why_refused(error)}")
