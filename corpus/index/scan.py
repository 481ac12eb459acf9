"""What is known of the recordings in some folders, as an index: only what is new or changed is read."""

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, overload

from emoclr.configs.console import say, track
from emoclr.configs.errors import ConfigError
from emoclr.configs.messages import by_reason, count_of, readable
from emoclr.corpus.audio.samples import SILENT_PEAK_DB
from emoclr.corpus.index.audio_files import list_audio
from emoclr.corpus.index.index_file import IndexRow, is_index, read_index_table, table_of, write_index
from emoclr.corpus.index.journal import Journal
from emoclr.corpus.index.measure_recording import lost_recording, measure_recording
from emoclr.corpus.parallel.engines import Engine, LocalEngine

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS_AT_ONCE = 1 << 12


@dataclass(frozen=True)
class Changes:
    """How many recordings differ between an index and the one before it."""

    new: int
    changed: int
    gone: int
    as_before: int


class Scan(NamedTuple):
    """What a scan found: lines that sum it up, and how many recordings can be read."""

    lines: list[str]
    readable: int


def scan(folders: Sequence[Path], out: Path, engine: Engine | None = None) -> Scan:
    """Writes the index of the recordings below some folders, and returns what it found.

    Only what is new, or of another size or time of change than the index says, is read. What has been read is kept
    beside the index while the scan lasts, so that one which is killed goes on where it was.

    Args:
        folders: folders, or files whatever their endings.
        out: the index, `.parquet` or `.csv`.
        engine: where the recordings are read; None for this machine.

    Raises:
        ConfigError: a folder does not exist, there are no recordings, or `out` has another ending, or is something else
            than an index.
        EmoclrError: `out` cannot be written.
    """
    import pyarrow as pa

    out = Path(out)
    before = _index_before(out)
    files = list_audio(folders)
    with Journal(out) as journal:
        read_before = _journalled(journal)
        if len(read_before):
            say(f"going on with a scan that did not end, after {count_of(len(read_before), 'recording')}")
        table = read_recordings(files, pa.concat_tables([read_before, before]), partial(_write_down, journal), engine)
        write_index(out, table)
    lines = summary_of(table)
    if len(before):
        changes = changes_between(before, table)
        lines.append(
            f"{changes.new:,} new, {changes.changed:,} changed, {changes.gone:,} gone, {changes.as_before:,} as before"
        )
    return Scan(lines, len(_readable(table)))


