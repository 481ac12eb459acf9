"""The recordings of a table of labels, decoded, and what of the table is probably not meant so."""

from dataclasses import dataclass

from emoclr.configs.console import say
from emoclr.corpus.clips.sources import clips_of
from emoclr.corpus.decoded.cache_settings import OpenWaveforms
from emoclr.corpus.decoded.waveforms import NoReadableClips, WaveformStore
from emoclr.corpus.labels.checks.whole_table import notes_on
from emoclr.corpus.labels.label_table import LabelTable


@dataclass(frozen=True)
class Labeled:
    """Clips that could be decoded.

    Attributes:
        store: the clips.
        table: their labels, rows as in the store.
        notes: what of the whole table is probably not meant so, each with an example.
    """

    store: WaveformStore
    table: LabelTable
    notes: list[str]


def open_labeled(table: LabelTable, opened: OpenWaveforms) -> Labeled:
    """Returns the clips of a table that can be decoded, and says what of it is probably not meant so.

    Args:
        table: labels.
        opened: decodes clips.

    Raises:
        NoReadableClips: none can be decoded; it tells what is probably the matter with their paths.
    """
    try:
        store = opened(clips_of(table))
    except NoReadableClips as error:
        lines = [str(note) for note in notes_on(table, [failure.reason for failure in error.failures])]
        raise NoReadableClips(error.failures, lines) from None
    heard: list[float | str] = ["" for _ in range(len(table))]
    for row, seconds in zip(store.source_rows.tolist(), store.durations_s.tolist(), strict=True):
        heard[row] = seconds
    failures = iter(store.failures)
    notes = notes_on(table, [next(failures).reason if isinstance(clip, str) else clip for clip in heard])
    for note in notes:
        say(f"note: {note}")
    return Labeled(store, table.select(store.source_rows), [str(note) for note in notes])
