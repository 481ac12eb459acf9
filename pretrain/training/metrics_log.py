"""Tables of numbers that a run leaves, one row a moment."""

import csv
import io
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from emoclr.configs.files import append_text, write_text

METRICS = "metrics.csv"
RECENT = 16
"""Rows that stay in memory of a log."""

Row = dict[str, float]


class RowLog:
    """A CSV of numbers that grows by one row at a time; the thousandth costs no more than the first.

    Rows are not flushed to disk one by one, which may take longer than a training step: a power cut can take the last.

    Attributes:
        recent: the latest rows, the newest last.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.recent: deque[Row] = deque(maxlen=RECENT)
        self._names: list[str] = []
        self._size = 0

    def take_over(self, step: int) -> None:
        """Goes on after the rows of a run up to `step`; those behind it are of steps that are trained once more."""
        rows = [row for row in read_rows(self.path) if row["step"] <= step]
        self._rewrite(rows)

    def append(self, row: Row) -> None:
        """Adds a row, at first in place of a file that is there; a column that is new is NaN in the rows before.

        Where somebody else has changed the file, what can be read of it is kept, or else what is `recent`.
        """
        untouched = self.path.is_file() and self.path.stat().st_size == self._size
        if self._names and untouched and row.keys() <= set(self._names):
            append_text(self.path, _lines(self._names, [row]))
            self.recent.append(row)
            self._size = self.path.stat().st_size
        else:
            self._rewrite([*((read_rows(self.path) or self.recent) if self._names else []), row])

    def _rewrite(self, rows: Sequence[Row]) -> None:
        self._names = _names(rows)
        self.recent.clear()
        self.recent.extend(rows)
        write_rows(self.path, rows)
        self._size = self.path.stat().st_size


def read_rows(path: Path) -> list[Row]:
    """Returns the rows of a CSV of numbers with a `step`, none where there is no such file.

    A row that is half written, or damaged, is left out: what it told is no part of what was learned.
    """
    if not path.is_file():
        return []
    rows = []
    with path.open(encoding="utf-8", errors="replace", newline="") as lines:
        whole = (line for line in lines if line.endswith("\n"))
        for row in csv.DictReader(whole):
            try:
                rows.append({key: float(value) for key, value in row.items()})
            except (TypeError, ValueError):  # too short, too long, or no number
                continue
    return [row for row in rows if "step" in row]


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Writes rows as a CSV, atomically; a value that a row lacks is NaN."""
    names = _names(rows)
    write_text(path, ",".join(names) + "\n" + _lines(names, rows))


def _names(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _lines(names: Sequence[str], rows: Sequence[Row]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=names, restval="nan", lineterminator="\n")
    writer.writerows({key: _told(value) for key, value in row.items()} for row in rows)
    return text.getvalue()


def _told(value: float) -> str:
    """Returns a number in six digits, a whole one in all of them: steps go into millions."""
    return str(int(value)) if float(value).is_integer() else f"{value:.6g}"