def read_recordings(
    files: "pa.Table",
    known: "pa.Table",
    keep: Callable[[IndexRow], None] | None = None,
    engine: Engine | None = None,
) -> "pa.Table":
    """Returns the rows of `files`, sorted by path: from `known` where size and time agree, else from the files.

    Args:
        files: as `list_audio` returns them.
        known: rows of an index; of several rows of one file the first counts.
        keep: called with each row that was read.
        engine: where the recordings are read; None for this machine.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    known = known.take(pc.index_in(files["path"], value_set=known["path"].combine_chunks()))
    same = pc.and_(pc.equal(known["size"], files["size"]), pc.equal(known["modified"], files["modified"]))
    same = pc.fill_null(same, False)
    names = _Names(files.filter(pc.invert(same))["path"].combine_chunks())
    tables, rows = [known.filter(same)], list[IndexRow]()
    results = (engine or LocalEngine()).run(measure_recording, names, _path_of, lost_recording)
    for row in track(results, "scanning", total=len(names)):
        rows.append(row)
        if keep is not None:
            keep(row)
        if len(rows) == _ROWS_AT_ONCE:
            tables.append(table_of(rows))
            rows.clear()
    return pa.concat_tables([*tables, table_of(rows)]).sort_by("path")


def changes_between(before: "pa.Table", after: "pa.Table") -> Changes:
    """Returns what two indexes differ in, by paths, sizes and times of change."""
    import pyarrow.compute as pc

    place = pc.index_in(after["path"], value_set=before["path"].combine_chunks())
    stayed, earlier = after.filter(pc.is_valid(place)), before.take(place.drop_null())
    as_before = len(stayed)
    if len(stayed):
        equal = [
            pc.equal(pc.fill_null(stayed[column], -1), pc.fill_null(earlier[column], -1))
            for column in ("size", "modified")
        ]
        as_before = pc.sum(pc.and_(*equal)).as_py()
    return Changes(len(after) - len(stayed), len(stayed) - as_before, len(before) - len(stayed), as_before)


def summary_of(table: "pa.Table") -> list[str]:
    """Returns lines that say how much is readable, and how many files were set aside for which reason."""
    import pyarrow.compute as pc

    aside = table.filter(pc.equal(table["status"], "set aside"))
    hours = (pc.sum(table["duration_s"]).as_py() or 0.0) / 3600
    lines = [f"{count_of(len(table) - len(aside), 'recording')}, {hours:,.2f} h; {len(aside):,} set aside"]
    lines += _by_reason(aside)
    silent = table.filter(pc.less_equal(table["peak_db"], SILENT_PEAK_DB))
    if len(silent):
        lines.append(
            f"{count_of(len(silent), 'recording')} silent, no sample above {SILENT_PEAK_DB:g} dBFS "
            f"(such as {_name(silent, 0)})"
        )
    partial = table.filter(pc.equal(table["status"], "partial"))
    if len(partial):
        lines += [f"{count_of(len(partial), 'recording')} in part only:", *_by_reason(partial)]
    return lines


def reasons_of(aside: "pa.Table") -> list[tuple[str, int]]:
    """Returns why recordings were set aside, and how many, the most frequent first."""
    counts = aside["reason"].value_counts().to_pylist()
    return sorted(((found["values"], found["counts"]) for found in counts), key=lambda found: -found[1])


def _write_down(journal: Journal, row: IndexRow) -> None:
    journal.append([os.fsdecode(row.path), *row[1:]])


def _journalled(journal: Journal) -> "pa.Table":
    """Returns the rows that an earlier scan left, the latest of a file first."""
    import pyarrow as pa

    tables, rows = [table_of([])], list[IndexRow]()
    for path, *others in journal.rows():
        with contextlib.suppress(TypeError):
            rows.append(IndexRow(os.fsencode(path), *others))
        if len(rows) == _ROWS_AT_ONCE:
            tables.append(table_of(rows[::-1]))
            rows.clear()
    tables.append(table_of(rows[::-1]))
    return pa.concat_tables(tables[::-1])


def _readable(table: "pa.Table") -> "pa.Table":
    import pyarrow.compute as pc

    return table.filter(pc.not_equal(table["status"], "set aside"))


def _by_reason(table: "pa.Table") -> list[str]:
    return by_reason([(_name(table, row), reason) for row, reason in enumerate(table["reason"].to_pylist())])


def _name(table: "pa.Table", row: int) -> str:
    return readable(os.fsdecode(table["path"][row].as_py()))


class _Names(Sequence[bytes]):
    """Names in an Arrow array, which become Python's one at a time."""

    def __init__(self, names: "pa.Array") -> None:
        self._names = names

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, place: int) -> bytes: ...
    @overload
    def __getitem__(self, place: slice) -> list[bytes]: ...
    def __getitem__(self, place: int | slice) -> bytes | list[bytes]:
        if isinstance(place, slice):
            names: list[bytes] = self._names[place].to_pylist()
            return names
        name: bytes = self._names[place].as_py()
        return name


def _path_of(name: bytes) -> Path:
    return Path(os.fsdecode(name))


def _index_before(out: Path) -> "pa.Table":
    if out.suffix.lower() not in (".parquet", ".csv"):
        raise ConfigError(f"--out {out}: an index ends in .parquet or .csv")
    if not out.exists():
        return table_of([])
    if not is_index(out):
        raise ConfigError(f"--out {out}: is there, and no index of `corpus scan`; give another name, or remove it")
    return read_index_table(out)
