"""The clips of a CSV in which nothing is wrong, read in columns, block by block: a million rows in seconds."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emoclr.corpus.clips.clip_table import ClipTable
from emoclr.corpus.clips.memory import release_memory
from emoclr.corpus.clips.path_array import PathArray
from emoclr.corpus.labels.label_table import SPLITS
from emoclr.corpus.labels.tables.column_names import EXACT, Given, plain_columns, unit_of

if TYPE_CHECKING:
    import pyarrow as pa


class _Block(NamedTuple):
    """What some rows say besides paths: times in seconds, codes of speakers and splits, -1 where there is none."""

    start_s: NDArray[np.float64]
    end_s: NDArray[np.float64]
    speakers: NDArray[np.int64]
    splits: NDArray[np.int64]


def read_plain_clips(
    source: Path, splits: Sequence[str] | None, prefix: str, columns: Given | None = None
) -> ClipTable | None:
    """Returns the clips of a CSV as `read_clips` finds them; None where that has to look closer.

    That is where anything might be wrong: a cell is missing, has blanks around it, or is not what its column asks
    for. So errors come from the reader that knows their rows.

    Args:
        source: the CSV.
        splits: keeps only these rows where there is a `split` column; None keeps all.
        prefix: goes before the names of speakers.
        columns: columns by their meaning, where their names do not tell it.
    """
    import pyarrow as pa

    blocks: list[_Block] = []
    names: dict[str, int] = {}
    folder = source.absolute().parent

    def paths() -> Iterator["pa.Array"]:
        for batch in _batches(source, columns):
            blocks.append(_block(batch, names))
            yield _absolute(batch.filter(pa.array(_kept(blocks[-1].splits, splits)))["path"], folder)
            release_memory()

    try:
        found = PathArray.from_arrow(paths())
    except (OSError, pa.ArrowException, KeyError, ValueError):
        return None
    if not blocks:
        return None
    start_s, end_s, speakers, of_split = map(np.concatenate, zip(*blocks, strict=True))
    if not len(start_s) or _leaks(speakers, of_split):
        return None
    keep = _kept(of_split, splits)
    clips = ClipTable.parts(found, start_s[keep], end_s[keep], None)
    return clips.with_speakers(speakers[keep], [prefix + name for name in names])


def _batches(source: Path, given: Given | None) -> Iterator["pa.RecordBatch"]:
    """Yields the columns that matter, those there are, by the names of labels.csv.

    Raises:
        KeyError: there are no paths, a column comes twice or may mean several things, or rows are marked as unreadable.
    """
    import pyarrow as pa
    from pyarrow import csv

    types = {"path": pa.large_binary(), "start_s": pa.float64(), "end_s": pa.float64()}
    types |= {"speaker": pa.string(), "split": pa.string()}
    parsing = csv.ParseOptions(newlines_in_values=True)
    with csv.open_csv(source, parse_options=parsing) as reader:
        found = reader.schema.names
    columns = plain_columns(found, given)
    if columns is None or len(set(found)) < len(found) or {"status", "reason"} <= set(found):
        raise KeyError(source)
    meant = {name: EXACT[role] for role, name in columns.items() if EXACT[role] in types}
    if any(unit_of(name) != 1 for role, name in columns.items() if role in ("start", "end")):
        raise KeyError(source)
    converting = csv.ConvertOptions(
        column_types={name: types[exact] for name, exact in meant.items()},
        include_columns=list(meant),
        null_values=[""],
    )
    with csv.open_csv(source, parse_options=parsing, convert_options=converting) as reader:
        for batch in reader:
            yield batch.rename_columns(list(meant.values()))


def _block(batch: "pa.RecordBatch", names: dict[str, int]) -> _Block:
    """Returns what a block says; gives speakers that are new a code in `names`.

    Raises:
        ValueError: something might be wrong.
    """
    import pyarrow.compute as pc

    if pc.any(pc.match_substring_regex(batch["path"], r"^\s|\s$|^$")).as_py():
        raise ValueError("path")
    batch["path"].cast("large_string")  # an error where it is no UTF-8
    start_s, end_s = _seconds(batch, "start_s", 0.0), _seconds(batch, "end_s", np.nan)
    if (end_s <= start_s).any():
        raise ValueError("end_s")
    splits = _codes(batch, "split", {name: code for code, name in enumerate(SPLITS)}, len(SPLITS))
    if "split" in batch.schema.names and (splits < 0).any():
        raise ValueError("split")
    return _Block(start_s, end_s, _codes(batch, "speaker", names), splits)


def _seconds(batch: "pa.RecordBatch", name: str, otherwise: float) -> NDArray[np.float64]:
    """Returns a column of times, `otherwise` where it is empty.

    Raises:
        ValueError: one is negative, infinite or "nan".
    """
    import pyarrow.compute as pc

    if name not in batch.schema.names:
        return np.full(len(batch), otherwise)
    if not pc.all(pc.and_(pc.is_finite(batch[name]), pc.greater_equal(batch[name], 0.0)), min_count=0).as_py():
        raise ValueError(name)
    return np.array(pc.fill_null(batch[name], otherwise).to_numpy(), dtype=np.float64)


def _codes(batch: "pa.RecordBatch", name: str, codes: dict[str, int], most: int | None = None) -> NDArray[np.int64]:
    """Returns the code of each cell, -1 where it is empty; what is new gets the next one, up to `most`.

    Raises:
        ValueError: a cell has blanks around it, or is one too many.
    """
    if name not in batch.schema.names:
        return np.full(len(batch), -1)
    column = batch[name].dictionary_encode()
    values: list[str] = column.dictionary.to_pylist()
    found = np.array([codes.setdefault(value, len(codes)) if value else -1 for value in values], dtype=np.int64)
    if any(value != value.strip() for value in values) or (most is not None and len(codes) > most):
        raise ValueError(name)
    rows: NDArray[np.int64] = found[column.indices.to_numpy()]
    return rows


def _kept(splits: NDArray[np.int64], wanted: Sequence[str] | None) -> NDArray[np.bool_]:
    """Returns which rows are of wanted splits; all of them where there are no splits, or all are wanted."""
    if wanted is None:
        return np.ones(len(splits), dtype=np.bool_)
    return np.isin(splits, [-1, *(SPLITS.index(name) for name in wanted)])


def _leaks(speakers: NDArray[np.int64], splits: NDArray[np.int64]) -> bool:
    """Returns whether a known speaker is in two splits."""
    pairs = np.unique((speakers * len(SPLITS) + splits)[(speakers >= 0) & (splits >= 0)])
    return bool(len(np.unique(pairs // len(SPLITS))) < len(pairs))


def _absolute(names: "pa.Array", folder: Path) -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    below, slash = (pa.scalar(part, pa.large_binary()) for part in (os.fsencode(folder).rstrip(b"/"), b"/"))
    joined = pc.binary_join_element_wise(below, names, slash)
    return pc.if_else(pc.starts_with(names, b"/"), names, joined)
