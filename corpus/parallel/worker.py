"""A worker process: the handle that its parent holds, and the loop that it runs.

It is a fresh interpreter, not a copy of its parent: copies of a process with threads (torch has some) can hang. Unlike
the processes of `multiprocessing` it never imports its parent's `__main__`, so that a script needs no guard.
"""

import contextlib
import math
import os
import pickle
import subprocess
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.spawn import get_executable
from pathlib import Path
from typing import Any, Generic, TypeVar

from emoclr.configs.errors import EmoclrError
from emoclr.corpus.parallel.stream import Stream

Task = TypeVar("Task")

# A recording's buffers come again with the next one: given back in between, their pages are made anew each time, which
# costs a tenth to a fifth of the decoding of short clips. Settings of glibc, bytes; other systems know nothing of them.
_KEPT_BYTES = {"MALLOC_TRIM_THRESHOLD_": str(64 << 20), "MALLOC_MMAP_THRESHOLD_": str(32 << 20)}

# Ctrl-C reaches all processes; the one that the user sees decides what becomes of the others.
_BOOTSTRAP = """\
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
from multiprocessing.connection import Connection
connection = Connection(int(sys.argv[1]))
sys.path[:] = connection.recv()
from emoclr.corpus.parallel.worker import serve
serve(connection)
"""


@dataclass(frozen=True)
class Part:
    """An item on its way from a worker to its parent."""

    item: Any


@dataclass(frozen=True)
class Ended:
    """The result of a task, likewise."""

    result: Any


@dataclass(frozen=True)
class Raised:
    """An exception on its way from a worker to its parent."""

    error: Exception


class Worker(Generic[Task]):
    """A process at the end of a pipe that no other process uses, so that its death harms nobody's results.

    Attributes:
        started: it has said that it is there.
        numbers: the tasks that it has and has not answered, in its order: it works on the first.
        due: when (`time.monotonic`) its next answer is overdue; it may start as slowly as it must.
    """

    def __init__(self, work: Callable[[Task], Any], files: Sequence[int] = ()) -> None:
        """Starts the process, which has open files of this one under their numbers.

        Raises:
            EmoclrError: it cannot be started.
        """
        self.connection, its_end = Pipe()
        command = [os.fsdecode(get_executable()), "-P", "-c", _BOOTSTRAP, str(its_end.fileno())]
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, pass_fds=[its_end.fileno(), *files], env=_KEPT_BYTES | os.environ
            )
        except OSError as error:
            raise EmoclrError(f"a worker process did not start: {error.strerror or error}") from error
        its_end.close()
        self.started = False
        self.numbers: deque[int] = deque()
        self.due = math.inf
        self._send(sys.path)
        self._send(work)

    def give(self, numbers: Sequence[int], tasks: Sequence[Task], limit_s: float) -> None:
        """Sends it the tasks of these numbers; `limit_s` is what the first of them may take."""
        self.numbers.extend(numbers)
        if self.started:
            self.due = time.monotonic() + limit_s
        self._send([tasks[number] for number in numbers])

    def receive(self) -> tuple[int, Part | Ended | Raised | None]:
        """Returns the next message, and its size in bytes; None says that the process is there.

        Raises:
            EOFError, OSError: it has died.
        """
        content = self.connection.recv_bytes()
        return len(content), pickle.loads(content)

    def stop(self, patience_s: float = 0.0) -> int:
        """Ends the process, unless it ends by itself in time, and returns its exit code, negative for a signal's."""
        self.connection.close()
        try:
            return self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _send(self, message: Any) -> None:
        # Where it has died the pipe is broken; waiting for its answer tells that too.
        with contextlib.suppress(OSError):
            self.connection.send(message)


def check_importable(work: Callable[..., Any]) -> None:
    """Raises an EmoclrError where a function is defined in the main script, which worker processes do not import."""
    while isinstance(work, partial):
        work = work.func
    if getattr(work, "__module__", None) == "__main__":
        raise EmoclrError(
            f"{getattr(work, '__qualname__', work)} is defined in the main script, which worker processes do not "
            "import: put it into a module"
        )


def serve(connection: Connection) -> None:
    """Answers batches of tasks, one after the other, until the other side is gone."""
    with contextlib.suppress(EOFError, ConnectionError):
        try:
            work = connection.recv()
        except (ImportError, AttributeError) as error:
            connection.send(Raised(error))
            return
        # libmpg123 writes a line onto standard error for every oddity of a file.
        with Path(os.devnull).open("w") as nothing:
            os.dup2(nothing.fileno(), 2)
        connection.send(None)
        while True:
            for task in connection.recv():
                for message in _answers(work, task):
                    connection.send(message)


def _answers(work: Callable[[Any], Any], task: Any) -> Iterator[Part | Ended | Raised]:
    try:
        result = work(task)
        if isinstance(result, Generator):
            stream = Stream(result)
            for item in stream:
                yield Part(item)
            result = stream.result
        yield Ended(result)
    except Exception as error:
        error.add_note(traceback.format_exc())
        yield Raised(error)
