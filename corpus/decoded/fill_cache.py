"""Filling the cache: clips that it lacks are decoded into it, in parallel."""

import functools
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.console import track
from emoclr.corpus.audio.channels import ChannelChoice
from emoclr.corpus.clips.clip_table import ClipTable
from emoclr.corpus.decoded.cache import (
    FAILED,
    KEY_DTYPE,
    CacheEntries,
    Keys,
    allowed_bytes,
    entry_key,
    failure_key,
    positions_of,
    read_digests,
    read_entries,
    state_key,
    used_bytes,
)
from emoclr.corpus.decoded.decode_clip import (
    CacheSnapshot,
    DecodeTask,
    decode_clip,
    lost_clip,
    why_unreachable,
)
from emoclr.corpus.decoded.shard_writer import ShardWriter, exclusive, remove_unfinished
from emoclr.corpus.parallel.processes import stream_in_processes

_MAX_FILLS = 3
"""How often a cache is filled that others clear meanwhile."""


@dataclass(frozen=True, eq=False)
class CachedClips:
    """Where the cache holds clips.

    Attributes:
        entries: of the cache.
        positions: int64 `(clips,)` among the entries, -1 where a clip has none.
        digests: bytes of 16 `(clips,)`, of the recordings' content; empty where a recording cannot be read.
        reasons: why a clip has no entry.
    """

    entries: CacheEntries
    positions: NDArray[np.int64]
    digests: Keys
    reasons: dict[int, str]

    def reason(self, clip: int) -> str:
        """Returns why a clip cannot be decoded."""
        if self.positions[clip] >= 0:
            return self.entries.texts[int(self.entries.samples[self.positions[clip]])]
        return self.reasons.get(clip, "its samples were removed from the cache while it was opened")


def fill_cache(
    folder: Path, clips: ClipTable, workers: int | None, cache_gb: float | None, channels: ChannelChoice = "auto"
) -> CachedClips:
    """Returns where the cache holds the clips, once those that it does not hold are decoded.

    Where the cache is full, clips are decoded for their length alone.

    Args:
        folder: the cache.
        clips: what is asked for.
        workers: processes that decode; None for one a core, 1 for this one.
        cache_gb: see `allowed_bytes`.
        channels: which ones are heard.

    Raises:
        OSError: the cache cannot be written.
    """
    entries, digests = read_entries(folder), _known_digests(folder, clips)
    positions = _find(entries, clips, digests, channels)
    if not len(_to_decode(folder, entries, clips, positions, cache_gb)):
        return CachedClips(entries, positions, digests, {})
    reasons: dict[int, str] = {}
    for _ in range(_MAX_FILLS):
        folder.mkdir(parents=True, exist_ok=True)
        with exclusive(folder, clips.paths.digest()):
            # Whoever was here before may have done it.
            entries, digests = read_entries(folder), _known_digests(folder, clips)
            positions = _find(entries, clips, digests, channels)
            rows = _to_decode(folder, entries, clips, positions, cache_gb)
            del entries
            digests = digests.copy()
            reasons = _fill(folder, clips, rows, digests, workers, cache_gb, channels) if len(rows) else {}
        entries = read_entries(folder)
        positions = _find(entries, clips, digests, channels)
        if not (positions[digests != b""] < 0).any():
            break
    return CachedClips(entries, positions, digests, reasons)


def _known_digests(folder: Path, clips: ClipTable) -> Keys:
    """Returns the digests that an index holds, or that the cache remembers of files in their present state."""
    rows = np.flatnonzero(clips.digests == b"")
    if not len(rows):
        return clips.digests
    digests = clips.digests.copy()
    known_states, known = read_digests(folder)
    if not len(known):
        return digests
    states = np.zeros(len(rows), KEY_DTYPE)
    name, state = b"", (-1, -1)
    for place, row in enumerate(track(rows.tolist(), "looking for changes")):
        if clips.sizes[row] >= 0:
            name, state = clips.paths.name(row), (int(clips.sizes[row]), int(clips.modified[row]))
        elif clips.paths.name(row) != name:
            name = clips.paths.name(row)
            try:
                status = os.stat(name)  # noqa: PTH116 (pathlib takes no bytes)
                state = status.st_size, status.st_mtime_ns
            except OSError:
                state = -1, -1
        states[place] = state_key(name, *state)
    places = positions_of(states, known_states)
    digests[rows[places >= 0]] = known[places[places >= 0]]
    return digests


