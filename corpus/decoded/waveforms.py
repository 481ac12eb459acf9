"""A corpus decoded once: every clip in memory-mapped shards that all later stages read."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.console import say
from emoclr.configs.errors import EmoclrError
from emoclr.configs.messages import by_reason, count_of, gigabytes, readable
from emoclr.corpus.audio.channels import ChannelChoice, Mix
from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.corpus.audio.samples import INT16_FULL_SCALE, is_silent
from emoclr.corpus.clips.clip_table import Clip, ClipTable
from emoclr.corpus.clips.memory import release_memory
from emoclr.corpus.decoded.cache import FAILED, LENGTH_ONLY, allowed_bytes, default_cache_dir
from emoclr.corpus.decoded.decode_clip import check_unchanged
from emoclr.corpus.decoded.fill_cache import CachedClips, fill_cache
from emoclr.corpus.decoded.shard_reader import DamagedShard, ShardReader, remove_shard
from emoclr.corpus.decoded.telling import lines_about
from emoclr.corpus.decoded.uncached import UncachedClip

OPEN_SHARDS = 256
"""How many shards a process has open at a time: each takes one of the files that it may have open."""

_FORMAT_VERSION = 2
"""Goes into every fingerprint; another way to decode gets another number."""

_ROWS_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class Failure:
    """A clip that could not be decoded, and why."""

    path: Path
    reason: str


class NoReadableClips(EmoclrError):
    """No clip of a corpus can be decoded; `failures` says of each why, `hints` are lines on what may be the matter."""

    def __init__(self, failures: Sequence[Failure], hints: Sequence[str] = ()) -> None:
        cases = [(readable(failure.path), failure.reason) for failure in failures]
        super().__init__(f"none of {count_of(len(failures), 'clip')} can be read:", *by_reason(cases), *hints)
        self.failures = failures


class Waveforms(Protocol):
    """Waveforms of clips, read by number, whole or in part; see `WaveformStore`."""

    @property
    def samples(self) -> NDArray[np.int64]:
        """Lengths in samples, int64 `(clips,)`."""

    def __len__(self) -> int: ...

    def waveform(self, clip: int) -> NDArray[np.float32]:
        """Returns one clip whole, float32 `(samples,)`."""

    def crop(self, clip: int, start_sample: int, n_samples: int) -> NDArray[np.float32]:
        """Returns `n_samples` of one clip from `start_sample` on, fewer where the clip ends before."""


class WaveformStore:
    """All decodable clips of a corpus, 16 kHz mono, as int16 in the memory-mapped shards of a cache.

    Opens shards when it first reads them, so each worker process maps the same pages of memory. Its state is
    arrays, not lists of Python strings: reading those in forked workers would copy them page by page. A clip
    that the cache has no room for, or no longer has, is decoded each time it is read.

    Attributes:
        fingerprint: hex digest of the clips it holds: the content of their recordings, starts and ends.
        samples: int64 `(clips,)`, lengths in samples.
        speakers: int64 `(clips,)`, positions in `speaker_names`, -1 where the speaker is unknown.
        speaker_names: the speakers, sorted.
        source_rows: int64 `(clips,)`, each clip's position in the list asked for; failed clips are absent.
        failures: the clips that could not be decoded.
        uncached: how many clips are decoded each time they are read.
        silent: bool `(clips,)`, whether a clip holds no sound, see `is_silent`.
        partial: what of a recording was not decoded, by clip, where there is something.
        notes: which channel or audio stream was chosen, and what was rescaled, by clip, likewise.

    Examples:
        >>> import tempfile
        >>> import numpy as np, soundfile
        >>> path = Path(tempfile.mkdtemp()) / "tone.wav"
        >>> soundfile.write(path, np.zeros((22_050, 2)), 44_100)
        >>> store = open_waveforms([Clip(path)], cache_dir=path.parent / "cache", workers=1)
        >>> len(store), store.durations_s.tolist(), store.crop(0, 7_990, 100).shape
        (1, [0.5], (10,))
    """

    def __init__(self, folder: Path, clips: ClipTable, cached: CachedClips, channels: ChannelChoice = "auto") -> None:
        """Opens those of `clips` that `cached` found in the cache in `folder`, heard by `channels`."""
        entries, positions = cached.entries, cached.positions
        starts = np.full(len(clips), FAILED)
        starts[positions >= 0] = entries.starts[positions[positions >= 0]]
        self.source_rows: NDArray[np.int64] = np.flatnonzero(starts >= LENGTH_ONLY)
        rows, of_rows = self.source_rows, positions[self.source_rows]
        self.failures: list[Failure] = [
            Failure(clips.paths[row], cached.reason(row)) for row in np.flatnonzero(starts < LENGTH_ONLY).tolist()
        ]
        self.samples: NDArray[np.int64] = entries.samples[of_rows]
        self.speakers: NDArray[np.int64]
        self.speaker_names: list[str]
        self.speakers, self.speaker_names = clips.speakers_of(rows)
        self._folder = folder
        self._shards = entries.shards
        self._shard = entries.shard[of_rows]
        self._starts = starts[rows]
        self._paths = clips.paths
        self._start_s, self._end_s = clips.start_s, clips.end_s
        self._digests = cached.digests
        self.uncached = int((self._starts < 0).sum())
        self.fingerprint = _fingerprint(cached.digests, clips, rows, channels)
        self.silent: NDArray[np.bool_] = is_silent(entries.peaks[of_rows] / INT16_FULL_SCALE)
        self.partial = _texts(entries.texts, entries.partial[of_rows])
        self.notes = _texts(entries.texts, entries.notes[of_rows])
        self._channels, self._scales = entries.channels[of_rows], entries.scales[of_rows]
        self._forget_files()

    def __len__(self) -> int:
        return len(self.samples)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_shards_open", "_latest")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget_files()

    @property
    def durations_s(self) -> NDArray[np.float64]:
        """Lengths in seconds, float64 `(clips,)`."""
        return self.samples / SAMPLE_RATE

    @property
    def digests(self) -> NDArray[np.bytes_]:
        """What recordings hold, `(clips,)`: equal where two files have the same content."""
        found: NDArray[np.bytes_] = self._digests[self.source_rows]
        return found

    def waveform(self, clip: int) -> NDArray[np.float32]:
        """Returns one clip whole, float32 `(samples,)` in [-1, 1]; see `crop`."""
        return self.crop(clip, 0, int(self.samples[clip]))

    def crop(self, clip: int, start_sample: int, n_samples: int) -> NDArray[np.float32]:
        """Returns `n_samples` of one clip from `start_sample` on, fewer where the clip ends before.

        Raises:
            AudioError: the clip is not in the cache, and its recording is gone or no longer what it was.
        """
        clip = range(len(self))[clip]
        first = max(0, start_sample)
        last = max(first, min(int(self.samples[clip]), start_sample + n_samples))
        start = int(self._starts[clip])
        cached = self._cached(int(self._shard[clip]), start + first, start + last) if start >= 0 else None
        found = self._decoded(clip).crop(first, last) if cached is None else cached
        return found.astype(np.float32) / np.float32(INT16_FULL_SCALE)

    def path(self, clip: int) -> Path:
        """Returns the recording that a clip comes from."""
        return self._paths[int(self.source_rows[clip])]

    def _forget_files(self) -> None:
        self._shards_open: OrderedDict[int, ShardReader] = OrderedDict()
        self._latest: tuple[int, UncachedClip] | None = None

    def _cached(self, number: int, start: int, end: int) -> NDArray[np.int16] | None:
        """Returns samples of a shard, None where it was removed or is damaged."""
        name = self._shards[number]
        try:
            if number not in self._shards_open:
                self._shards_open[number] = ShardReader(self._folder, name)
                if len(self._shards_open) > OPEN_SHARDS:
                    self._shards_open.popitem(last=False)
            self._shards_open.move_to_end(number)
            return self._shards_open[number].read(start, end)
        except FileNotFoundError:
            return None
        except DamagedShard:
            say(f"warning: {self._folder / name}: damaged; removed from the cache, its clips are decoded anew")
            self._shards_open.pop(number, None)
            remove_shard(self._folder, name)
            return None

    def _decoded(self, clip: int) -> UncachedClip:
        """Returns a clip to be decoded, or that of another of its views."""
        if self._latest is None or self._latest[0] != clip:
            row = int(self.source_rows[clip])
            path, channel = self._paths[row], int(self._channels[clip])
            check_unchanged(path, bytes(self._digests[row]))
            mix = Mix(None if channel < 0 else channel, float(self._scales[clip]))
            uncached = UncachedClip(
                path, float(self._start_s[row]), float(self._end_s[row]), int(self.samples[clip]), mix
            )
            self._latest = clip, uncached
        return self._latest[1]


def open_waveforms(
    clips: ClipTable | Sequence[Clip],
    cache_dir: Path | None = None,
    workers: int | None = None,
    cache_gb: float | None = None,
    channels: ChannelChoice = "auto",
) -> WaveformStore:
    """Returns the clips decoded: from the cache where that was done before, else decoded now, in parallel.

    The cache goes by the content of recordings, whatever their names, and all lists of clips share it. A run may
    be killed and the next goes on where it was; several may fill it at once. What it has no room for is decoded
    each time it is read.

    Args:
        clips: what to decode; what cannot be is set aside in `.failures`.
        cache_dir: where decoded audio is kept; None for `$EMOCLR_CACHE`, or `~/.cache/emoclr` without it.
        workers: processes that decode; None for one a core, 1 for this one.
        cache_gb: how much may be kept there; None for `$EMOCLR_CACHE_GB`, or half of the free space without it.
        channels: which channels of recordings are heard.

    Raises:
        NoReadableClips: no clip can be decoded.
        EmoclrError: there are no clips, or the cache cannot be written.

    Examples:
        >>> import tempfile
        >>> import numpy as np, soundfile
        >>> path = Path(tempfile.mkdtemp()) / "tone.wav"
        >>> soundfile.write(path, np.zeros((22_050, 2)), 44_100)
        >>> store = open_waveforms([Clip(path), Clip(path, 0.25)], cache_dir=path.parent / "cache", workers=1)
        >>> store.samples.tolist()
        [8000, 4000]
    """
    if not len(clips):
        raise EmoclrError("there are no clips to decode")
    table = clips if isinstance(clips, ClipTable) else ClipTable.of(clips)
    folder = Path(cache_dir or default_cache_dir()).absolute()
    try:
        store = WaveformStore(folder, table, fill_cache(folder, table, workers, cache_gb, channels), channels)
        release_memory()
    except OSError as error:
        raise EmoclrError(f"{folder}: cannot be written: {error.strerror or error}") from error
    if store.failures:
        if not len(store):
            raise NoReadableClips(store.failures)
        say(f"{len(store.failures):,} of {len(table):,} clips set aside:")
        for line in by_reason([(readable(failure.path), failure.reason) for failure in store.failures]):
            say(line)
    for line in lines_about(store):
        say(line)
    if store.uncached:
        say(
            f"warning: decoded, this corpus takes {gigabytes(2 * int(store.samples.sum()))}; the cache {folder} "
            f"may hold {gigabytes(allowed_bytes(folder, cache_gb))}, other corpora included. {store.uncached} of "
            f"{len(store)} clips will be decoded each time they are read, which is slow: raise cache_gb (or "
            "EMOCLR_CACHE_GB), or make room with `corpus cache --clear`"
        )
    return store


def _texts(texts: list[str], places: NDArray[np.int32]) -> dict[int, str]:
    """Returns the text of each clip that has one; `places` are positions in `texts`, -1 for none."""
    return {clip: texts[places[clip]] for clip in np.flatnonzero(places >= 0).tolist()}


def _fingerprint(
    digests: NDArray[np.bytes_], clips: ClipTable, rows: NDArray[np.int64], channels: ChannelChoice
) -> str:
    """Returns a digest of what clips are, wherever they lie and whatever they are called."""
    heard = "" if channels == "auto" else f" {channels}"
    digest = hashlib.blake2b(f"{_FORMAT_VERSION} {SAMPLE_RATE}{heard}".encode(), digest_size=16)
    for first in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[first : first + _ROWS_AT_ONCE]
        for values in (digests[some], clips.start_s[some], np.nan_to_num(clips.end_s[some], nan=-1.0)):
            digest.update(values.tobytes())
    return digest.hexdigest()
