"""Text with a separator, as rows of cells: commas, semicolons or tabs, UTF-8, UTF-16 or Windows-1252."""

import codecs
import csv
import io
import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from emoclr.configs.files import cell_text
from emoclr.corpus.labels.tables.text_table import LabelsError

SEPARATORS = (",", ";", "\t")

WINDOWS = "cp1252"
REMARK = "read as Windows-1252, since it is no UTF-8"

_HEAD_CHARACTERS = 1 << 16
_HEAD_ROWS = 20
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_UTF_16 = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}

Rows = list[tuple[int, list[str]]]


def delimited_rows(path: Path, content: bytes) -> tuple[Rows, list[str]]:
    """Returns line and cells of each row, without blanks around them, and what was assumed of the file.

    The separator is the one that divides the first rows alike. `0,5` is 0.5, in quotes between commas; there `1,500`
    may be thousands and stays as it is. Marks of `text_cell` are taken away.

    Bytes that are no UTF-8 stay as they are in names of files that are there. With others the file is Windows-1252.

    Raises:
        LabelsError: the file is no text, or no CSV.
    """
    text = _decoded(content)
    rows = list(_rows(path, text))
    if _is_text(text) or _name_files(path, rows):
        return rows, []
    try:
        text = content.decode(WINDOWS)
    except UnicodeDecodeError:
        odd = next(line for line, cells in rows if not all(map(_is_text, cells)))
        raise LabelsError(path, "is neither UTF-8 nor Windows-1252 text", odd) from None
    return list(_rows(path, text)), [REMARK]


def _decoded(content: bytes) -> str:
    """Returns text; bytes that are no UTF-8 become surrogates."""
    encoding = _UTF_16.get(content[:2])
    if encoding is None:
        even, odd = content[0:1000:2], content[1:1000:2]
        for name, zeros, letters in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
            if zeros.count(0) > len(zeros) / 2 > letters.count(0):
                encoding = name
    if encoding:
        return content.decode(encoding, errors="replace")
    return content.decode("utf-8-sig", errors="surrogateescape")


def _rows(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    line = 1
    named = re.match(r'"?sep=(.)"?\r?\n', text)  # Excel's first line
    separator = named[1] if named else separator_of(text)
    if named:
        text, line = text[named.end() :], 2
    before = line - 1
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        for raw in reader:
            cells = [cell_text(cell.strip()) for cell in raw]
            yield line, [_with_point(cell, separator) for cell in cells]
            line = before + reader.line_num + 1
    except csv.Error as error:
        raise LabelsError(path, f"is no CSV: {error}", line) from error


def _with_point(cell: str, separator: str) -> str:
    """Returns a cell; a number with a decimal comma gets a point."""
    thousands = separator == "," and _THOUSANDS.fullmatch(cell)
    return cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell) and not thousands else cell


def separator_of(text: str) -> str:
    r"""Returns what separates the values: what divides the first rows alike, and the header into most columns.

    >>> separator_of("path;joy\nme, you.wav;0,5\n")
    ';'
    """

    def rating(separator: str) -> tuple[bool, int]:
        reader = csv.reader(io.StringIO(text[:_HEAD_CHARACTERS], newline=""), delimiter=separator)
        try:
            widths = [len(row) for row in islice(reader, _HEAD_ROWS) if row]
        except csv.Error:
            widths = []
        if len(text) > _HEAD_CHARACTERS:
            widths = widths[:-1] or widths  # the last row may be cut
        return len(set(widths)) == 1 and widths[0] > 1, widths[0] if widths else 0

    return max(SEPARATORS, key=rating)  # of equals the first


def _name_files(path: Path, rows: Rows) -> bool:
    """Returns whether all cells with bytes that are no UTF-8 name files."""
    folder = path.absolute().parent
    odd = (cell for _, cells in rows for cell in cells if not _is_text(cell))
    return all(os.path.lexists(folder / cell) for cell in odd)


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
