"""Decoded audio that all runs share: 16 kHz mono int16 in shards, found by the content of the recordings.

A shard is two files of one name: `.int16` holds samples, clip after clip, and `.npz` says what they are. The
second appears when the first is complete; neither changes after that. Shards of another `SHARD_VERSION` count as not
there.
"""

import contextlib
import hashlib
import json
import os
import shutil
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.corpus.audio.channels import ChannelChoice

SAMPLES_SUFFIX = ".int16"
ENTRIES_SUFFIX = ".npz"
DERIVED_SUFFIX = ".npy"
"""Ends what later stages keep of a corpus beside its samples; small, and removed with them."""

LENGTH_ONLY = -1
"""In place of where a clip's samples start: only their number is known, since there was no room for them."""

FAILED = -2
"""Likewise: it cannot be decoded."""

SHARD_VERSION = 3
"""3 is what is decoded to the true end of a file, with what there is to tell of it."""

KEY_BYTES = 16
KEY_DTYPE = np.dtype(f"S{KEY_BYTES}")

ENTRY_DTYPE = np.dtype(
    {
        "names": ["key", "start", "samples", "peak", "partial", "notes", "channel", "scale"],
        "formats": [KEY_DTYPE, np.int64, np.int64, np.int32, np.int32, np.int32, np.int32, np.float64],
    }
)
"""What a shard says of a clip; see `CacheEntries`."""

FILE_DTYPE = np.dtype([("state", KEY_DTYPE), ("digest", KEY_DTYPE)])
"""What it says of a file; see `state_key`."""

Keys = NDArray[np.bytes_]

_GB = 1_000_000_000


class ClipFacts(NamedTuple):
    """What a shard says of a clip beside its samples.

    Attributes:
        samples: how many.
        peak: the largest size of one.
        partial: what of the file was not decoded, in words; empty where nothing.
        notes: what was chosen or rescaled, likewise.
        channel: which one it is, from 0 on; -1 for the mean.
        scale: what its samples were multiplied by.
    """

    samples: int
    peak: int
    partial: str
    notes: str
    channel: int
    scale: float


@dataclass(frozen=True, eq=False)
class CacheEntries:
    """What the shards of a cache hold, each key once.

    Attributes:
        shards: names of the shards.
        keys: `(entries,)`, see `entry_key` and `failure_key`, in their `sorted_order`.
        shard: int32 `(entries,)`, positions in `shards`.
        starts: int64 `(entries,)`, the first sample, or `LENGTH_ONLY`, or `FAILED`.
        samples: int64 `(entries,)`, how many; of a failure, the position in `texts` of the reason.
        peaks: int32 `(entries,)`, the largest size of a sample.
        partial: int32 `(entries,)`, the position in `texts` of what was not decoded, -1 where nothing.
        notes: int32 `(entries,)`, likewise, of what was chosen or rescaled.
        channels: int32 `(entries,)`, which channel a clip is, from 0 on; -1 for the mean.
        scales: float64 `(entries,)`, what its samples were multiplied by.
        texts: what is said of clips.
    """

    shards: list[str]
    keys: Keys
    shard: NDArray[np.int32]
    starts: NDArray[np.int64]
    samples: NDArray[np.int64]
    peaks: NDArray[np.int32]
    partial: NDArray[np.int32]
    notes: NDArray[np.int32]
    channels: NDArray[np.int32]
    scales: NDArray[np.float64]
    texts: list[str]

    def find(self, keys: Keys) -> NDArray[np.int64]:
        """Returns the position of each key, -1 where there is no such entry."""
        return positions_of(keys, self.keys)


def positions_of(wanted: Keys, keys: Keys) -> NDArray[np.int64]:
    """Returns the first position of each of `wanted` among `keys` in their `sorted_order`, -1 where it is absent."""
    if not len(keys):
        return np.full(len(wanted), -1)
    places = np.minimum(np.searchsorted(_heads(keys), _heads(wanted)), len(keys) - 1)
    places[keys[places] != wanted] = -1
    return places


def sorted_order(keys: Keys) -> NDArray[np.int64]:
    """Returns the positions of keys in their order; equal ones stay in theirs."""
    return np.argsort(_heads(keys), kind="stable")


def _heads(keys: Keys) -> NDArray[np.uint64]:
    """Returns half of each key as a number: as good to sort by, and ten times faster than the bytes.

    Two keys of one head come once in 10^7 corpora of a million clips; one of them would then be decoded again.
    """
    return keys.view(np.uint64)[::2]


def default_cache_dir() -> Path:
    """Returns where decoded corpora are kept."""
    return Path(os.environ.get("EMOCLR_CACHE") or Path.home() / ".cache" / "emoclr")


def allowed_bytes(folder: Path, cache_gb: float | None) -> int:
    """Returns how much the cache in `folder` may hold: what was asked for, or half of the disk's free space.

    Args:
        folder: the cache, whose own samples count as free space.
        cache_gb: GB; None for `$EMOCLR_CACHE_GB`, where that is set.

    Raises:
        ConfigError: the environment names no size.
    """
    if cache_gb is None and (text := os.environ.get("EMOCLR_CACHE_GB")):
        try:
            cache_gb = float(text)
        except ValueError:
            raise ConfigError(f"EMOCLR_CACHE_GB: {text!r} is not a number of GB") from None
    if cache_gb is not None:
        return round(cache_gb * _GB)
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    return (shutil.disk_usage(existing).free + used_bytes(folder)) // 2


