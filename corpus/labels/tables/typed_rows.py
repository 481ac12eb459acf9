"""Workbooks, Parquet and lines of JSON, as rows of text."""

import io
import json
from collections.abc import Iterable, Iterator
from datetime import time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from emoclr.configs.files import parse_json
from emoclr.corpus.labels.tables.text_table import LabelsError

if TYPE_CHECKING:
    import pyarrow as pa

_PANDAS_INDEX = "__index_level_"
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}

Rows = Iterator[tuple[int, list[str]]]


def workbook_rows(path: Path, content: bytes) -> Rows:
    """Yields the rows of a workbook's first sheet (xlsx, xls, ods), with their numbers in it.

    Raises:
        LabelsError: it cannot be read.
    """
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0)
        cells = sheet.to_python(skip_empty_area=False)
    except (CalamineError, OSError, ValueError, IndexError) as error:
        raise LabelsError(path, f"cannot be read as a workbook: {error}") from error
    for row, values in enumerate(cells, start=1):
        yield row, [_text(value) for value in values]


def parquet_rows(path: Path, content: bytes) -> Rows:
    """Yields the column names of a Parquet file as row 0, and its rows from 1.

    Raises:
        LabelsError: it cannot be read.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.read_table(pa.BufferReader(content))
        names = [name for name in table.column_names if not name.startswith(_PANDAS_INDEX)]
        columns = [_texts(table[name]) for name in names]
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise LabelsError(path, f"cannot be read as Parquet: {error}") from error
    yield 0, names
    for row, values in enumerate(zip(*columns, strict=True), start=1):
        yield row, list(values)


def json_rows(path: Path, text: str) -> Rows:
    """Yields the keys of all lines of JSON as row 0, and the values of each with its line.

    Raises:
        LabelsError: a line is no JSON object.
    """
    found: list[tuple[int, dict[str, object]]] = []
    for line, written in enumerate(text.split("\n"), start=1):
        if not written.strip():
            continue
        try:
            row = parse_json(written)
        except ValueError as error:
            raise LabelsError(path, f"is no JSON: {error}", line) from error
        if not isinstance(row, dict):
            raise LabelsError(path, 'is no JSON object, such as {"path": "a.wav", "joy": 1}', line)
        found.append((line, row))
    names = list(dict.fromkeys(name for _, row in found for name in row))
    yield 0, names
    for line, row in found:
        yield line, [_text(row.get(name)) for name in names]


def _texts(column: "pa.ChunkedArray") -> Iterable[str]:
    """Returns the cells of a column as text; durations in seconds."""
    import pyarrow as pa
    from pyarrow import types

    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if types.is_duration(column.type):
        per_second = _PER_SECOND[column.type.unit]
        ticks = column.cast(pa.int64()).to_pylist()
        return ["" if tick is None else f"{tick / per_second!r}" for tick in ticks]
    if types.is_temporal(column.type):
        column = column.cast(pa.string())
    return [_text(value) for value in column.to_pylist()]


def _text(value: object) -> str:
    """Returns a cell as text: nothing for what is missing, names of a list with `;` between them, times in seconds."""
    if value is None or value != value:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bytes):
        return value.decode(errors="surrogateescape")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, timedelta):
        return repr(value.total_seconds())
    if isinstance(value, time):
        return value.isoformat()
    if isinstance(value, list):
        return ";".join(map(_text, value))
    if isinstance(value, dict):
        return json.dumps(value)
    return str(value)
