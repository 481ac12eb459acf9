"""Tables that cannot be used as they are, told before anything is decoded and PyTorch is imported."""

from collections.abc import Sequence
from pathlib import Path

from emoclr.corpus.audio.file_kinds import is_table
from emoclr.corpus.clips.sources import clips_from
from emoclr.corpus.decoded.waveforms import Failure, NoReadableClips
from emoclr.corpus.index.index_file import is_index
from emoclr.corpus.labels.checks.paths import is_missing, paths_missing
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.labels_csv import read_labels
from emoclr.corpus.labels.tables.column_names import Given

MISSING = "no such file"


def check_labels(
    labels: Path | None, emotions: Sequence[str] | None = None, columns: Given | None = None, *, lenient: bool = False
) -> None:
    """Reads labels, and looks whether any of their recordings is there.

    Args:
        labels: a labels.csv; None for one that was not asked for.
        emotions: see `read_labels`.
        columns: see `read_labels`.
        lenient: see `read_labels`.

    Raises:
        LabelsError: see `read_labels`.
        NoReadableClips: none of the recordings is there.
    """
    if labels is not None:
        _check_there(read_labels(labels, emotions, columns=columns, lenient=lenient))


def check_clips(sources: Sequence[Path], splits: Sequence[str] | None = None, columns: Given | None = None) -> None:
    """Reads sources of clips, see `clips_from`, where all of them are tables, as `check_labels` does.

    An index of `corpus scan` is none of these: it was made of what is there.

    Raises:
        ConfigError: see `clips_from`.
        LabelsError: see `clips_from`.
        NoReadableClips: none of their recordings is there.
    """
    if all(is_table(source) and source.is_file() and not is_index(source) for source in sources):
        clips = clips_from(sources, splits, columns)
        if all(is_missing(clip.path) for clip in clips):
            raise NoReadableClips([Failure(clip.path, MISSING) for clip in clips])


def _check_there(table: LabelTable) -> None:
    if all(map(is_missing, table.paths)):
        note = paths_missing(table, range(len(table)))
        raise NoReadableClips([Failure(path, MISSING) for path in table.paths], [str(note)])
