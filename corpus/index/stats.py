"""A corpus in numbers: durations, rates, channels, formats, levels, and where there are labels those too."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from emoclr.corpus.audio.errors import NOTHING_BETWEEN
from emoclr.corpus.index.audio_files import list_files
from emoclr.corpus.index.index_file import is_index, read_index_table, table_of
from emoclr.corpus.index.scan import read_recordings, reasons_of
from emoclr.corpus.labels.checks.table_note import TableNote
from emoclr.corpus.labels.checks.whole_table import notes_on
from emoclr.corpus.labels.label_table import SPLITS, LabelTable
from emoclr.corpus.labels.labels_csv import read_labels
from emoclr.corpus.labels.table_summary import tell_table
from emoclr.corpus.labels.tables.column_names import Given
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
        notes: what of the labels is probably not meant so.
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
    notes: Sequence[str]


def overview_of(
    source: Path,
    index: Path | None = None,
    positive_share: float = POSITIVE_SHARE,
    columns: Given | None = None,
) -> Overview:
    """Returns an index, or a labels.csv, in numbers; for the latter all its recordings are read.

    Args:
        source: the index or the labels.csv.
        index: an index whose recordings are not read again, where size and time of change agree.
        positive_share: the share from which an emotion is there.
        columns: columns of the labels by their meaning, where their names do not tell it.

    Raises:
        ConfigError: `index` does not exist.
        LabelsError: the labels are not as they should be.
        EmoclrError: an index cannot be read.
    """
    if is_index(source):
        recordings = read_index_table(source)
        return _overview(source, recordings, _good(recordings)["duration_s"].to_numpy())
    known = read_index_table(index) if index is not None else table_of([])
    table = read_labels(source, columns=columns)
    tell_table(table)
    names = [os.path.abspath(path) for path in table.paths]  # noqa: PTH100 (pathlib keeps "..")
    recordings = read_recordings(list_files(names), known)
    heard_s = _heard_s(table, names, _good(recordings))
    rows = np.flatnonzero(heard_s > 0)
    labels = _labels_of(table.select(rows), heard_s[rows], positive_share)
    notes = notes_on(table, [_heard(seconds) for seconds in heard_s.tolist()])
    return _overview(source, recordings, heard_s[rows], labels, notes)


def _good(recordings: "pa.Table") -> "pa.Table":
    import pyarrow.compute as pc

    return recordings.filter(pc.not_equal(recordings["status"], "set aside"))


def _overview(
    source: Path,
    recordings: "pa.Table",
    durations_s: Array,
    labels: Labels | None = None,
    notes: Sequence[TableNote] = (),
) -> Overview:
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
        notes=[str(note) for note in notes],
    )


def _counts(column: "pa.ChunkedArray") -> Counter[int]:
    return Counter({found["values"]: found["counts"] for found in column.value_counts().to_pylist()})


def _endings(names: "pa.ChunkedArray") -> Counter[str]:
    counts: Counter[str] = Counter()
    for name in names:
        ending = os.path.splitext(name.as_py())[1]  # noqa: PTH122 (pathlib takes no bytes)
        counts[os.fsdecode(ending).lower() or "(none)"] += 1
    return counts


def _heard_s(table: LabelTable, names: Sequence[str], good: "pa.Table") -> Array:
    """Returns how many seconds of each clip there are, NaN where its recording cannot be read."""
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = pa.array([os.fsencode(name) for name in names], pa.large_binary())
    place = pc.index_in(wanted, value_set=good["path"].combine_chunks())
    whole_s: Array = good["duration_s"].take(place).to_numpy(zero_copy_only=False)
    # fmin would take the end where the recording cannot be read.
    return np.where(np.isnan(whole_s), np.nan, np.fmin(table.end_s, whole_s) - table.start_s)


def _heard(seconds: float) -> float | str:
    if np.isnan(seconds):
        return "set aside"
    return seconds if seconds > 0 else NOTHING_BETWEEN


def _labels_of(table: LabelTable, durations_s: Array, positive_share: float) -> Labels:
    speakers = None if table.speakers is None else np.array(table.speakers, dtype=np.str_)
    splits = []
    for name in SPLITS if table.splits is not None else ():
        rows = table.rows_of(name)
        people = None if speakers is None else len(np.unique(speakers[rows]))
        splits.append(Split(name, len(rows), float(durations_s[rows].sum()) / 3600, people))
    clips_per_speaker = None if speakers is None else np.unique(speakers, return_counts=True)[1]
    return Labels(table.emotions, table.targets, clips_per_speaker, splits, positive_share)
