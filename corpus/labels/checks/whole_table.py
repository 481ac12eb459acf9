"""All checks of a table, after its recordings were decoded."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from emoclr.corpus.audio.errors import NOTHING_BETWEEN
from emoclr.corpus.labels.checks.part_times import parts_beyond_the_end
from emoclr.corpus.labels.checks.paths import paths_missing
from emoclr.corpus.labels.checks.speaker_names import speakers_alike
from emoclr.corpus.labels.checks.table_note import TableNote
from emoclr.corpus.labels.label_table import LabelTable


def notes_on(table: LabelTable, heard: Sequence[float | str]) -> list[TableNote]:
    """Returns what of a table is probably not meant so.

    Args:
        table: the clips.
        heard: of each clip how many seconds of it there are, or the reason why it cannot be read.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from emoclr.corpus import read_labels
        >>> path = Path(tempfile.mkdtemp()) / "labels.csv"
        >>> rows = ["path,joy,speaker,start_s,end_s", "a.wav,1,anna,0,2000", "a.wav,0,Anna,500,2500"]
        >>> _ = path.write_text("\\n".join(rows))
        >>> for note in notes_on(read_labels(path), [4.0, "no samples between 500.0 s and 2500.0 s"]):
        ...     print(note.check)
        speakers written in several ways
        parts beyond the end
        recordings that are not there
    """
    reasons = [clip if isinstance(clip, str) else "" for clip in heard]
    heard_s: NDArray[np.float64] = np.array([np.nan if isinstance(clip, str) else clip for clip in heard])
    late = np.array([reason.startswith(NOTHING_BETWEEN) for reason in reasons], dtype=np.bool_)
    found = [
        speakers_alike(table),
        parts_beyond_the_end(table, heard_s, late),
        paths_missing(table, np.flatnonzero(np.isnan(heard_s)).tolist()),
    ]
    return [note for note in found if note is not None]
