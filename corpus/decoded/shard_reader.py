"""Reading a finished shard of a cache: memory-mapped, and checked piece by piece as it is read for the first time."""

import contextlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoclr.corpus.decoded.cache import DAMAGED, ENTRIES_SUFFIX, SAMPLES_SUFFIX
from emoclr.corpus.decoded.checksums import PIECE_SAMPLES, checksum


class DamagedShard(Exception):
    """The samples of a shard are no longer those that were written."""


class ShardReader:
    """The samples of a shard.

    Each process checks a piece once, when it first reads from it.
    """

    def __init__(self, folder: Path, name: str) -> None:
        """Opens a shard.

        Raises:
            FileNotFoundError: it was removed.
            DamagedShard: it is not whole.
        """
        self._files = folder / f"{name}{SAMPLES_SUFFIX}", folder / f"{name}{ENTRIES_SUFFIX}"
        samples, entries = self._files
        try:
            with np.load(entries, allow_pickle=False) as arrays:
                self._checksums: NDArray[np.uint32] = arrays["checksums"]
            self._samples: NDArray[np.int16] = np.memmap(samples, dtype=np.int16, mode="r")
        except FileNotFoundError:
            raise
        except DAMAGED as error:
            raise DamagedShard from error
        if len(self._checksums) != -(-len(self._samples) // PIECE_SAMPLES):
            raise DamagedShard
        self._unchecked = np.ones(len(self._checksums), dtype=bool)

    def read(self, start: int, end: int) -> NDArray[np.int16]:
        """Returns samples, int16 `(end - start,)`.

        Raises:
            DamagedShard: they are not those that were written.
        """
        first, last = start // PIECE_SAMPLES, -(-end // PIECE_SAMPLES)
        for number in first + np.flatnonzero(self._unchecked[first:last]):
            piece = self._samples[number * PIECE_SAMPLES : (number + 1) * PIECE_SAMPLES]
            if checksum(piece.data) != self._checksums[number]:
                raise DamagedShard
            self._unchecked[number] = False
        return self._samples[start:end]


def remove_shard(folder: Path, name: str) -> None:
    """Removes a shard, as far as the system lets; what runs have open they keep."""
    for suffix in (ENTRIES_SUFFIX, SAMPLES_SUFFIX):
        with contextlib.suppress(OSError):
            (folder / f"{name}{suffix}").unlink()
