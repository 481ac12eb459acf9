"""The clips that go into tars: recordings, or parts of them, with speaker, labels and split."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from emoclr.configs.errors import ConfigError
from emoclr.corpus.audio.file_kinds import is_table
from emoclr.corpus.clips.sources import clips_from
from emoclr.corpus.index.index_file import is_index
from emoclr.corpus.labels.labels_csv import has_emotions, read_clips, read_labels
from emoclr.corpus.labels.tables.column_names import Given


class SourceClip(NamedTuple):
    """A recording, or a part of one, on its way into a tar; `name` counts from the folder common to all."""

    path: Path
    name: str
    start_s: float
    end_s: float | None
    speaker: str | None
    labels: dict[str, float] | None
    split: str | None


def find_source_clips(sources: Sequence[Path], columns: Given | None = None) -> list[SourceClip]:
    """Returns what the sources name: each recording, or part of one, once, with its speaker where one knows it.

    With several sources, speakers of a CSV are named after it too: "1" of one corpus is not "1" of another.

    Args:
        sources: folders of audio, audio files, an index, tables.
        columns: columns of the tables by their meaning, where their names do not tell it.

    Raises:
        ConfigError: a source does not exist, or none names a recording.
        LabelsError: a CSV is not as it should be.
    """
    found: dict[tuple[Path, float, float | None], SourceClip] = {}
    lenient = sum(map(is_table, sources)) > 1
    for source in sources:
        prefix = f"{source.parent.name}/{source.stem}/" if len(sources) > 1 else ""
        for piece in _clips_of_source(source, prefix, columns, lenient):
            identity = (piece.path, piece.start_s, piece.end_s)
            if identity not in found or found[identity].speaker is None:
                found[identity] = piece
    if not found:
        raise ConfigError(f"no recordings in {', '.join(map(str, sources))}")
    root = Path(os.path.commonpath([path.parent for path, _, _ in found]))
    return [piece._replace(name=piece.path.relative_to(root).as_posix()) for piece in found.values()]


def _clips_of_source(source: Path, prefix: str, columns: Given | None, lenient: bool) -> Iterator[SourceClip]:
    if not is_table(source) or source.is_dir() or is_index(source):
        for clip in clips_from([source]):
            yield SourceClip(clip.path.absolute(), "", clip.start_s, clip.end_s, clip.speaker, None, None)
        return
    if has_emotions(source, columns, lenient=lenient):
        table = read_labels(source, columns=columns, lenient=lenient)
    else:
        table = read_clips(source, columns, lenient=lenient)
    for row, path in enumerate(table.paths):
        speaker = prefix + table.speakers[row] if table.speakers and table.speakers[row] else None
        end_s = None if np.isnan(table.end_s[row]) else float(table.end_s[row])
        labels = dict(zip(table.emotions, map(float, table.targets[row]), strict=True)) if table.emotions else None
        split = table.splits[row] if table.splits else None
        yield SourceClip(path.absolute(), "", float(table.start_s[row]), end_s, speaker, labels, split)
