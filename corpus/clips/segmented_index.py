"""The index by which tables of audformat, audinterface and opensmile name parts of recordings."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def segmented_index(files: Sequence[str | Path], starts_s: Sequence[float], ends_s: Sequence[float]) -> "pd.MultiIndex":
    """Returns an index of `file`, `start` and `end`, times as Timedelta, in the form of audformat.

    Args:
        files: the recording of each part.
        starts_s: s.
        ends_s: s.

    Examples:
        >>> segmented_index(["a.wav"], [0.5], [2.0])[0]
        ('a.wav', Timedelta('0 days 00:00:00.500000'), Timedelta('0 days 00:00:02'))
    """
    import pandas as pd

    start, end = (pd.to_timedelta(pd.Series(s, dtype="float64"), unit="s") for s in (starts_s, ends_s))
    names = pd.array([str(file) for file in files], dtype="string")
    # Of no times pandas makes seconds.
    times = [start.astype("timedelta64[ns]"), end.astype("timedelta64[ns]")]
    return pd.MultiIndex.from_arrays([names, *times], names=["file", "start", "end"])
