"""New shards of a cache: each process writes its own, and each appears whole or not at all."""

import contextlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.console import say
from emoclr.configs.files import write_atomically
from emoclr.corpus.decoded.cache import (
    ENTRIES_SUFFIX,
    ENTRY_DTYPE,
    FAILED,
    FILE_DTYPE,
    LENGTH_ONLY,
    SAMPLES_SUFFIX,
    SHARD_VERSION,
    ClipFacts,
    is_whole,
)
from emoclr.corpus.decoded.checksums import checksums_of
from emoclr.corpus.parallel.locks import lock_file

SHARD_BYTES = 256 << 20
SHARD_ENTRIES = 1 << 16


class ShardWriter:
    """Appends to shards; one is finished when it is large enough, or when the work ends, be it by an error.

    A kill costs the shard in progress. Its file stays locked as long as its writer lives, so that
    `remove_unfinished` knows what it may take away.

    Attributes:
        bytes_written: of samples, to all shards.
        in_progress: samples of the clip in progress.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.bytes_written = 0
        self.in_progress = 0
        self._file: IO[bytes] | None = None
        self._end = 0
        self._begin()

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if isinstance(error, OSError):
            self._abandon()
        else:
            self._finish()

    def append(self, samples: NDArray[np.int16]) -> None:
        """Adds samples to the clip in progress, which `keep` completes and `drop` takes back."""
        if self._file is None:
            self._file = self._open()
        self._file.write(samples.data)
        self.in_progress += len(samples)
        self.bytes_written += samples.nbytes

    def keep(self, key: bytes, facts: ClipFacts) -> None:
        """Completes the clip in progress."""
        self._put(key, self._end, facts)
        self._end += self.in_progress
        self.in_progress = 0
        self._finish_if_large()

    def drop(self) -> None:
        """Takes back what was added of the clip in progress."""
        if self.in_progress and self._file is not None:
            self._file.seek(2 * self._end)
            self._file.truncate()
        self.bytes_written -= 2 * self.in_progress
        self.in_progress = 0

    def add_length(self, key: bytes, facts: ClipFacts) -> None:
        """Adds what is known of a clip for whose samples there is no room."""
        self._put(key, LENGTH_ONLY, facts)
        self._finish_if_large()

    def add_failure(self, key: bytes, reason: str) -> None:
        """Adds why a clip cannot be decoded."""
        self._entries.append((key, FAILED, self._text(reason), 0, -1, -1, -1, 1.0))
        self._finish_if_large()

    def add_state(self, state: bytes, digest: bytes) -> None:
        """Remembers the digest of a file in a state, see `state_key`."""
        self._files.append((state, digest))

    def _put(self, key: bytes, start: int, facts: ClipFacts) -> None:
        said = (self._text(facts.partial), self._text(facts.notes))
        self._entries.append((key, start, facts.samples, facts.peak, *said, facts.channel, facts.scale))

    def _text(self, text: str) -> int:
        """Returns the position of a text in the shard, -1 of the empty one."""
        return self._texts.setdefault(text, len(self._texts)) if text else -1

    def _finish_if_large(self) -> None:
        if 2 * self._end >= SHARD_BYTES or len(self._entries) >= SHARD_ENTRIES:
            self._finish()

    def _begin(self) -> None:
        self._file = None
        self._end = self.in_progress = 0
        self._entries: list[tuple[bytes | int | float, ...]] = []
        self._files: list[tuple[bytes, bytes]] = []
        self._texts: dict[str, int] = {}

    def _open(self) -> IO[bytes]:
        while True:
            self._folder.mkdir(parents=True, exist_ok=True)  # where someone removed it
            path = self._folder / f"{secrets.token_hex(8)}{SAMPLES_SUFFIX}"
            file = path.open("xb")
            if lock_file(file) is not False and path.exists():
                return file
            file.close()  # someone who tidies up was faster than our lock

    def _finish(self) -> None:
        self.drop()
        if not self._entries and not self._files:
            self._abandon()
            return
        file = self._file = self._file or self._open()
        file.truncate(2 * self._end)  # Ctrl-C may have come between writing samples and counting them
        file.flush()
        os.fsync(file.fileno())
        try:
            checksums = checksums_of(Path(file.name))
        except FileNotFoundError:  # the cache was cleared meanwhile
            self._abandon()
            self._begin()
            return
        arrays: dict[str, Any] = {
            "entries": np.array(self._entries, ENTRY_DTYPE),
            "files": np.array(self._files, FILE_DTYPE),
            "checksums": checksums,
            "texts": np.frombuffer(json.dumps(list(self._texts)).encode(), np.uint8),
            "version": np.array(SHARD_VERSION),
        }

        def write(temporary: Path) -> None:
            with temporary.open("wb") as entries:
                np.savez(entries, **arrays)

        write_atomically(Path(file.name).with_suffix(ENTRIES_SUFFIX), write)
        file.close()
        self._begin()

    def _abandon(self) -> None:
        if self._file is not None:
            Path(self._file.name).unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                self._file.close()


@contextlib.contextmanager
def exclusive(folder: Path, name: str) -> Iterator[None]:
    """Locks out other runs that would decode the same: they wait, and then find it done.

    A process that dies gives up its place. Should two ever be in, they only do the same twice.
    """
    path = folder / f"{name}.lock"
    with path.open("ab") as file:
        if lock_file(file) is False:
            say(f"another run is decoding these recordings into {folder}; waiting for it")
            lock_file(file, wait=True)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def remove_unfinished(folder: Path) -> None:
    """Removes shards that a killed run left unfinished, and damaged ones."""
    for path in [*folder.glob(f"*{SAMPLES_SUFFIX}"), *folder.glob(f"*{ENTRIES_SUFFIX}")]:
        with contextlib.suppress(OSError), path.open("rb") as file:
            if is_whole(folder, path.stem) or (path.suffix == SAMPLES_SUFFIX and not lock_file(file)):
                continue
            # Its writer may have finished it between the look and the lock.
            if is_whole(folder, path.stem) or (
                path.suffix == ENTRIES_SUFFIX and path.with_suffix(SAMPLES_SUFFIX).exists()
            ):
                continue
            for left in [path, path.with_suffix(ENTRIES_SUFFIX), *folder.glob(f".{path.stem}.*")]:
                left.unlink(missing_ok=True)
