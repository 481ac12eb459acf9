"""One clip decoded in a process of its own, and recognised by the content of its recording."""

import functools
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emoclr.corpus.audio.decoder import AudioError, inspect_audio, read_waveform
from emoclr.corpus.audio.samples import to_int16
from emoclr.corpus.decoded.cache import KEY, MEASURED, Entries, Keys, entry_key, failure_key, read_entries, state_key
from emoclr.corpus.index.recording import fingerprint_of

CHANGED = "changed while it was read"


class Job(NamedTuple):
    """A clip to decode.

    Attributes:
        path: the recording.
        start_s: s.
        end_s: s; NaN for the end.
        size: bytes of the recording when `fingerprint` was taken.
        modified: its time of change then, nanoseconds.
        fingerprint: of its bytes, where it is known.
        wanted: whether there is room for the samples, or only their number is wanted.
    """

    path: Path
    start_s: float
    end_s: float
    size: int
    modified: int
    fingerprint: bytes
    wanted: bool


class Decoded(NamedTuple):
    """What became of a clip.

    Attributes:
        digest: of the recording's bytes; empty where they could not be read, or changed meanwhile.
        state: what the digest is remembered under.
        samples: where they were wanted, and are not in the cache.
        length: how many.
        reason: why the clip cannot be decoded.
    """

    digest: bytes
    state: bytes
    samples: NDArray[np.int16] | None
    length: int
    reason: str


@dataclass(frozen=True)
class Before:
    """A cache as it was when the work began; `token` tells it from what was there another time."""

    folder: Path
    token: str


def decode_clip(before: Before, job: Job) -> Decoded:
    """Returns a clip's samples, or only its digest where the cache holds such content already."""
    name = os.fsencode(job.path)
    try:
        size, modified = _state(job.path)
        known = job.fingerprint if (size, modified) == (job.size, job.modified) else b""
        digest = known or _digest_of(job.path, size, modified)
    except OSError as error:
        return Decoded(b"", b"", None, 0, _why_not(job.path, error))
    key = entry_key(digest, job.start_s, job.end_s)
    state = state_key(name, size, modified)
    if _is_known(before, np.array([key, failure_key(key, name)], KEY), job.wanted):
        return Decoded(digest, state, None, 0, "")
    samples, reason = None, ""
    try:
        samples = to_int16(read_waveform(job.path, job.start_s, None if np.isnan(job.end_s) else job.end_s))
    except AudioError as error:
        reason = error.reason
    try:
        if _state(job.path) != (size, modified):
            return Decoded(b"", b"", None, 0, CHANGED)
    except OSError as error:
        return Decoded(b"", b"", None, 0, _why_not(job.path, error))
    length = 0 if samples is None else len(samples)
    return Decoded(digest, state, samples if job.wanted else None, length, reason)


def lost_clip(job: Job, reason: str) -> Decoded:
    """Returns a clip over which processes died."""
    try:
        state = _state(job.path)
        return Decoded(_digest_of(job.path, *state), state_key(os.fsencode(job.path), *state), None, 0, reason)
    except OSError as error:
        return Decoded(b"", b"", None, 0, _why_not(job.path, error))


def why_unreachable(path: Path) -> str:
    """Returns why there is no recording at a path, in the words of `decoder`; nothing where there is one."""
    try:
        _state(path)
    except OSError as error:
        return _why_not(path, error)
    return ""


def decode_again(path: Path, start_s: float, end_s: float, digest: bytes) -> NDArray[np.int16]:
    """Returns the samples of a clip that the cache does not hold.

    Raises:
        AudioError: the recording is gone, or no longer what it was.
    """
    try:
        if _digest_of(path, *_state(path)) != digest:
            raise AudioError(path, "changed since the corpus was opened")
    except OSError as error:
        raise AudioError(path, _why_not(path, error)) from error
    return to_int16(read_waveform(path, start_s, None if np.isnan(end_s) else end_s))


@functools.lru_cache(maxsize=1)
def _digest_of(path: Path, size: int, modified: int) -> bytes:
    """Returns the digest of a file in a state, without zeros at its end: numpy keeps none.

    The latest is remembered, since the parts of a recording come one after the other.
    """
    return bytes.fromhex(fingerprint_of(path)).rstrip(b"\0")


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


def _is_known(before: Before, keys: Keys, wanted: bool) -> bool:
    entries = _entries(before)
    found = entries.find(keys)
    starts = entries.starts[found[found >= 0]]
    return bool((starts != MEASURED).any() if wanted else len(starts))


@functools.lru_cache(maxsize=1)
def _entries(before: Before) -> Entries:
    return read_entries(before.folder)
