"""The index that a scan leaves: one row a recording, in Arrow columns, stored as Parquet or CSV."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.configs.files import FORMULA_SIGNS, write_atomically

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS_AT_ONCE = 1 << 16
_MAX_HEADER_BYTES = 1 << 16
_EXACT_NAME = "path_bytes"
"""Parquet's column for the names that are no UTF-8, which a column of text cannot hold; null for all others."""


_FORMULA = f"^'*(?:{'|'.join(map(re.escape, FORMULA_SIGNS))})"
"""At the beginning of a name; of bytes, of which a sign may take several."""


class IndexRow(NamedTuple):
    """What a scan knows of a recording, in the order of the index's columns; None where it could not tell.

    Attributes:
        path: absolute, as the bytes of the file system.
        size: bytes.
        modified: time of change, nanoseconds.
        fingerprint: BLAKE2b of the bytes, 32 hexadecimal digits.
        duration_s: of what was decoded, whatever the header says.
        sample_rate: Hz, of the file.
        channels: of the file.
        rms_db: dBFS, mono at 16 kHz; minus infinity for digital silence (0 in 16 bits).
        peak_db: dBFS, of the same.
        status: "ok", "partial" (a part of it cannot be decoded) or "set aside".
        reason: why it was set aside, or what is missing.
    """

    path: bytes
    size: int | None
    modified: int | None
    fingerprint: str | None
    duration_s: float | None
    sample_rate: int | None
    channels: int | None
    rms_db: float | None
    peak_db: float | None
    status: str
    reason: str


def is_index(path: Path) -> bool:
    """Returns whether a file is an index, by its columns; a damaged `.parquet` is taken for one."""
    path = Path(path)
    if path.suffix.lower() == ".parquet":
        return path.is_file() and _has_index_columns(path)
    try:
        return _csv_header(path) == _CSV_HEADER
    except OSError:
        return False


def table_of(rows: Sequence[IndexRow]) -> "pa.Table":
    """Returns rows as a table with the columns of the index."""
    import pyarrow as pa

    columns = zip(*rows, strict=True) if rows else [()] * len(IndexRow._fields)
    return pa.table([pa.array(cells, field.type) for cells, field in zip(columns, _schema(), strict=True)], _schema())


def read_index_table(path: Path, columns: Sequence[str] | None = None) -> "pa.Table":
    """Returns an index in Arrow's columns, which hold a million rows without a million Python strings.

    Args:
        path: of a `.parquet` or `.csv` that `write_index` wrote.
        columns: names of those to read, in the order of `IndexRow`; None for all. Of `path` come absolute paths, as
            the bytes of the file system (`large_binary`).

    Raises:
        ConfigError: the file does not exist.
        EmoclrError: it cannot be read, or is no index.
    """
    import pyarrow as pa

    return pa.Table.from_batches(list(index_batches(path, columns)), _schema_of(columns))


def index_batches(path: Path, columns: Sequence[str] | None = None) -> Iterator["pa.RecordBatch"]:
    """Yields an index piece by piece; see `read_index_table`."""
    import pyarrow as pa

    path = Path(path)
    folder = os.fsencode(path.absolute().parent)
    read = _parquet_batches if path.suffix.lower() == ".parquet" else _csv_batches
    try:
        for batch in read(path, _schema_of(columns)):
            yield _with_folder(batch, folder)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file") from error
    except KeyError as error:
        raise EmoclrError(f"{path}: is no index of `corpus scan`: it has no column {error}") from error
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise EmoclrError(f"{path}: cannot be read as an index: {str(error).splitlines()[0]}") from error


def write_index(path: Path, table: "pa.Table") -> None:
    """Writes an index, atomically, as CSV where `path` ends so, else as Parquet.

    A path is written relative to the index's folder where the recording lies below it, so that both can move.
    A name of any bytes comes back as it was. CSV holds it as it is, in quotes where it holds a line break;
    in Parquet, whose text has to be UTF-8, `path_bytes` holds the names that are not, and `path` shows
    their odd bytes as `\\xff`.

    Args:
        path: where the index goes.
        table: with absolute paths, as `read_index_table` returns it.

    Raises:
        EmoclrError: the file cannot be written.
    """
    folder = os.fsencode(Path(path).absolute().parent)
    batches = (_without_folder(batch, folder) for batch in table.to_batches(_ROWS_AT_ONCE))
    write = _write_csv if Path(path).suffix.lower() == ".csv" else _write_parquet
    write_atomically(path, lambda temporary: write(temporary, batches))


def _schema() -> "pa.Schema":
    import pyarrow as pa

    types = [pa.large_binary(), pa.int64(), pa.int64(), pa.string(), pa.float64(), pa.int32(), pa.int32()]
    types += [pa.float32(), pa.float32(), pa.string(), pa.string()]
    return pa.schema(list(zip(IndexRow._fields, types, strict=True)))


def _schema_of(columns: Sequence[str] | None) -> "pa.Schema":
    import pyarrow as pa

    return _schema() if columns is None else pa.schema([_schema().field(name) for name in columns])


