"""Label tracks of Audacity: start, end and label in each line, no header, beside the recording that they are of."""

from collections.abc import Sequence
from pathlib import Path

from emoclr.configs.messages import some
from emoclr.corpus.audio.file_kinds import AUDIO_SUFFIXES
from emoclr.corpus.labels.tables.cells import number
from emoclr.corpus.labels.tables.text_table import LabelsError

_FREQUENCIES = "\\"
"""How a line begins that tells the frequencies of the label above it."""

Rows = Sequence[tuple[int, Sequence[str]]]


def is_label_track(rows: Rows) -> bool:
    """Returns whether rows are times and words, without a header.

    >>> is_label_track([(1, ["0.5", "1.5", "joy"])]), is_label_track([(1, ["start", "end", "label"])])
    (True, False)
    """
    labels = [cells for _, cells in rows if any(cells) and cells[0] != _FREQUENCIES]
    return bool(labels) and all(
        len(cells) == 3 and [number(cell) is None for cell in cells] == [False, False, True] for cells in labels
    )


def label_track_rows(path: Path, rows: Rows) -> list[tuple[int, Sequence[str]]]:
    """Returns the rows of a label track with a header, and with the recording of the same name as a column.

    Raises:
        LabelsError: there is no such recording, or several.
    """
    recordings = sorted(
        other.name
        for other in path.absolute().parent.iterdir()
        if other.stem == path.stem and other.suffix.lower() in AUDIO_SUFFIXES
    )
    if len(recordings) != 1:
        found = f"there are {some(recordings)}" if recordings else "there is none"
        raise LabelsError(
            path, f"holds start, end and label, as Audacity writes them, of the recording of the same name; {found}"
        )
    header = (0, ["path", "start_s", "end_s", "emotion"])
    return [header, *((line, [*recordings, *cells]) for line, cells in rows if cells[:1] != [_FREQUENCIES])]
