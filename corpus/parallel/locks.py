"""Locks between processes: each ends with the process that took it, however that ends."""

import contextlib
import functools
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from emoclr.configs.console import is_first_process, say
from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.configs.messages import why_refused

LOCK = ".lock"
"""In a folder as long as a run writes into it."""

_held: set[IO[bytes]] = set()


def lock_file(file: IO[bytes], *, wait: bool = False) -> bool | None:
    """Locks an open file until it is closed or its process ends, however that ends.

    Returns:
        Whether it could; None where the file system has no locks, which is told once.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError as error:
        _tell_no_locks(Path(file.name).parent, error.strerror)
        return None
    return True


@functools.cache
def _tell_no_locks(folder: Path, reason: str) -> None:
    say(f"{folder}: its file system has no locks ({reason}): see to it that only one run at a time writes there")


@contextlib.contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Keeps other runs out of a folder, which is made where it is not there, and removed again if it stays empty.

    Of several processes that train together, the first holds the lock.

    Raises:
        ConfigError: another run writes into it.
        EmoclrError: it cannot be written to.

    Examples:
        >>> import tempfile
        >>> run = Path(tempfile.mkdtemp()) / "run"
        >>> with lock_folder(run), lock_folder(run):
        ...     pass
        Traceback (most recent call last):
            ...
        emoclr.configs.errors.ConfigError: ...
    """
    with _held_lock(folder / LOCK, folder):
        yield


@contextlib.contextmanager
def lock_table(path: Path) -> Iterator[None]:
    """Keeps other runs from writing a file, by a hidden one beside it, as `lock_folder` keeps them out of a folder.

    Raises:
        ConfigError: another run writes it.
        EmoclrError: its folder cannot be written to.
    """
    with _held_lock(path.with_name(f".{path.name}{LOCK}"), path):
        yield


@contextlib.contextmanager
def _held_lock(path: Path, what: Path) -> Iterator[None]:
    """Holds the lock at `path` for what is written; makes its folder, and removes it again if it stays empty."""
    if not is_first_process():
        yield
        return
    folder = path.parent
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = _lock_at(path, what)
    except OSError as error:
        raise EmoclrError(f"{folder}: cannot be written to: {why_refused(error)}") from error
    _held.add(file)
    try:
        yield
    finally:
        _held.discard(file)
        with contextlib.suppress(OSError):
            path.unlink()
        file.close()
        with contextlib.suppress(OSError):
            for place in made:
                place.rmdir()


def _lock_at(path: Path, what: Path) -> IO[bytes]:
    """Returns an open file at `path` that is locked, and says by whom."""
    while True:
        file = path.open("a+b", buffering=0)
        if lock_file(file) is False:
            file.seek(0)
            holder = file.read(200).decode(errors="replace").strip() or "it has just begun"
            file.close()
            raise ConfigError(
                f"{what}: another run writes into it ({holder}); wait until it ends, or give another --out"
            )
        # Whoever had the lock may have removed the file after it was opened here.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(path.stat(), os.fstat(file.fileno())):
                break
        file.close()
    with contextlib.suppress(OSError):  # where the disk is full, nobody is told who
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n".encode())
    return file


def _leave_locks_to_the_parent() -> None:
    """Lets a lock end with the process that took it, though one that was forked from it lives on."""
    for file in _held:
        file.close()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_locks_to_the_parent)
