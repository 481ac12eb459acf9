"""Decoding one clip in a worker process, and recognising it by the content of its recording."""

import functools
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emoclr.corpus.audio.decoder import AudioError, Recording, inspect_audio
from emoclr.corpus.audio.file_digest import file_digest
from emoclr.corpus.audio.samples import to_int16
from emoclr.corpus.decoded.cache import (
    KEY_DTYPE,
    LENGTH_ONLY,
    CacheEntries,
    ClipFacts,
    Keys,
    entry_key,
    failure_key,
    read_entries,
    state_key,
)

CHANGED = "changed while it was read"


class DecodeTask(NamedTuple):
    """A clip to decode.

    Attributes:
        path: the recording.
        start_s: s.
        end_s: s; NaN for the end.
        size: bytes of the recording when `digest` was taken.
        modified: its time of change then, nanoseconds.
        digest: of its bytes, where it is known.
        wanted: whether there is room for the samples, or only their number is wanted.
    """

    path: Path
    start_s: float
    end_s: float
    size: int
    modified: int
    digest: bytes
    wanted: bool


class DecodedClip(NamedTuple):
    """What became of a clip.

    Attributes:
        digest: of the recording's bytes; empty where they could not be read, or changed meanwhile.
        state: what the digest is remembered under.
        samples: where they were wanted, and are not in the cache.
        facts: what is known of them, where they are not in the cache.
        reason: why the clip cannot be decoded.
    """

    digest: bytes
    state: bytes
    samples: NDArray[np.int16] | None
    facts: ClipFacts | None
    reason: str


@dataclass(frozen=True)
class CacheSnapshot:
    """A cache as it is when decoding begins; `token` tells it from the same folder at another time."""

    folder: Path
    token: str


def decode_clip(snapshot: CacheSnapshot, task: DecodeTask) -> DecodedClip:
    """Returns a clip's samples, or only its digest where the cache holds such content already."""
    name = os.fsencode(task.path)
    try:
        size, modified = _state(task.path)
        known = task.digest if (size, modified) == (task.size, task.modified) else b""
        digest = known or _digest_of(task.path, size, modified)
    except OSError as error:
        return DecodedClip(b"", b"", None, None, _why_not(task.path, error))
    key = entry_key(digest, task.start_s, task.end_s)
    state = state_key(name, size, modified)
    if _is_known(snapshot, np.array([key, failure_key(key, name)], KEY_DTYPE), task.wanted):
        return DecodedClip(digest, state, None, None, "")
    samples, facts, reason = None, None, ""
    try:
        with Recording(task.path, task.path) as recording:
            samples = to_int16(recording.waveform(task.start_s, None if np.isnan(task.end_s) else task.end_s))
            peak = int(np.abs(samples.astype(np.int32)).max())
            facts = ClipFacts(len(samples), peak, recording.partial, "; ".join(recording.notes))
    except AudioError as error:
        reason = error.reason
    try:
        if _state(task.path) != (size, modified):
            return DecodedClip(b"", b"", None, None, CHANGED)
    except OSError as error:
        return DecodedClip(b"", b"", None, None, _why_not(task.path, error))
    return DecodedClip(digest, state, samples if task.wanted else None, facts, reason)


def lost_clip(task: DecodeTask, reason: str) -> DecodedClip:
    """Returns a clip over which processes died."""
    try:
        state = _state(task.path)
        return DecodedClip(_digest_of(task.path, *state), state_key(os.fsencode(task.path), *state), None, None, reason)
    except OSError as error:
        return DecodedClip(b"", b"", None, None, _why_not(task.path, error))


def why_unreachable(path: Path) -> str:
    """Returns why there is no recording at a path, in the words of `decoder`; nothing where there is one."""
    try:
        _state(path)
    except OSError as error:
        return _why_not(path, error)
    return ""


def decode_uncached(path: Path, start_s: float, end_s: float, digest: bytes) -> NDArray[np.int16]:
    """Returns the samples of a clip that the cache does not hold.

    Raises:
        AudioError: the recording is gone, or no longer what it was.
    """
    try:
        if _digest_of(path, *_state(path)) != digest:
            raise AudioError(path, "changed since the corpus was opened")
    except OSError as error:
        raise AudioError(path, _why_not(path, error)) from error
    with Recording(path, path) as recording:
        return to_int16(recording.waveform(start_s, None if np.isnan(end_s) else end_s))


@functools.lru_cache(maxsize=1)
def _digest_of(path: Path, size: int, modified: int) -> bytes:
    """Returns the digest of a file in a state, without zeros at its end: numpy keeps none.

    The latest is remembered, since the parts of a recording come one after the other.
    """
    return bytes.fromhex(file_digest(path)).rstrip(b"\0")


def _state(path: Path) -> tuple[int, int]:
    """Returns size and time of change of a file; of anything else, which might never end, an error."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError
    return status.st_size, status.st_mtime_ns


def _why_not(path: Path, error: OSError) -> str:
    """Returns in the words of `decoder` why a file cannot be read."""
    try:
        inspect_audio(path)
    except AudioError as problem:
        return problem.reason
    return f"cannot be read: {error.strerror or CHANGED}"


def _is_known(snapshot: CacheSnapshot, keys: Keys, wanted: bool) -> bool:
    entries = _entries(snapshot)
    found = entries.find(keys)
    starts = entries.starts[found[found >= 0]]
    return bool((starts != LENGTH_ONLY).any() if wanted else len(starts))


@functools.lru_cache(maxsize=1)
def _entries(snapshot: CacheSnapshot) -> CacheEntries:
    return read_entries(snapshot.folder)
