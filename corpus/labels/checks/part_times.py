"""Parts of recordings that end, or begin, after their recording: often times in another unit."""

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.messages import count_of
from emoclr.corpus.labels.checks.table_note import TableNote
from emoclr.corpus.labels.clip_names import clip_name
from emoclr.corpus.labels.label_table import LabelTable

TOLERANCE_S = 0.1
"""A part may end so much after its recording: people round, and codecs have frames."""


def parts_beyond_the_end(table: LabelTable, heard_s: NDArray[np.float64], late: NDArray[np.bool_]) -> TableNote | None:
    """Returns the parts that end after their recording, which are cut there, and those that begin after it.

    Args:
        table: the clips.
        heard_s: float64 `(clips,)`, how long each clip is as decoded, NaN where it was not.
        late: bool `(clips,)`, whether there is nothing of a clip, since it begins after its recording's end.
    """
    ends = np.nan_to_num(table.end_s, nan=0.0)
    cut = np.isfinite(heard_s) & (ends > table.start_s + heard_s + TOLERANCE_S)
    wrong = np.flatnonzero(cut | late)
    if not len(wrong):
        return None
    parts = int(((table.start_s > 0) | np.isfinite(table.end_s)).sum())
    found = [
        f"{count:,} {words}"
        for count, words in (
            (int(cut.sum()), "end after their recording and are cut there"),
            (int(late.sum()), "begin after its end and are left out"),
        )
        if count
    ]
    # Of a part that is cut, the recording is known; others would have to be much too late.
    known = np.flatnonzero(cut)
    fit = ends[known] / 1000 <= table.start_s[known] + heard_s[known] + TOLERANCE_S
    likely = 2 * len(wrong) > parts and 2 * fit.sum() >= len(fit)
    milliseconds = "; are these milliseconds? Divide them by 1000" if likely else ""
    return TableNote(
        "parts beyond the end",
        f"Of {count_of(parts, 'part')}, {' and '.join(found)}{milliseconds}",
        [_case(table, int(row), heard_s) for row in wrong],
    )


def _case(table: LabelTable, row: int, heard_s: NDArray[np.float64]) -> str:
    name = clip_name(table, row)
    if np.isnan(heard_s[row]):
        return name
    return f"{name} of a recording of {table.start_s[row] + heard_s[row]:.2f} s"
