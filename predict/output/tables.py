"""Predictions as CSV, JSON lines or Parquet, and the table of what could not be read as it is."""

import itertools
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from emoclr.configs.files import csv_line, path_cell, text_cell, write_atomically, write_text
from emoclr.predict.output.out_path import (
    ERROR_COLUMNS,
    FIRST_COLUMNS,
    LAST_COLUMN,
    Form,
    check_ours,
    errors_path,
    form_of,
    is_errors_table,
)
from emoclr.predict.remarks import Remark
from emoclr.predict.run import PredictionRow, Predictions

LineForm = Literal["csv", "jsonl"]

_ROWS_AT_ONCE = 1 << 14


def write_predictions(predictions: Predictions, out: Path) -> None:
    """Writes predictions atomically, in the form that the ending of `out` names, and the table of errors beside them.

    CSV columns are `path, start_s, end_s`, one probability an emotion, and `emotions`, joined by `;`. JSON lines and
    Parquet hold the same, `emotions` as a list.

    Raises:
        ConfigError: the ending is none of `.csv`, `.jsonl`, `.parquet`.

    Examples:
        >>> import tempfile
        >>> import numpy as np
        >>> row = PredictionRow(Path("a.wav"), 0.0, 2.5, np.array([0.9, 0.1]), ["joy"])
        >>> out = Path(tempfile.mkdtemp()) / "predictions.csv"
        >>> write_predictions(Predictions(["joy", "fear"], [row]), out)
        >>> print(out.read_text(), end="")
        path,start_s,end_s,joy,fear,emotions
        a.wav,0.000,2.500,0.9000,0.1000,joy
    """
    write_rows([predictions.rows], predictions.emotions, out)
    write_errors(predictions.remarks, out)


def line_form(form: Form) -> LineForm:
    """Returns the form in which rows of a table are kept as they come; Parquet is made of JSON lines at the end."""
    return "jsonl" if form == "parquet" else form


def head(emotions: Sequence[str], form: LineForm) -> str:
    """Returns what comes before the first row."""
    return csv_line([*FIRST_COLUMNS, *emotions, LAST_COLUMN]) if form == "csv" else ""


def as_lines(rows: Iterable[PredictionRow], emotions: Sequence[str], form: LineForm) -> str:
    """Returns rows as lines of text."""
    return "".join(_csv_line(row) if form == "csv" else _json_line(row, emotions) for row in rows)


def write_rows(rows: Iterable[Sequence[PredictionRow]], emotions: Sequence[str], out: Path) -> None:
    """Writes rows that come some at a time, atomically, in the form that the ending of `out` names."""
    form = form_of(out)
    lines = (as_lines(some, emotions, line_form(form)).encode(errors="surrogateescape") for some in rows)
    if form == "parquet":
        write_parquet((line for block in lines for line in block.splitlines()), emotions, out)
        return

    def write(path: Path) -> None:
        with path.open("wb") as file:
            file.write(head(emotions, line_form(form)).encode())
            file.writelines(lines)

    write_atomically(out, write)


def write_parquet(lines: Iterable[bytes], emotions: Sequence[str], out: Path) -> None:
    """Writes a Parquet file of JSON lines, atomically, some thousand rows at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    numbers = [(name, pa.float64()) for name in (*FIRST_COLUMNS[1:], *emotions)]
    schema = pa.schema([("path", pa.string()), *numbers, (LAST_COLUMN, pa.list_(pa.string()))])
    rows = (_parsed(line) for line in lines)

    def write(path: Path) -> None:
        with pq.ParquetWriter(path, schema) as writer:
            while some := list(itertools.islice(rows, _ROWS_AT_ONCE)):
                writer.write_table(pa.Table.from_pylist(some, schema))

    write_atomically(out, write)


def write_errors(remarks: Sequence[Remark], out: Path) -> None:
    """Writes the table of recordings that could not be read, or not whole, or hold no sound.

    Where there are none, one of an earlier run goes away. A note is no error, and is left out.

    Raises:
        ConfigError: there is a file of that name which `predict` did not write.
    """
    path = errors_path(out)
    lines = [
        csv_line([path_cell(remark.path), text_cell(remark.reason), remark.status])
        for remark in remarks
        if remark.status != "note"
    ]
    if lines:
        check_ours(path, is_errors_table)
        write_text(path, csv_line(ERROR_COLUMNS) + "".join(lines))
    elif is_errors_table(path):
        path.unlink()


def _csv_line(row: PredictionRow) -> str:
    probabilities = [f"{value:.4f}" for value in row.probabilities]
    times = [f"{row.start_s:.3f}", f"{row.end_s:.3f}"]
    return csv_line([path_cell(row.path), *times, *probabilities, ";".join(row.emotions)])


def _json_line(row: PredictionRow, emotions: Sequence[str]) -> str:
    probabilities = {name: round(float(p), 4) for name, p in zip(emotions, row.probabilities, strict=True)}
    times = {"start_s": round(row.start_s, 3), "end_s": round(row.end_s, 3)}
    values = {"path": str(row.path), **times, **probabilities, LAST_COLUMN: row.emotions}
    return json.dumps(values, ensure_ascii=False) + "\n"


def _parsed(line: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(line.decode(errors="surrogateescape"))
    # Parquet holds UTF-8 alone, which the name of a file may not be.
    found["path"] = os.fsencode(found["path"]).decode(errors="backslashreplace")
    return found
