"""Decoding one clip in a worker process, and recognising it by the content of its recording."""

import functools
import os
import stat
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emoclr.corpus.audio.channels import ChannelChoice
from emoclr.corpus.audio.decoder import AudioError, Recording, inspect_audio
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
from emoclr.corpus.index.file_digest import file_digest
from emoclr.corpus.parallel.pool import KILLED

_BLOCK_SAMPLES = 1 << 18


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
        facts: what is known of its samples, where the cache did not hold them.
        reason: why the clip cannot be decoded.
    """

    digest: bytes
    state: bytes
    facts: ClipFacts | None
    reason: str


@dataclass(frozen=True)
class CacheSnapshot:
    """A cache as it is when decoding begins; `token` tells it from the same folder at another time."""

    folder: Path
    token: str


def decode_clip(
    snapshot: CacheSnapshot, channels: ChannelChoice, task: DecodeTask
) -> Generator[NDArray[np.int16], None, DecodedClip]:
    """Yields a clip's samples block by block, unless the cache holds them or has no room, and returns what it is."""
    name = os.fsencode(task.path)
    try:
        size, modified = _state(task.path)
        known = task.digest if (size, modified) == (task.size, task.modified) else b""
        digest = known or _digest_of(task.path, size, modified)
    except OSError as error:
        return DecodedClip(b"", b"", None, _why_not(task.path, error))
    key = entry_key(digest, task.start_s, task.end_s, channels)
    state = state_key(name, size, modified)
    if _is_known(snapshot, np.array([key, failure_key(key, name)], KEY_DTYPE), task.wanted):
        return DecodedClip(digest, state, None, "")
    facts, reason, count, peak = None, "", 0, 0
    try:
        with Recording(task.path, task.path, channels) as recording:
            blocks = recording.blocks(task.start_s, None if np.isnan(task.end_s) else task.end_s)
            for samples in map(to_int16, larger_blocks(blocks)):
                count += len(samples)
                peak = max(peak, int(samples.max()), -int(samples.min()))
                if task.wanted:
                    yield samples
            notes = "; ".join(recording.notes)
            channel = -1 if recording.mix.channel is None else recording.mix.channel
            facts = ClipFacts(count, peak, recording.partial, notes, channel, recording.mix.scale)
    except AudioError as error:
        reason = error.reason
    try:
        if _state(task.path) != (size, modified):
            return DecodedClip(b"", b"", None, CHANGED)
    except OSError as error:
        return DecodedClip(b"", b"", None, _why_not(task.path, error))
    return DecodedClip(digest, state, facts, reason)


def larger_blocks(blocks: Iterator[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    """Yields what blocks hold in blocks of a megabyte or more, of which a short recording has one.

    >>> [len(block) for block in larger_blocks(iter([np.zeros(100_000, np.float32)] * 5))]
    [300000, 200000]
    """
    held: list[NDArray[np.float32]] = []
    for block in blocks:
        held.append(block)
        if sum(map(len, held)) >= _BLOCK_SAMPLES:
            yield np.concatenate(held)
            held.clear()
    if any(map(len, held)):
        yield np.concatenate(held)


def lost_clip(task: DecodeTask, reason: str) -> DecodedClip:
    """Returns a clip over which processes died.

    Where memory was short it has no digest, and so is not remembered: the next run may have more.
    """
    if KILLED in reason:
        return DecodedClip(b"", b"", None, reason)
    try:
        state = _state(task.path)
        return DecodedClip(_digest_of(task.path, *state), state_key(os.fsencode(task.path), *state), None, reason)
    except OSError as error:
        return DecodedClip(b"", b"", None, _why_not(task.path, error))


def why_unreachable(path: Path) -> str:
    """Returns why there is no recording at a path, in the words of `decoder`; nothing where there is one."""
    try:
        _state(path)
    except OSError as error:
        return _why_not(path, error)
    return ""


def check_unchanged(path: Path, digest: bytes) -> None:
    """Checks that a recording is what it was.

    Raises:
        AudioError: it is gone, or no longer what it was.
    """
    try:
        if _digest_of(path, *_state(path)) != digest:
            raise AudioError(path, "changed since the corpus was opened")
    except OSError as error:
        raise AudioError(path, _why_not(path, error)) from error


@functools.lru_cache(maxsize=1 << 15)
def _digest_of(path: Path, size: int, modified: int) -> bytes:
    """Returns the digest of a file in a state, without zeros at its end: numpy keeps none.

    The latest are remembered, since a recording may have many parts, each of which is read many times.
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
