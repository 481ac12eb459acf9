"""Any table file as columns of text, by what is in it."""

import gzip
import zlib
from pathlib import Path

from emoclr.configs.errors import ConfigError
from emoclr.corpus.labels.tables.delimited_text import delimited_rows
from emoclr.corpus.labels.tables.label_track import is_label_track, label_track_rows
from emoclr.corpus.labels.tables.text_table import LabelsError, TextTable, table_of_rows
from emoclr.corpus.labels.tables.typed_rows import json_rows, parquet_rows, workbook_rows

_GZIP = b"\x1f\x8b"
_PARQUET = b"PAR1"
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


def read_table(path: Path) -> TextTable:
    """Returns the cells of a table, without the blanks around them; empty rows are skipped.

    Its form is told by its content: a workbook, Parquet, lines of JSON, or text with commas, semicolons or tabs between
    the values; each of them also in gzip. Text of times and words without a header is a label track of Audacity.

    Raises:
        ConfigError: there is no such file.
        LabelsError: the file cannot be read, has no header, two columns of one name, a row with too few or too many
            values, or no row at all.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file") from error
    except OSError as error:
        raise LabelsError(path, f"cannot be read: {error.strerror or error}") from error
    if content.startswith(_GZIP):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise LabelsError(path, f"cannot be read as gzip: {error}") from error
    if content.startswith(_PARQUET):
        return table_of_rows(path, parquet_rows(path, content))
    if content.startswith(_WORKBOOKS):
        return table_of_rows(path, workbook_rows(path, content))
    if content.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{"):
        return table_of_rows(path, json_rows(path, content.decode("utf-8-sig", errors="replace")))
    rows, remarks = delimited_rows(path, content)
    return table_of_rows(path, label_track_rows(path, rows) if is_label_track(rows) else rows, remarks)
