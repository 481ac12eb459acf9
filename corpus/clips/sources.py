"""Which clips a corpus has: from folders of audio, audio files, indexes and tables."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.console import say
from emoclr.configs.errors import ConfigError
from emoclr.configs.messages import by_reason, count_of, readable, some
from emoclr.corpus.audio.file_kinds import is_table
from emoclr.corpus.clips.clip_table import ClipTable
from emoclr.corpus.clips.memory import release_memory
from emoclr.corpus.clips.path_array import PathArray
from emoclr.corpus.clips.plain_csv import read_plain_clips
from emoclr.corpus.index.audio_files import list_audio
from emoclr.corpus.index.file_digest import DIGEST_BYTES
from emoclr.corpus.index.index_file import index_batches, is_index
from emoclr.corpus.labels.label_table import SPLITS, LabelTable
from emoclr.corpus.labels.labels_csv import read_clips
from emoclr.corpus.labels.tables.column_names import Given

if TYPE_CHECKING:
    import pyarrow as pa

_STATE = ("size", "modified")


def clips_from(
    sources: Sequence[Path],
    splits: Sequence[str] | None = None,
    columns: Given | None = None,
    *,
    lenient: bool = False,
    without_fold: str | None = None,
) -> ClipTable:
    """Returns the clips of folders of audio, audio files, indexes of `corpus scan`, and tables of clips.

    With several sources, speakers of a table are named after it too: "1" of one corpus is not "1" of another. A
    clip that two sources name comes once, with its speaker where one of them knows it. An index is believed: what
    it sets aside is left out, which is said; of a file that changed since, the cache may still hold what it says.

    Args:
        sources: folders, files, indexes and tables.
        splits: keeps only these rows of a table with splits; None keeps all.
        columns: columns of the tables by their meaning, where their names do not tell it.
        lenient: whether a table may lack those, as it may where there are several tables.
        without_fold: leaves out these rows of a table with folds: those that this fold scores.

    Raises:
        ConfigError: a source does not exist, a split is no split, no table names the fold, or nothing is left.
        LabelsError: a table is not as it should be.
        EmoclrError: an index cannot be read.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "labels.csv"
        >>> rows = ["path,joy,fear,speaker,sex", "a.wav,1,0,anna,f", "b.wav,0.2,0.8,ben,m", "c.wav,0,1,cem,m"]
        >>> _ = path.write_text("\\n".join(rows))
        >>> [(clip.path.name, clip.speaker) for clip in clips_from([path])]
        [('a.wav', 'anna'), ('b.wav', 'ben'), ('c.wav', 'cem')]
    """
    for split in splits or ():
        if split not in SPLITS:
            raise ConfigError(f"{split!r} is no split; splits are {', '.join(SPLITS)}")
    tables = []
    divided = False
    lenient = lenient or sum(map(is_table, sources)) > 1
    for source in map(Path, sources):
        prefix = f"{source.parent.name}/{source.stem}/" if len(sources) > 1 else ""
        rows = _rows_outside(source, without_fold, columns, lenient) if without_fold is not None else None
        divided |= rows is not None
        tables.append(_clips_of_source(source, splits, prefix, columns, lenient, rows))
    if without_fold is not None and not divided:
        raise ConfigError(f"without_fold: {without_fold}: there are no folds in {some(list(map(str, sources)))}")
    empty = [Path(source) for source, table in zip(sources, tables, strict=True) if not len(table)]
    if empty or not tables:
        kept = f" in the splits {', '.join(splits)}" if splits and not all(map(is_index, empty)) else ""
        nothing = f"no recordings{kept} in {some(list(map(str, empty))) or 'no sources'}"
        if len(empty) == len(tables):
            raise ConfigError(nothing)
        say(nothing)
    release_memory()
    return ClipTable.concatenate(tables).without_repeats() if len(tables) > 1 else tables[0]


def set_aside_by(sources: Sequence[Path]) -> list[tuple[str, str]]:
    """Returns what the indexes among some sources set aside: the names of recordings, in one line each, and why.

    Raises:
        EmoclrError: an index cannot be read.
    """
    found: list[tuple[str, str]] = []
    for source in map(Path, sources):
        if source.is_file() and is_index(source):
            for batch in index_batches(source, ["path", "status", "reason"]):
                found += _cases(batch.filter(_matches(batch["status"], "^set aside$")))
    return found


def clips_of(table: LabelTable, prefix: str = "") -> ClipTable:
    """Returns the clips of a table's rows, in their order; `prefix` goes before the names of speakers.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "labels.csv"
        >>> rows = ["path,joy,fear,speaker,sex", "a.wav,1,0,anna,f", "b.wav,0.2,0.8,ben,m", "c.wav,0,1,cem,m"]
        >>> _ = path.write_text("\\n".join(rows))
        >>> from emoclr.corpus import read_labels
        >>> clips_of(read_labels(path)).speaker_names
        ['anna', 'ben', 'cem']
    """
    speakers = [prefix + name if name else None for name in table.speakers] if table.speakers else None
    return ClipTable.parts(PathArray.of(table.paths), table.start_s, table.end_s, speakers)


def _rows_outside(source: Path, fold: str, columns: Given | None, lenient: bool) -> LabelTable | None:
    """Returns the rows of a table that a fold does not score; None where it has no folds, or is no table of clips.

    Raises:
        ConfigError: it has folds, and this is none of them.
    """
    if not is_table(source) or not source.is_file() or is_index(source):
        return None
    table = read_clips(source, columns, lenient=lenient)
    if table.folds is None:
        return None
    if fold not in table.folds:
        raise ConfigError(f"without_fold: {fold}: {source} has the folds {', '.join(sorted(set(table.folds)))}")
    return table.select([name != fold for name in table.folds])


def _clips_of_source(
    source: Path,
    splits: Sequence[str] | None,
    prefix: str,
    columns: Given | None,
    lenient: bool,
    rows: LabelTable | None,
) -> ClipTable:
    """Returns the clips of a source; of a table those of `rows`, where these are given."""
    if not is_table(source) or source.is_dir():
        return _clips_of_files(list_audio([source]))
    if not source.exists():
        raise ConfigError(f"{source}: no such file or folder")
    if is_index(source):
        return _clips_of_index(source)
    plain = read_plain_clips(source, splits, prefix, columns) if rows is None else None
    if plain is None:
        table = rows or read_clips(source, columns, lenient=lenient)  # slower, and says what is wrong, and where
        if splits is not None and table.splits is not None:
            table = table.select([split in splits for split in table.splits])
        plain = clips_of(table, prefix)
    return plain.without_repeats()


def _clips_of_files(table: "pa.Table") -> ClipTable:
    sizes, modified = (np.concatenate([_numbers(chunk) for chunk in table[name].chunks]) for name in _STATE)
    return ClipTable.whole(PathArray.from_arrow(table["path"].chunks), sizes, modified)


def _clips_of_index(source: Path) -> ClipTable:
    import pyarrow.compute as pc

    sizes, modified, digests = [], [], []
    aside: list[tuple[str, str]] = []

    def names() -> Iterator["pa.Array"]:
        for batch in index_batches(source, ["path", *_STATE, "fingerprint", "status", "reason"]):
            ok = _matches(batch["status"], "^(ok|partial)$")
            aside.extend(_cases(batch.filter(pc.invert(ok))))
            readable = batch if pc.all(ok, min_count=0).as_py() else batch.filter(ok)
            sizes.append(_numbers(readable["size"]))
            modified.append(_numbers(readable["modified"]))
            digests.append(_digests(readable["fingerprint"]))
            yield readable["path"]
            release_memory()

    paths = PathArray.from_arrow(names())
    if aside:
        say(f"{len(aside):,} of {count_of(len(paths) + len(aside), 'recording')} in {source} set aside by the index:")
        for line in by_reason(aside):
            say(line)
    if not len(paths):
        return ClipTable.of([])
    return ClipTable.whole(paths, np.concatenate(sizes), np.concatenate(modified), np.concatenate(digests))


def _cases(aside: "pa.RecordBatch") -> list[tuple[str, str]]:
    names, reasons = aside["path"].to_pylist(), aside["reason"].to_pylist()
    return [(readable(os.fsdecode(name)), reason) for name, reason in zip(names, reasons, strict=True)]


def _matches(column: "pa.Array", pattern: str) -> "pa.Array":
    """Returns where a text fits; not by comparison: Arrow imports pandas for the scalar, which takes half a second."""
    import pyarrow.compute as pc

    return pc.match_substring_regex(column, pattern)


def _numbers(column: "pa.Array") -> NDArray[np.int64]:
    import pyarrow.compute as pc

    known = pc.fill_null(column, -1) if column.null_count else column
    return np.asarray(np.from_dlpack(known), dtype=np.int64)  # to_numpy imports pandas, too


def _digests(column: "pa.Array") -> NDArray[np.bytes_]:
    """Returns 32 hexadecimal digits each as 16 bytes, none where there is something else."""
    import pyarrow as pa
    import pyarrow.compute as pc

    known = pc.match_substring_regex(column, f"^[0-9a-f]{{{2 * DIGEST_BYTES}}}$")
    if column.null_count or not pc.all(known, min_count=0).as_py():
        column = pc.if_else(pc.fill_null(known, False), column, pa.scalar("0" * 2 * DIGEST_BYTES, column.type))
    return np.frombuffer(bytes.fromhex("".join(column.to_pylist())), dtype=f"S{DIGEST_BYTES}")
