"""Tables of numbers that a run leaves, one row a moment."""

import csv
import io
from pathlib import Path

from configs.files import write_text


def read_rows(path: Path) -> list[dict[str, float]]:
    """Returns the rows of a CSV of numbers, none where there is no such file."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as lines:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(lines)]


def write_rows(path: Path, rows: list[dict[str, float]]) -> None:
    """Writes rows as a CSV, atomically; a value that a row lacks is NaN."""
    text = io.StringIO(newline="")
    names = dict.fromkeys(name for row in rows for name in row)
    writer = csv.DictWriter(text, fieldnames=list(names), restval="nan", lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: f"{value:.6g}" for key, value in row.items()} for row in rows)
    write_text(path, text.getvalue())
