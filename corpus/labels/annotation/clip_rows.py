"""The clips of a table as lines of another: what comes before and after their emotions."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emoclr.configs.files import csv_line, text_cell
from emoclr.corpus.labels.clip_names import portable_path
from emoclr.corpus.labels.emotion_names import LISTENERS
from emoclr.corpus.labels.label_table import LabelTable

CLIP = ("path", "start_s", "end_s")
DIVISIONS = ("split", "fold", "validation_fold")

Key = tuple[str, int, int]
Row = tuple[str, str]
"""What of a clip's line comes before its emotions, and what comes after."""


def clip_keys(table: LabelTable) -> list[Key]:
    """Returns what tells each clip from others: its recording, and its times in ms, -1 for the end."""
    ends = np.nan_to_num(table.end_s, nan=-1e-3)
    times = np.round(np.stack([table.start_s, ends]) * 1000).astype(np.int64)
    return [(str(path), int(start), int(end)) for path, start, end in zip(table.paths, *times, strict=True)]


def extra_cells(table: LabelTable, out: Path) -> dict[str, list[str]]:
    """Returns the columns of a table besides clips and emotions, as cells of `out`."""
    found: dict[str, list[str]] = {}
    if table.speakers is not None and any(table.speakers):
        named = zip(table.speakers, table.paths, strict=True)
        found["speaker"] = [name or _unknown_speaker(path, out) for name, path in named]
    for name in DIVISIONS:
        column = getattr(table, f"{name}s")
        if column is not None:
            found[name] = column
    if table.listeners is not None:
        found[LISTENERS] = [str(count) for count in table.listeners.tolist()]
    return found | table.groups


def clip_rows(table: LabelTable, out: Path, extra: Sequence[str]) -> list[Row]:
    """Returns the rows of a table as lines of `out`, whose columns after the emotions are `extra`."""
    cells = extra_cells(table, out)
    lacking = [name for name in extra if name not in cells]
    rows = []
    for row, path in enumerate(table.paths):
        otherwise = {name: _otherwise(name, path, out) for name in lacking}
        end_s = table.end_s[row]
        clip = [portable_path(path, out), f"{table.start_s[row]:.10g}", "" if np.isnan(end_s) else f"{end_s:.10g}"]
        rest = [text_cell(otherwise[name] if name in otherwise else cells[name][row]) for name in extra]
        rows.append((csv_line(clip).removesuffix("\n"), csv_line(rest).removesuffix("\n") if rest else ""))
    return rows


def joined_line(row: Row, shares: Sequence[str] = ()) -> str:
    """Returns the line of a clip.

    >>> joined_line(("a.wav,0,2", "anna"), ["0", "1"])
    'a.wav,0,2,0,1,anna\\n'
    """
    return ",".join([row[0], *shares, *([row[1]] if row[1] else [])]) + "\n"


def _unknown_speaker(path: Path, out: Path) -> str:
    """Returns a name for the unknown voice of a recording: each counts as a voice of its own."""
    return f"unknown in {portable_path(path, out)}"


def _otherwise(name: str, path: Path, out: Path) -> str:
    """Returns what stands in a column that a clip's own table lacks."""
    if name == "speaker":
        return _unknown_speaker(path, out)
    return "1" if name == LISTENERS else "unknown"