def _find(entries: CacheEntries, clips: ClipTable, digests: Keys, channels: ChannelChoice) -> NDArray[np.int64]:
    other = (clips.start_s != 0) | ~np.isnan(clips.end_s) | (channels != "auto")
    parts = np.flatnonzero((digests != b"") & other)
    keys = digests.copy() if len(parts) else digests
    for row in parts:
        keys[row] = entry_key(digests[row], clips.start_s[row], clips.end_s[row], channels)
    positions = entries.find(keys)
    missing = np.flatnonzero((positions < 0) & (digests != b""))
    failures = np.array([failure_key(keys[row], clips.paths.name(row)) for row in missing.tolist()], dtype=KEY_DTYPE)
    positions[missing] = entries.find(failures)
    positions[digests == b""] = -1
    return positions


def _to_decode(
    folder: Path, entries: CacheEntries, clips: ClipTable, positions: NDArray[np.int64], cache_gb: float | None
) -> NDArray[np.int64]:
    """Returns the rows of clips that the cache does not know, and of those that it now has room for."""
    unknown = positions < 0
    without_samples = np.flatnonzero(~unknown)
    without_samples = without_samples[entries.starts[positions[without_samples]] < 0]
    without_samples = without_samples[entries.starts[positions[without_samples]] != FAILED]
    if len(without_samples):
        room = allowed_bytes(folder, cache_gb) - used_bytes(folder)
        fits = 2 * np.cumsum(entries.samples[positions[without_samples]]) <= room
        unknown[without_samples[fits]] = True
    return np.flatnonzero(unknown)


def _fill(
    folder: Path,
    clips: ClipTable,
    rows: NDArray[np.int64],
    digests: Keys,
    workers: int | None,
    cache_gb: float | None,
    channels: ChannelChoice,
) -> dict[int, str]:
    """Decodes the clips of `rows`, completes `digests`, and returns what cannot be remembered of failures."""
    reasons = _unreachable(clips, rows)
    digests[list(reasons)] = b""
    rows = rows[~np.isin(rows, list(reasons))]
    if not len(rows):
        return reasons
    remove_unfinished(folder)
    room = allowed_bytes(folder, cache_gb) - used_bytes(folder)
    tasks = _DecodeTasks(clips, rows, wanted=room > 0)
    written: set[bytes] = set()
    work = functools.partial(decode_clip, CacheSnapshot(folder, secrets.token_hex(8)), channels)
    decoded = stream_in_processes(work, tasks, lambda task: task.path, lost_clip, workers)
    with ShardWriter(folder) as writer:
        for row, stream in zip(rows.tolist(), track(decoded, "decoding", total=len(rows)), strict=True):
            for samples in stream:
                tasks.wanted = tasks.wanted and writer.bytes_written + samples.nbytes <= room
                if tasks.wanted:
                    writer.append(samples)
                else:
                    writer.drop()
            clip = stream.result
            digests[row] = clip.digest
            key = entry_key(clip.digest, clips.start_s[row], clips.end_s[row], channels)
            if clip.digest:
                writer.add_state(clip.state, clip.digest)
            else:
                reasons[row] = clip.reason
            if clip.facts is not None and key not in written and writer.in_progress == clip.facts.samples:
                written.add(key)
                writer.keep(key, clip.facts)
                continue
            writer.drop()
            if clip.facts is not None and key not in written:
                writer.add_length(key, clip.facts)
            elif clip.digest and clip.reason:
                writer.add_failure(failure_key(key, clips.paths.name(row)), clip.reason)
    return reasons


def _unreachable(clips: ClipTable, rows: NDArray[np.int64]) -> dict[int, str]:
    """Returns why recordings are not there, by row: no process is started only to find that out."""
    found = ((row, why_unreachable(clips.paths[row])) for row in rows.tolist())
    return {row: reason for row, reason in found if reason}


class _DecodeTasks(Sequence[DecodeTask]):
    """The work on some clips, each made when its turn comes; `wanted` says whether there still is room."""

    def __init__(self, clips: ClipTable, rows: NDArray[np.int64], wanted: bool) -> None:
        self._clips, self._rows, self.wanted = clips, rows, wanted

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> DecodeTask: ...

    @overload
    def __getitem__(self, place: slice) -> list[DecodeTask]: ...

    def __getitem__(self, place: int | slice) -> DecodeTask | list[DecodeTask]:
        if isinstance(place, slice):
            return [self[one] for one in range(len(self))[place]]
        row, clips = self._rows[place], self._clips
        return DecodeTask(
            clips.paths[row],
            float(clips.start_s[row]),
            float(clips.end_s[row]),
            int(clips.sizes[row]),
            int(clips.modified[row]),
            bytes(clips.digests[row]),
            self.wanted,
        )
