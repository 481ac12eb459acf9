"""The folder of a server that runs, and a folder in it for each request, which go when they are no longer needed."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from emoclr.corpus.parallel.locks import LOCK, lock_file

PREFIX = "emoclr-serve-"


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Gives a folder for what is under way, which this user alone reads, and removes it at the end.

    Those that a server left which was killed are removed first.

    Examples:
        >>> with temporary_folder() as folder:
        ...     folder.is_dir()
        True
        >>> folder.exists()
        False
    """
    _remove_left_over(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        with (folder / LOCK).open("wb") as lock:
            lock_file(lock)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def request_folder(parent: Path) -> Iterator[Path]:
    """Gives a folder for a request below that of the server, and removes it at the end."""
    folder = Path(tempfile.mkdtemp(dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_left_over(parent: Path) -> None:
    """Removes folders of servers that run no more: the lock of one that runs is held."""
    for folder in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if folder.is_symlink() or (hasattr(os, "getuid") and folder.stat().st_uid != os.getuid()):
                continue
            with (folder / LOCK).open("rb") as lock:
                if lock_file(lock):
                    shutil.rmtree(folder, ignore_errors=True)
