"""One recording on both sides of a split, under whatever names: found by content, and refused."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from emoclr.corpus.labels.clip_names import clip_name
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.tables.text_table import LabelsError

Rows = NDArray[np.int64]


def check_duplicates(table: LabelTable, digests: NDArray[np.bytes_], parts: Mapping[str, Rows]) -> None:
    """Raises an error where the same sound is in two parts: files of the same content, or one file's overlapping clips.

    Args:
        table: the clips.
        digests: (clips,) of the content of their recordings, as `WaveformStore.digests`.
        parts: name of each part, such as train and test, and its rows.

    Raises:
        LabelsError: names two of the clips and the parts they are in.
    """
    rows = np.concatenate(list(parts.values()))
    part = np.repeat(np.arange(len(parts)), [len(of_part) for of_part in parts.values()])
    _, content = np.unique(digests[rows], return_inverse=True)
    content = content.reshape(-1)
    least, greatest = np.full(len(rows), len(parts)), np.full(len(rows), -1)
    np.minimum.at(least, content, part)
    np.maximum.at(greatest, content, part)
    crossing = np.flatnonzero(least[content] < greatest[content])
    names = list(parts)
    found = []
    for shared in np.unique(content[crossing]):
        members = crossing[content[crossing] == shared]
        found += _overlapping(table, rows[members], part[members])
    if found:
        first, second, one, other = found[0]
        more = f" ({len(found) - 1} more like this)" if len(found) > 1 else ""
        raise LabelsError(
            table.source,
            f"the same sound is in {names[one]} and in {names[other]}: {clip_name(table, first)} and "
            f"{clip_name(table, second)}{more}: a leak, since what was learned by heart would be scored. "
            "Keep one of them, or put both on one side; `corpus audit` lists all",
        )


def _overlapping(table: LabelTable, rows: Rows, part: Rows) -> list[tuple[int, int, int, int]]:
    """Returns (row, row, part, part) of clips of one content that overlap in time, at most one for each clip."""
    ends = np.nan_to_num(table.end_s[rows], nan=np.inf)
    latest: dict[int, tuple[float, int]] = {}
    found = []
    for place in np.argsort(table.start_s[rows], kind="stable"):
        row, own = int(rows[place]), int(part[place])
        for other, (end_s, before) in latest.items():
            if other != own and end_s > table.start_s[row]:
                found.append((before, row, other, own))
                break
        latest[own] = max(latest.get(own, (-np.inf, row)), (float(ends[place]), row))
    return found
