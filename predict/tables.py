"""Predictions as CSV or JSON lines, and the table of what could not be read."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from emoclr.configs.files import path_cell, text_cell, write_text
from emoclr.corpus.decoded.waveforms import Failure
from emoclr.predict.run import PredictionRow, Predictions

Format = Literal["csv", "jsonl"]


def errors_path(out: Path) -> Path:
    """Returns where the table of errors of `out` goes: `predictions.csv` has `predictions.errors.csv`."""
    return out.with_name(f"{out.stem}.errors.csv")


def write_predictions(predictions: Predictions, out: Path, form: Format) -> None:
    """Writes predictions atomically, a line a row, and the table of unreadable recordings beside them.

    CSV columns are `path, start_s, end_s`, one probability an emotion, and `emotions`, joined by `;`. JSON lines hold
    the same keys, `emotions` as a list.

    Examples:
        >>> import tempfile
        >>> import numpy as np
        >>> row = PredictionRow(Path("a.wav"), 0.0, 2.5, np.array([0.9, 0.1]), ["joy"])
        >>> out = Path(tempfile.mkdtemp()) / "predictions.csv"
        >>> write_predictions(Predictions(["joy", "fear"], [row], failures=[]), out, "csv")
        >>> print(out.read_text(), end="")
        path,start_s,end_s,joy,fear,emotions
        a.wav,0.000,2.500,0.9000,0.1000,joy
    """
    lines = _csv(predictions) if form == "csv" else _jsonl(predictions.rows, predictions.emotions)
    write_text(out, lines)
    errors = errors_path(out)
    if predictions.failures:
        write_text(errors, _errors(predictions.failures))
    else:
        errors.unlink(missing_ok=True)


def _csv(predictions: Predictions) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "start_s", "end_s", *predictions.emotions, "emotions"])
    for row in predictions.rows:
        probabilities = [f"{value:.4f}" for value in row.probabilities]
        times = [f"{row.start_s:.3f}", f"{row.end_s:.3f}"]
        writer.writerow([path_cell(row.path), *times, *probabilities, ";".join(row.emotions)])
    return text.getvalue()


def _jsonl(rows: Sequence[PredictionRow], emotions: Sequence[str]) -> str:
    lines = []
    for row in rows:
        probabilities = {name: round(float(p), 4) for name, p in zip(emotions, row.probabilities, strict=True)}
        times = {"start_s": round(row.start_s, 3), "end_s": round(row.end_s, 3)}
        values = {"path": str(row.path), **times, **probabilities, "emotions": row.emotions}
        lines.append(json.dumps(values, ensure_ascii=False) + "\n")
    return "".join(lines)


def _errors(failures: Sequence[Failure]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "reason"])
    writer.writerows([path_cell(failure.path), text_cell(failure.reason)] for failure in failures)
    return text.getvalue()