def _parquet_batches(path: Path, schema: "pa.Schema") -> Iterator["pa.RecordBatch"]:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        _require(schema, file.schema_arrow.names)
        exact = [_EXACT_NAME] if "path" in schema.names and _EXACT_NAME in file.schema_arrow.names else []
        for batch in file.iter_batches(_ROWS_AT_ONCE, columns=[*schema.names, *exact]):
            columns = [batch.column(field.name).cast(field.type) for field in schema]
            if exact:
                named = batch.column(_EXACT_NAME).cast(pa.large_binary())
                columns[schema.names.index("path")] = pc.coalesce(named, columns[schema.names.index("path")])
            yield pa.record_batch(columns, schema)


def _csv_batches(path: Path, schema: "pa.Schema") -> Iterator["pa.RecordBatch"]:
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv

    _require(schema, _csv_header(path).decode("utf-8", "replace").split(","))
    parsing = csv.ParseOptions(newlines_in_values=True)
    types = {field.name: field.type for field in _schema()}
    converting = csv.ConvertOptions(column_types=types, include_columns=schema.names)
    with csv.open_csv(path, parse_options=parsing, convert_options=converting) as reader:
        for batch in reader:
            if "fingerprint" in schema.names:
                cells, place = batch.column("fingerprint"), schema.names.index("fingerprint")
                known = pc.if_else(pc.equal(cells, ""), pa.scalar(None, pa.string()), cells)
                batch = batch.set_column(place, schema.field(place), known)
            yield batch


def _csv_header(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.readline(_MAX_HEADER_BYTES).rstrip(b"\r\n")


def _has_index_columns(path: Path) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return set(IndexRow._fields) <= set(pq.read_schema(path).names)
    except (OSError, pa.ArrowException, UnicodeDecodeError):
        return True


def _require(schema: "pa.Schema", names: Sequence[str]) -> None:
    for name in schema.names:
        if name not in names:
            raise KeyError(name)


_CSV_HEADER = ",".join(IndexRow._fields).encode()


def _write_parquet(path: Path, batches: Iterable["pa.RecordBatch"]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields = [field.with_type(pa.string()) if field.name == "path" else field for field in _schema()]
    schema = pa.schema([*fields, pa.field(_EXACT_NAME, pa.binary())])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in batches:
            text, exact = _text_of(batch.column("path"))
            writer.write_batch(pa.record_batch([text, *batch.columns[1:], exact], schema))


def _text_of(names: "pa.Array") -> tuple["pa.Array", "pa.Array"]:
    """Returns names as text, and the exact bytes of those that text cannot hold."""
    import pyarrow as pa

    try:
        return names.cast(pa.string()), pa.nulls(len(names), pa.binary())
    except pa.ArrowInvalid:
        exact = names.to_pylist()
        text = [name.decode("utf-8", "backslashreplace") for name in exact]
        odd = [None if shown.encode() == name else name for shown, name in zip(text, exact, strict=True)]
        return pa.array(text, pa.string()), pa.array(odd, pa.binary())


def _write_csv(path: Path, batches: Iterable["pa.RecordBatch"]) -> None:
    # Arrow's own writer refuses names that are no UTF-8, Python's leaves a carriage return outside of quotes.
    import pyarrow as pa
    import pyarrow.compute as pc

    with path.open("wb") as file:
        file.write(_CSV_HEADER + b"\n")
        for batch in batches:
            lines = pc.binary_join_element_wise(*map(_csv_cells, batch.columns), _binary(b","))
            file.writelines(line + b"\n" for line in lines.cast(pa.large_binary()).to_pylist())


def _csv_cells(column: "pa.Array") -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.type != pa.large_binary():
        column = column.cast(pa.large_string()).cast(pa.large_binary())
    cells = pc.fill_null(column, b"")
    quoted = pc.replace_substring(cells, b'"', b'""')
    quoted = pc.binary_join_element_wise(_binary(b'"'), quoted, _binary(b'"'), _binary(b""))
    return pc.if_else(pc.match_substring_regex(cells, '[",;\t\r\n]'), quoted, cells)


def _with_folder(batch: "pa.RecordBatch", folder: bytes) -> "pa.RecordBatch":
    import pyarrow.compute as pc

    if "path" not in batch.schema.names:
        return batch
    names = batch.column("path")
    plain = pc.replace_substring_regex(names, r"^\./", "")
    joined = pc.binary_join_element_wise(_binary(folder.rstrip(b"/")), plain, _binary(b"/"))
    return batch.set_column(
        batch.schema.names.index("path"),
        batch.schema.field("path"),
        pc.if_else(pc.starts_with(names, b"/"), names, joined),
    )


def _without_folder(batch: "pa.RecordBatch", folder: bytes) -> "pa.RecordBatch":
    import pyarrow.compute as pc

    below = folder.rstrip(b"/") + b"/"
    names = batch.column("path")
    short = pc.replace_substring(names, below, b"", max_replacements=1)
    # As `path_cell` does it.
    marked = pc.binary_join_element_wise(_binary(b"./"), short, _binary(b""))
    short = pc.if_else(pc.match_substring_regex(short, _FORMULA), marked, short)
    return batch.set_column(0, batch.schema.field("path"), pc.if_else(pc.starts_with(names, below), short, names))


def _binary(value: bytes) -> "pa.Scalar":
    import numpy as np
    import pyarrow as pa

    # pa.scalar imports pandas, which takes half a second.
    bounds = pa.py_buffer(np.array([0, len(value)], dtype=np.int64))
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), 1, [None, bounds, pa.py_buffer(value)])[0]
