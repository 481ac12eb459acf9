"""Where clips begin and end in their recordings, from the columns that say it in one way or another."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from emoclr.corpus.labels.tables.cells import seconds
from emoclr.corpus.labels.tables.column_names import Role, duration_column, tokens, unit_of
from emoclr.corpus.labels.tables.text_table import LabelsError, TextTable

Times = NDArray[np.float64]

_FILE_OFFSET = ["file", "offset"]
"""Raven's start in the file; its begin and end times count from the first of several files."""


def time_columns(table: TextTable, roles: Mapping[Role, str]) -> dict[str, str]:
    """Returns the columns that tell times, by what they tell: `start`, `end`, `duration` and `file offset`.

    A duration counts where there is a start and no end.
    """
    found = {role: roles[role] for role in ("start", "end") if role in roles}
    if "start" in found and "end" not in found:
        duration = duration_column(table.columns)
        if duration is not None and duration not in roles.values():
            found["duration"] = duration
    offset = next((name for name in table.columns if tokens(name)[:2] == _FILE_OFFSET), None)
    if {"start", "end"} <= found.keys() and offset is not None:
        found["file offset"] = offset
    return found


def clip_times(table: TextTable, roles: Mapping[Role, str]) -> tuple[Times, Times]:
    """Returns start and end of each clip in s, `(clips,)` each; an end of NaN is that of the recording.

    Raises:
        LabelsError: a cell is no time, or a clip does not end after its start.
    """
    columns = time_columns(table, roles)
    times = {what: _times(table, name) for what, name in columns.items()}
    nowhere = np.full(len(table.lines), np.nan)
    start_s = np.nan_to_num(times.get("start", nowhere))
    end_s = times.get("end", nowhere)
    if "duration" in times:
        end_s = start_s + times["duration"]
    if "file offset" in times:
        start_s, end_s = times["file offset"], times["file offset"] + (end_s - start_s)
    for wrong in np.flatnonzero(end_s <= start_s):
        raise table.error(
            int(wrong),
            columns.get("end") or columns["duration"],
            f"the clip ends at {end_s[wrong]:g} s, not after its start at {start_s[wrong]:g} s",
        )
    return start_s, end_s


def _times(table: TextTable, column: str) -> Times:
    """Returns a column in s, NaN where a cell is empty."""
    unit_s = unit_of(column)
    if unit_s is None:
        raise LabelsError(table.path, "counts samples or frames; times are read in seconds or ms", column=column)
    found = np.full(len(table.lines), np.nan)
    for row, cell in enumerate(table.columns[column]):
        time_s = seconds(cell, unit_s)
        if time_s is None:
            raise table.error(row, column, f"{cell!r} is not a time in seconds, 0 or more")
        found[row] = time_s
    return found
