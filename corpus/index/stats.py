"""A corpus in numbers: durations, rates, channels, formats, levels, and where there are labels those too."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from emoclr.corpus.index.audio_files import list_files
from emoclr.corpus.index.index_file import is_index, read_index_table, table_of
from emoclr.corpus.index.scan import read_recordings, reasons_of
from emoclr.corpus.labels.label_table import SPLITS, LabelTable
from emoclr.corpus.labels.labels_csv import read_labels
from emoclr.evaluate.positive_share import POSITIVE_SHARE

if TYPE_CHECKING:
    import pyarrow as pa

FULL_SCALE_DB = -0.01
"""A peak from here on touches full scale: the recording may be clipped."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Split:
    """A split of labeled clips; `speakers` is None where they are not known."""

    name: str
    clips: int
    hours: float
    speakers: int | None


@dataclass(frozen=True, eq=False)
class Labels:
    """What labels say of the clips that can be read.

    Attributes:
        emotions: names.
        targets: `(clips, emotions)`, shares of listeners.
        clips_per_speaker: `(speakers,)`, None where speakers are not known.
        splits: in their order; empty where the labels have none.
        positive_share: the share from which an emotion is there.
    """

    emotions: list[str]
    targets: NDArray[np.float32]
    clips_per_speaker: NDArray[np.int64] | None
    splits: list[Split]
    positive_share: float

    @property
    def positive(self) -> NDArray[np.bool_]:
        """Which emotions are there, `(clips, emotions)`."""
        return np.asarray(self.targets >= self.positive_share)


@dataclass(frozen=True, eq=False)
class Overview:
    """A corpus in numbers.

    Attributes:
        source: the index or the labels.
        durations_s: of each clip that can be read, `(clips,)`.
        rms_db: dBFS of each recording that can be read, minus infinity for silence, `(recordings,)`.
        peak_db: the same of peaks.
        rates: recordings for each sample rate in Hz.
        channels: recordings for each number of channels.
        formats: recordings for each ending.
        aside: reasons why recordings cannot be read, and how many, the most frequent first.
        labels: None for an index.
    """

    source: Path
    durations_s: Array
    rms_db: Array
    peak_db: Array
    rates: Counter[int]
    channels: Counter[int]
    formats: Counter[str]
    aside: list[tuple[str, int]]
    labels: Labels | None


def overview_of(source: Path, index: Path | None = None, positive_share: float = POSITIVE_SHARE) -> Overview:
    """Returns an index, or a labels.csv, in numbers; for the latter all its recordings are read.

    Args:
        source: the index or the labels.csv.
        index: an index whose recordings are not read again, where size and time of change agree.
        positive_share: the share from which an emotion is there.

    Raises:
        ConfigError: `index` does not exist.
        LabelsError: the labels are not as they should be.
        EmoclrError: an index cannot be read.
    """
    if is_index(source):
        recordings = read_index_table(source)
        return _overview(source, recordings, _good(recordings)["duration_s"].to_numpy())
    known = read_index_table(index) if index is not None else table_of([])
    table = read_labels(source)
    names = [os.path.abspath(path) for path in table.paths]  # noqa: PTH100 (pathlib keeps "..")
    recordings = read_recordings(list_files(names), known)
    rows, durations_s = _clips_in(table, names, _good(recordings))
    return _overview(source, recordings, durations_s, _labels_of(table.select(rows), durations_s, positive_share))


def _good(recordings: "pa.Table") -> "pa.Table":
    import pyarrow.compute as pc

    return recordings.filter(pc.not_equal(recordings["status"], "set aside"))


def _overview(source: Path, recordings: "pa.Table", durations_s: Array, labels: Labels | None = None) -> Overview:
    import pyarrow.compute as pc

    good = _good(recordings)
    return Overview(
        source=source,
        durations_s=durations_s,
        rms_db=good["rms_db"].to_numpy().astype(np.float64),
        peak_db=good["peak_db"].to_numpy().astype(np.float64),
        rates=_counts(good["sample_rate"]),
        channels=_counts(good["channels"]),
        formats=_endings(good["path"]),
        aside=reasons_of(recordings.filter(pc.equal(recordings["status"], "set aside"))),
        labels=labels,
    )


def _counts(column: "pa.ChunkedArray") -> Counter[int]:
    return Counter({found["values"]: found["counts"] for found in column.value_counts().to_pylist()})


def _endings(names: "pa.ChunkedArray") -> Counter[str]:
    counts: Counter[str] = Counter()
    for name in names:
        ending = os.path.splitext(name.as_py())[1]  # noqa: PTH122 (pathlib takes no bytes)
        counts[os.fsdecode(ending).lower() or "(none)"] += 1
    return counts


def _clips_in(table: LabelTable, names: Sequence[str], good: "pa.Table") -> tuple[NDArray[np.int64], Array]:
    """Returns the rows of clips that are in readable recordings, and their durations in seconds."""
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = pa.array([os.fsencode(name) for name in names], pa.large_binary())
    place = pc.index_in(wanted, value_set=good["path"].combine_chunks())
    whole_s = good["duration_s"].take(place).to_numpy(zero_copy_only=False)  # NaN where it cannot be read
    durations_s = np.fmin(table.end_s, whole_s) - table.start_s
    rows = np.flatnonzero(np.isfinite(whole_s) & (durations_s > 0))
    return rows, durations_s[rows]


def _labels_of(table: LabelTable, durations_s: Array, positive_share: float) -> Labels:
    speakers = None if table.speakers is None else np.array(table.speakers, dtype=np.str_)
    splits = []
    for name in SPLITS if table.splits is not None else ():
        rows = table.rows_of(name)
        people = None if speakers is None else len(np.unique(speakers[rows]))
        splits.append(Split(name, len(rows), float(durations_s[rows].sum()) / 3600, people))
    clips_per_speaker = None if speakers is None else np.unique(speakers, return_counts=True)[1]
    return Labels(table.emotions, table.targets, clips_per_speaker, splits, positive_share)
