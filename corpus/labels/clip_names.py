"""How a clip of a labels.csv is called: in a message, and in the columns of a table."""

from pathlib import Path

import numpy as np

from emoclr.configs.files import path_cell
from emoclr.configs.messages import readable
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.evaluate.report.predictions_csv import ClipName, ScoredClips


def portable_path(recording: Path, csv_path: Path) -> str:
    """Returns how a CSV names a recording: relative where it lies below the CSV's folder, else absolute.

    No spreadsheet takes it for a formula; see `path_cell`.
    """
    absolute, folder = Path(recording).absolute(), Path(csv_path).absolute().parent
    return path_cell(absolute.relative_to(folder) if absolute.is_relative_to(folder) else absolute)


def clip_name(table: LabelTable, row: int) -> str:
    """Returns how a message names a clip: its path as the CSV has it, and its part of the recording.

    Bytes that are no UTF-8 and line ends are spelled out: a message is text, and a clip one line of it.
    """
    name = readable(portable_path(Path(table.paths[row]), table.source))
    start_s, end_s = table.start_s[row], table.end_s[row]
    if start_s == 0 and np.isnan(end_s):
        return name
    return f"{name} [{start_s:g} s to {'the end' if np.isnan(end_s) else f'{end_s:g} s'}]"


def clip_cells(table: LabelTable, row: int) -> ClipName:
    """Returns path, start and end of a clip in s, as a table has them; an empty end is that of the recording."""
    end_s = table.end_s[row]
    path = portable_path(Path(table.paths[row]), table.source)
    return path, f"{table.start_s[row]:g}", "" if np.isnan(end_s) else f"{end_s:g}"


def scored_clips(table: LabelTable) -> ScoredClips:
    """Returns the names and speakers of all clips of a table, for the predictions of a report."""
    return ScoredClips([clip_cells(table, row) for row in range(len(table))], table.speakers)
