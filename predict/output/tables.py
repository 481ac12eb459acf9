"""Predictions as CSV, JSON lines or Parquet, and the table of what could not be read as it is."""

import itertools
import json
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from emoclr.configs.files import csv_line, path_cell, text_cell, write_atomically, write_text
from emoclr.corpus.labels.emotion_names import SHARE
from emoclr.evaluate.report.sentence import CAUTIONS
from emoclr.finetune.model.checkpoint import EnsembleCard
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
from emoclr.predict.run import Predictions
from emoclr.predict.stream.remarks import Remark
from emoclr.predict.stream.rows import Row, RowKind
from emoclr.predict.stream.segments import Segment

LineForm = Literal["csv", "jsonl"]

_ROWS_AT_ONCE = 1 << 14


def write_predictions(predictions: Predictions, out: Path) -> None:
    """Writes predictions atomically, in the form that the ending of `out` names, and the table of errors beside them.

    CSV columns are those of `Columns`, `emotions` joined by `;`. JSON lines and Parquet hold the same, `emotions` as a
    list.

    Raises:
        ConfigError: the ending is none of `.csv`, `.jsonl`, `.parquet`.

    Examples:
        >>> import tempfile
        >>> import numpy as np
        >>> from emoclr.predict.stream.rows import PredictionRow
        >>> row = PredictionRow(Path("a.wav"), 0.0, 2.5, np.array([0.9, 0.1]), ["joy"])
        >>> out = Path(tempfile.mkdtemp()) / "predictions.csv"
        >>> write_predictions(Predictions(["joy", "fear"], [row], kind="window"), out)
        >>> print(out.read_text(), end="")
        path,start_s,end_s,voice,joy,fear,emotions
        a.wav,0.000,2.500,1.0000,0.9000,0.1000,joy
    """
    columns = Columns(predictions.emotions, predictions.kind, cautions=predictions.cautions)
    write_rows([predictions.rows], columns, out)
    write_errors(predictions.remarks, out)


def line_form(form: Form) -> LineForm:
    """Returns the form in which rows of a table are kept as they come; Parquet is made of JSON lines at the end."""
    return "jsonl" if form == "parquet" else form


@dataclass(frozen=True)
class Columns:
    """The columns of a table of predictions.

    Attributes:
        emotions: the names of all probabilities.
        kind: what a row is of.
        channel: whether each channel is heard alone.
        cautions: what forbids conclusions from the ensemble's answers; every row tells it, in a last column that is
            there only where something does, so that rows that are passed on still say it.

    Examples:
        >>> Columns(["joy"], "recording").names
        ['path', 'start_s', 'end_s', 'voice', 'joy', 'joy_share', 'emotions']
        >>> Columns(["joy"], "segment", channel=True).names
        ['path', 'start_s', 'end_s', 'channel', 'emotion', 'probability']
        >>> Columns(["joy"], "segment", cautions=["Synthetic."]).names
        ['path', 'start_s', 'end_s', 'emotion', 'probability', 'cautions']
    """

    emotions: Sequence[str]
    kind: RowKind
    channel: bool = False
    cautions: Sequence[str] = ()

    @classmethod
    def of(cls, card: EnsembleCard, kind: RowKind, *, channel: bool = False) -> "Columns":
        """Returns the columns of an ensemble's answers."""
        return cls(card.emotions, kind, channel, card.cautions)

    @property
    def names(self) -> list[str]:
        """All of them."""
        rest = ["emotion"] if self.kind == "segment" else ["voice", *self.emotions, *self._shares]
        last = [LAST_COLUMN[self.kind], *([CAUTIONS] if self.cautions else [])]
        return [*FIRST_COLUMNS, *(["channel"] if self.channel else []), *rest, *last]

    @property
    def _shares(self) -> list[str]:
        return [SHARE.format(name) for name in self.emotions] if self.kind == "recording" else []

    def values(self, row: Row) -> dict[str, Any]:
        """Returns what a row holds; NaN for a probability where nobody speaks."""
        values: dict[str, Any] = {"path": str(row.path), "start_s": row.start_s, "end_s": row.end_s}
        if self.channel:
            values["channel"] = row.channel
        if isinstance(row, Segment):
            return {**values, "emotion": row.emotion, "probability": row.probability, **self._told}
        values["voice"] = row.voice
        values.update(zip(self.emotions, row.probabilities.tolist(), strict=True))
        if row.shares is not None:
            values.update(zip(self._shares, row.shares.tolist(), strict=True))
        return {**values, "emotions": row.emotions, **self._told}

    @property
    def _told(self) -> dict[str, str]:
        return {CAUTIONS: " ".join(self.cautions)} if self.cautions else {}


def head(columns: Columns, form: LineForm) -> str:
    """Returns what comes before the first row."""
    return csv_line(columns.names) if form == "csv" else ""


def as_lines(rows: Iterable[Row], columns: Columns, form: LineForm) -> str:
    """Returns rows as lines of text."""
    write = _csv_line if form == "csv" else _json_line
    return "".join(write({name: _rounded(name, value) for name, value in columns.values(row).items()}) for row in rows)


def write_rows(rows: Iterable[Sequence[Row]], columns: Columns, out: Path) -> None:
    """Writes rows that come some at a time, atomically, in the form that the ending of `out` names."""
    form = form_of(out)
    lines = (as_lines(some, columns, line_form(form)).encode(errors="surrogateescape") for some in rows)
    if form == "parquet":
        write_parquet((line for block in lines for line in block.splitlines()), columns, out)
        return

    def write(path: Path) -> None:
        with path.open("wb") as file:
            file.write(head(columns, line_form(form)).encode())
            file.writelines(lines)

    write_atomically(out, write)


def write_parquet(lines: Iterable[bytes], columns: Columns, out: Path) -> None:
    """Writes a Parquet file of JSON lines, atomically, some thousand rows at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"channel": pa.int64(), "emotions": pa.list_(pa.string())}
    kinds |= dict.fromkeys(("path", "emotion", CAUTIONS), pa.string())
    schema = pa.schema([(name, kinds.get(name, pa.float64())) for name in columns.names])
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


def _rounded(name: str, value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return None if math.isnan(value) else round(value, 3 if name in FIRST_COLUMNS else 4)


def _csv_line(cells: dict[str, Any]) -> str:
    return csv_line(_cell(name, value) for name, value in cells.items())


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3f}" if name in FIRST_COLUMNS else f"{value:.4f}"
    if name in ("path", CAUTIONS):
        return path_cell(value) if name == "path" else text_cell(value)
    return ";".join(value) if isinstance(value, list) else str(value)


def _json_line(cells: dict[str, Any]) -> str:
    return json.dumps(cells, ensure_ascii=False) + "\n"


def _parsed(line: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(line.decode(errors="surrogateescape"))
    # Parquet holds UTF-8 alone, which the name of a file may not be.
    found["path"] = os.fsencode(found["path"]).decode(errors="backslashreplace")
    return found
