"""What clips say, where a table tells it: the words that hard negatives share."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.console import say
from emoclr.configs.errors import ConfigError
from emoclr.corpus.audio.file_kinds import is_table
from emoclr.corpus.clips.clip_table import ClipTable
from emoclr.corpus.index.index_file import is_index
from emoclr.corpus.labels.label_table import SENTENCES
from emoclr.corpus.labels.labels_csv import read_clips
from emoclr.corpus.labels.tables.column_names import Given

UNKNOWN = ("", "unknown")


def sentences_of(clips: ClipTable, sources: Sequence[Path], columns: Given | None = None) -> NDArray[np.int64]:
    """Returns a number for what each clip says, int64 (clips,), by the column `sentence` of tables; -1 where unknown.

    Args:
        clips: of `sources`.
        sources: folders, files, indexes and tables.
        columns: columns of the tables by their meaning, where their names do not tell it.

    Raises:
        ConfigError: no table has such a column.
    """
    told: dict[tuple[Path, float], str] = {}
    for source in sources:
        if is_table(source) and not source.is_dir() and not is_index(source):
            table = read_clips(source, columns, lenient=len(sources) > 1)
            starts = table.start_s.tolist()
            told.update(zip(zip(table.paths, starts, strict=True), table.groups.get(SENTENCES, ()), strict=False))
    if not told:
        raise ConfigError(f"negatives: same_sentence: no table among data has a column {SENTENCES!r}")
    codes = dict.fromkeys(UNKNOWN, -1)
    numbers = [codes.setdefault(told.get((clip.path, clip.start_s), ""), len(codes)) for clip in clips]
    found = np.array(numbers, dtype=np.int64)
    known = found[found >= 0]
    say(f"{len(known):,} of {len(clips):,} clips say one of {len(np.unique(known)):,} sentences")
    return found
