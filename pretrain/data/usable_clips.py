"""Which clips a contrast can learn from: with sound, not too short, and each once."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.console import say
from emoclr.configs.errors import ConfigError
from emoclr.configs.messages import count_of, readable
from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.corpus.audio.samples import is_silent
from emoclr.corpus.clips.clip_table import ClipTable
from emoclr.corpus.decoded.waveforms import WaveformStore

MIN_CLIP_S = 0.1
"""A shorter clip holds no syllable; a view of it is padding."""

SILENT, SHORT, COPY = "silent", f"shorter than {MIN_CLIP_S:g} s", "equal to another"


@dataclass(frozen=True, eq=False)
class UsableClips:
    """The clips of a store that are trained on.

    Attributes:
        rows: int64 `(usable clips,)`, their numbers in the store.
        left_out: a line for each clip that is not, with its reason.
        counts: how many are not, by reason.
    """

    rows: NDArray[np.int64]
    left_out: list[str]
    counts: dict[str, int]


def usable_clips(store: WaveformStore, clips: ClipTable) -> UsableClips:
    """Returns which clips of a store are trained on, and says how many are not.

    A silent clip shows the encoder nothing but its augmentations. A copy would be the negative of its own original;
    of equal clips the first counts whose speaker is known.

    Args:
        store: the corpus.
        clips: what it was opened for.
    """
    silent = store.silent
    short = ~silent & (store.durations_s < MIN_CLIP_S)
    heard = np.flatnonzero(~silent & ~short)
    original = _originals(store, clips, heard)
    rows = heard[original == heard]
    names = [f"{readable(store.path(row))}: {SILENT}" for row in np.flatnonzero(silent).tolist()]
    names += [f"{readable(store.path(row))}: {SHORT}" for row in np.flatnonzero(short).tolist()]
    names += [
        f"{readable(store.path(copy))}: a copy of {readable(store.path(first))}"
        for copy, first in zip(heard.tolist(), original.tolist(), strict=True)
        if copy != first
    ]
    counts = {SILENT: int(silent.sum()), SHORT: int(short.sum()), COPY: len(heard) - len(rows)}
    if names:
        say(f"{len(names):,} of {count_of(len(store), 'clip')} left out: {left_out_text(counts)}")
    return UsableClips(rows, names, counts)


def left_out_text(counts: dict[str, int]) -> str:
    """Returns how many clips were left out for which reason.

    >>> left_out_text({"silent": 2, "shorter than 0.1 s": 0, "equal to another": 1})
    '2 silent, 1 equal to another'
    """
    return ", ".join(f"{count:,} {reason}" for reason, count in counts.items() if count)


class ClipTally:
    """Counts what training may meet among clips that are read one by one, as from tars.

    Examples:
        >>> tally = ClipTally()
        >>> for samples in (np.zeros(16_000), np.full(16_000, 0.1), np.full(16_000, 0.1), np.full(320, 0.1)):
        ...     tally.add(samples.tobytes(), samples)
        >>> tally.clips, tally.counts
        (4, {'silent': 1, 'shorter than 0.1 s': 1, 'equal to another': 1})
    """

    def __init__(self) -> None:
        self.clips = 0
        self.counts = {SILENT: 0, SHORT: 0, COPY: 0}
        self._digests: set[bytes] = set()

    def add(self, content: bytes, waveform: NDArray[np.floating]) -> None:
        """Counts a clip, of its encoded content and its samples `(samples,)`."""
        self.clips += 1
        digest = hashlib.blake2b(content, digest_size=16).digest()
        if is_silent(np.abs(waveform).max(initial=0.0)):
            self.counts[SILENT] += 1
        elif len(waveform) < MIN_CLIP_S * SAMPLE_RATE:
            self.counts[SHORT] += 1
        elif digest in self._digests:
            self.counts[COPY] += 1
        self._digests.add(digest)

    def check(self, clips: int, batch_size: int) -> None:
        """Says what was counted among the clips of a corpus.

        Raises:
            ConfigError: by what was counted, the corpus does not hold a batch of clips to train on.
        """
        useless = sum(self.counts.values())
        if not useless:
            return
        told = f"of {count_of(self.clips, 'clip')} that were looked at, {left_out_text(self.counts)}"
        usable = (self.clips - useless) * clips // self.clips
        if usable < batch_size:
            raise ConfigError(
                f"batch_size {batch_size}: a batch needs as many clips with sound, of {MIN_CLIP_S:g} s or more, each "
                f"once; {told}"
            )
        say(f"{told}: in tars they are trained on; `corpus shard` leaves silent recordings out")


def _originals(store: WaveformStore, clips: ClipTable, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns for each of some clips the one of equal content and times that counts, itself where there is no other."""
    asked = store.source_rows[rows]
    contents = np.unique(store.digests[rows], return_inverse=True)[1]
    if not len(rows) or contents.max() == len(rows) - 1:
        return rows
    order = np.argsort(store.speakers[rows] < 0, kind="stable")
    times = np.stack([contents, clips.start_s[asked], np.nan_to_num(clips.end_s[asked], nan=-1.0)], axis=1)
    _, first, same = np.unique(times[order], axis=0, return_index=True, return_inverse=True)
    found = np.empty_like(rows)
    found[order] = rows[order[first[same.ravel()]]]
    return found