def used_bytes(folder: Path) -> int:
    """Returns how much the samples in a cache take, those of runs under way included."""
    total = 0
    for path in folder.glob(f"*{SAMPLES_SUFFIX}"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def clear_cache(folder: Path) -> int:
    """Removes all that is decoded and returns how many bytes that was; what runs have open they keep.

    Raises:
        EmoclrError: a file cannot be removed.
    """
    freed = used_bytes(folder)
    for path in [
        found for ending in (ENTRIES_SUFFIX, SAMPLES_SUFFIX, DERIVED_SUFFIX) for found in folder.glob(f"*{ending}")
    ]:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise EmoclrError(f"{path}: cannot be removed: {error.strerror or error}") from error
    return freed


def entry_key(digest: bytes, start_s: float, end_s: float, channels: ChannelChoice = "auto") -> bytes:
    """Returns the key of a recording's part from its digest; a whole recording's, by `auto`, is the digest itself.

    A part is an entry of its own: a few short parts of hours cost what they are, in memory and on disk.
    """
    if channels != "auto":
        digest = _digest(digest.ljust(KEY_BYTES, b"\0"), str(channels).encode())
    if start_s == 0 and np.isnan(end_s):
        return digest
    return _digest(digest.ljust(KEY_BYTES, b"\0"), struct.pack("<2d", start_s, -1.0 if np.isnan(end_s) else end_s))


def failure_key(key: bytes, name: bytes) -> bytes:
    """Returns the key of a failure: the decoder goes by the ending of a name, too.

    What libsndfile alone could not read (0.1) is tried again.
    """
    return _digest(key.ljust(KEY_BYTES, b"\0"), os.path.splitext(name)[1].lower(), b"failed by FFmpeg, too")  # noqa: PTH122 (pathlib takes no bytes)


def state_key(name: bytes, size: int, modified: int) -> bytes:
    """Returns the key under which the digest of a file in this state (bytes, nanoseconds) is remembered."""
    return _digest(struct.pack("<2q", size, modified), name)


def read_entries(folder: Path) -> CacheEntries:
    """Returns what a cache holds; a shard that is damaged counts as not there."""
    shards: list[str] = []
    texts: list[str] = []
    parts = [np.zeros(0, ENTRY_DTYPE)]
    for name, found, said in _shards(folder):
        found["samples"][found["start"] == FAILED] += len(texts)
        for column in ("partial", "notes"):
            found[column][found[column] >= 0] += len(texts)
        parts.append(found)
        texts += said
        shards.append(name)
    numbers = np.repeat(np.arange(len(parts), dtype=np.int32) - 1, [len(part) for part in parts])
    table = np.concatenate(parts)
    del parts
    # Of several entries for a key one that has the samples comes first: LENGTH_ONLY and FAILED are negative.
    order = np.lexsort((table["start"] < 0, _heads(np.ascontiguousarray(table["key"]))))
    keys = table["key"][order]
    again = np.flatnonzero(keys[1:] == keys[:-1]) + 1
    if len(again):
        keys, order = np.delete(keys, again), np.delete(order, again)
    return CacheEntries(
        shards=shards,
        keys=keys,
        shard=numbers[order],
        starts=table["start"][order],
        samples=table["samples"][order],
        peaks=table["peak"][order],
        partial=table["partial"][order],
        notes=table["notes"][order],
        channels=table["channel"][order],
        scales=table["scale"][order],
        texts=texts,
    )


def read_digests(folder: Path) -> tuple[Keys, Keys]:
    """Returns the state keys of all files that were ever decoded, in order, and the digests of their bytes."""
    parts = [np.zeros(0, FILE_DTYPE)]
    for path in sorted(folder.glob(f"*{ENTRIES_SUFFIX}")):
        with contextlib.suppress(*DAMAGED), np.load(path, allow_pickle=False) as arrays:
            parts.append(arrays["files"])
    table = np.concatenate(parts)
    order = sorted_order(np.ascontiguousarray(table["state"]))
    return table["state"][order], table["digest"][order]


def is_whole(folder: Path, name: str) -> bool:
    """Returns whether a shard is complete and undamaged, as far as its length shows."""
    return _shard(folder, name) is not None


def _shards(folder: Path) -> Iterator[tuple[str, NDArray[Any], list[str]]]:
    """Yields the names of shards, their entries, and the texts that these speak of."""
    for path in sorted(folder.glob(f"*{ENTRIES_SUFFIX}")):
        shard = _shard(folder, path.stem)
        if shard is not None:
            yield path.stem, *shard


def _shard(folder: Path, name: str) -> tuple[NDArray[Any], list[str]] | None:
    try:
        with np.load(folder / f"{name}{ENTRIES_SUFFIX}", allow_pickle=False) as arrays:
            if arrays["version"] != SHARD_VERSION:
                return None
            entries, texts = arrays["entries"], json.loads(arrays["texts"].tobytes())
        if entries.dtype != ENTRY_DTYPE:
            return None
        held = int(entries["samples"][entries["start"] >= 0].sum())
        return (entries, texts) if (folder / f"{name}{SAMPLES_SUFFIX}").stat().st_size == 2 * held else None
    except DAMAGED:
        return None


DAMAGED: tuple[type[Exception], ...] = (
    *(OSError, ValueError, LookupError, EOFError, RuntimeError, MemoryError),  # of numpy and zipfile
    *(BadZipFile, struct.error, zlib.error),
)


def _digest(*parts: bytes) -> bytes:
    digest = hashlib.blake2b(digest_size=KEY_BYTES)
    for part in parts:
        digest.update(part)
    return digest.digest()
