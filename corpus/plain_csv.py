"""The clips of a CSV in which nothing is wrong, read in columns: a million rows in a second or two."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from corpus.clips import ClipTable
from corpus.labels import SPLITS
from corpus.paths import PathArray

if TYPE_CHECKING:
    import pyarrow as pa


def read_plain_clips(source: Path, splits: Sequence[str] | None, prefix: str) -> ClipTable | None:
    """Returns the clips of a CSV as `corpus.labels.read_clips` finds them; None where that has to look closer.

    That is where anything might be wrong: a cell is missing, has blanks around it, or is not what its column asks
    for. So whatever is an error is told by the reader that knows its row.

    Args:
        source: the CSV.
        splits: keeps only these rows where there is a `split` column; None keeps all.
        prefix: goes before the names of speakers.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        table = _columns(source)
        start_s, end_s = _seconds(table, "start_s", 0.0), _seconds(table, "end_s", np.nan)
    except (OSError, pa.ArrowException, KeyError, ValueError):
        return None
    if not len(table) or pc.any(pc.match_substring_regex(table["path"], r"^\s|\s$|^$")).as_py():
        return None
    speakers, names = _codes(table, "speaker")
    parts, split_names = _codes(table, "split")
    if (end_s <= start_s).any() or any(name != name.strip() for name in names):
        return None
    if not set(split_names) <= set(SPLITS) or ("split" in table.column_names and (parts < 0).any()):
        return None
    if _leaks(speakers, parts):
        return None
    keep = np.ones(len(table), dtype=np.bool_)
    if splits is not None and split_names:
        keep = np.isin(parts, [code for code, name in enumerate(split_names) if name in splits])
    clips = ClipTable.parts(_absolute(table["path"], source.absolute().parent), start_s, end_s, None)
    clips = replace(clips, speakers=speakers, speaker_names=[prefix + name for name in names])
    return clips if keep.all() else clips.take(np.flatnonzero(keep))


def _columns(source: Path) -> "pa.Table":
    """Returns the columns that matter, those there are.

    Raises:
        KeyError: there is no `path`, a column comes twice, or rows are marked as unreadable.
    """
    import pyarrow as pa
    from pyarrow import csv

    words = pa.dictionary(pa.int32(), pa.string())
    types = {"path": pa.large_binary(), "start_s": pa.float64(), "end_s": pa.float64()}
    types |= {"speaker": words, "split": words}
    parsing = csv.ParseOptions(newlines_in_values=True)
    with csv.open_csv(source, parse_options=parsing) as reader:
        found = reader.schema.names
    if "path" not in found or len(set(found)) < len(found) or {"status", "reason"} <= set(found):
        raise KeyError(source)
    converting = csv.ConvertOptions(
        column_types=types, include_columns=[name for name in found if name in types], null_values=[""]
    )
    return csv.read_csv(source, parse_options=parsing, convert_options=converting).unify_dictionaries()


def _seconds(table: "pa.Table", name: str, otherwise: float) -> NDArray[np.float64]:
    """Returns a column of times, `otherwise` where it is empty.

    Raises:
        ValueError: one is negative, infinite or "nan".
    """
    import pyarrow.compute as pc

    if name not in table.column_names:
        return np.full(len(table), otherwise)
    if not pc.all(pc.and_(pc.is_finite(table[name]), pc.greater_equal(table[name], 0.0)), min_count=0).as_py():
        raise ValueError(name)
    return np.array(pc.fill_null(table[name], otherwise).to_numpy(), dtype=np.float64)


def _codes(table: "pa.Table", name: str) -> tuple[NDArray[np.int64], list[str]]:
    """Returns each row's position among the sorted values of a column, -1 where it has none, and these values."""
    if name not in table.column_names:
        return np.full(len(table), -1), []
    chunks = table[name].chunks
    values: list[str] = chunks[0].dictionary.to_pylist()
    names = sorted(value for value in values if value)
    place = {value: code for code, value in enumerate(names)}
    recoded = np.array([*(place.get(value, -1) for value in values), -1], dtype=np.int64)
    codes = np.concatenate([chunk.indices.fill_null(len(values)).to_numpy() for chunk in chunks])
    return recoded[codes], names


def _leaks(speakers: NDArray[np.int64], parts: NDArray[np.int64]) -> bool:
    """Returns whether a known speaker is in two splits."""
    pairs = np.unique(np.stack([speakers, parts])[:, speakers >= 0], axis=1)
    return bool(len(np.unique(pairs[0])) < pairs.shape[1])


def _absolute(names: "pa.ChunkedArray", folder: Path) -> PathArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    below, slash = (pa.scalar(part, pa.large_binary()) for part in (os.fsencode(folder).rstrip(b"/"), b"/"))

    def absolute(chunk: "pa.Array") -> "pa.Array":
        joined = pc.binary_join_element_wise(below, chunk, slash)
        return pc.if_else(pc.starts_with(chunk, b"/"), chunk, joined)

    return PathArray.from_arrow(map(absolute, names.chunks))
