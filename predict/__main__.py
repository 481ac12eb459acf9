"""`predict` as a process of its own: the command of a shell, and `python -m emoclr.predict`."""

import atexit
import contextlib
import os
import sys
import threading
from collections.abc import Sequence
from typing import NoReturn

from emoclr.predict.cli import main


def command(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs `predict`, and ends this process with its exit code."""
    leave(main(arguments))


def leave(code: int) -> NoReturn:
    """Ends this process as `sys.exit` does, but leaves its memory to the system.

    Python would free all that PyTorch made, object by object: half a second of what an answer about one clip takes.
    """
    current = threading.current_thread()
    if any(not thread.daemon for thread in threading.enumerate() if thread is not current):
        sys.exit(code)  # Python waits for them
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    command()
