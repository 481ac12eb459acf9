"""The unlabeled recordings that training may use: those that are not in the labels under another name."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.console import track
from emoclr.configs.errors import EmoclrError
from emoclr.corpus.audit.fingerprints import Words, copies, fingerprint
from emoclr.corpus.clips.clip_table import ClipTable
from emoclr.corpus.clips.sources import clips_from, clips_of
from emoclr.corpus.decoded.cache_settings import OpenWaveforms
from emoclr.corpus.decoded.waveforms import WaveformStore, open_waveforms
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.tables.column_names import Given


@dataclass(frozen=True)
class Pool:
    """Unlabeled clips, none of which is a labeled one.

    Attributes:
        store: the clips, decoded.
        clips: the same as a list.
        found: how many readable clips there were.
        dropped_as_labeled: how many of them were dropped because labels have the same recording or the same sound.
        dropped_speakers: how many were dropped because their speaker is one of validation or test.
        dropped_silent: how many were dropped because there is no sound in them, which is no emotion.
    """

    store: WaveformStore
    clips: ClipTable
    found: int
    dropped_as_labeled: int
    dropped_speakers: int
    dropped_silent: int


def open_pool(
    sources: Sequence[Path],
    labeled: Sequence[WaveformStore],
    held_out_speakers: Collection[str],
    opened: OpenWaveforms = open_waveforms,
    columns: Given | None = None,
) -> Pool:
    """Returns the clips of `sources` that may be trained on.

    A clip is dropped where it is silent, is a recording that the labels name, sounds like one of their clips (equal
    samples, or a copy in another codec), or is spoken by one of `held_out_speakers`.

    Args:
        sources: folders, files, indexes and tables.
        labeled: the clips that labels name, those of another corpus to score included.
        held_out_speakers: speakers of validation and test.
        opened: decodes clips.
        columns: columns of tables by their meaning, where their names do not tell it.

    Raises:
        EmoclrError: nothing is left.
    """
    clips = clips_from(sources, columns=columns, lenient=True)
    whole = opened(clips)
    clips = clips.take(whole.source_rows)
    known = np.logical_or.reduce([_in_labels(whole, store) for store in labeled])
    silent = whole.silent & ~known
    names = [*whole.speaker_names, ""]  # -1 finds the last
    held_out = np.array([names[code] in held_out_speakers for code in whole.speakers.tolist()], dtype=np.bool_)
    held_out &= ~known & ~silent
    rows = np.flatnonzero(~known & ~silent & ~held_out)
    if not len(rows):
        raise EmoclrError(
            f"unlabeled: none of {len(clips):,} clips is new: {int(known.sum()):,} are in the labels already, "
            f"{int(silent.sum()):,} are silent, {int(held_out.sum()):,} are of their validation or test speakers"
        )
    clips = clips.take(rows)
    return Pool(opened(clips), clips, len(whole), int(known.sum()), int(held_out.sum()), int(silent.sum()))


def with_pool(
    table: LabelTable, pool: Pool, rows: NDArray[np.int64], opened: OpenWaveforms = open_waveforms
) -> WaveformStore:
    """Returns the labeled clips, in their order, and after them the clips of some rows of the pool."""
    return opened(ClipTable.concatenate([clips_of(table), pool.clips.take(rows)]))


def _in_labels(pool: WaveformStore, store: WaveformStore) -> NDArray[np.bool_]:
    """Returns which clips of a pool labels have already, (clips,)."""
    known = [_sound_of(store, clip) for clip in track(range(len(store)), "fingerprints of labeled clips")]
    asked = [_sound_of(pool, clip) for clip in track(range(len(pool)), "fingerprints of unlabeled clips")]
    digests = {digest for digest, words in known if len(words)}
    same = np.array([digest in digests for digest, _ in asked], dtype=np.bool_)
    same |= np.isin(pool.digests, store.digests)
    for first, second, _ in copies([words for _, words in (*known, *asked)]):
        if first < len(known) <= second:
            same[second - len(known)] = True
    return same


def _sound_of(store: WaveformStore, clip: int) -> tuple[bytes, Words]:
    waveform = store.waveform(clip)
    return hashlib.blake2b(waveform.tobytes(), digest_size=16).digest(), fingerprint(waveform)
