"""A process beside this one that makes arrays; where it dies or hangs, another takes its place."""

import math
import mmap
import os
import select
import tempfile
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.errors import EmoclrError
from emoclr.corpus.parallel.pool import DYING_S, exit_reason, time_limit_s
from emoclr.corpus.parallel.worker import Ended, Raised, Worker, check_importable

Task = TypeVar("Task")

_MAX_KEPT_BYTES = 64 << 20
"""After arrays of more, the process ends, and the memory in which they came with it."""


class ProcessLost(Exception):
    """Two processes died over a task, or did not finish it in time; the message says which."""


class SideProcess(Generic[Task]):
    """A process that makes arrays, for work that may crash or hang; it starts with the first tasks.

    Unlike a child of `multiprocessing` it may belong to a data process of torch, which may have none. A copy that comes
    into another process, forked or pickled, starts one of its own. Not for several threads at once.

    Arrays come through memory that both share, and several tasks are given at once: each time that one of the two
    processes waits for the other costs about as much as decoding a tenth of a short recording.

    Args:
        work: a function of a module.

    Examples:
        >>> with SideProcess(np.sqrt) as process:
        ...     [array.tolist() for array in process.answers([np.array([4.0, 9.0]), np.array(16.0)], [0, 0])]
        [[2.0, 3.0], 4.0]
    """

    def __init__(self, work: Callable[[Task], NDArray[Any]]) -> None:
        check_importable(work)
        self._work = work
        self._worker: Worker[tuple[bool, Task]] | None = None
        self._owner = 0

    def __enter__(self) -> "SideProcess[Task]":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {"_work": self._work, "_worker": None, "_owner": 0}

    def close(self) -> None:
        """Ends the process; further tasks start another."""
        if self._worker is not None and self._owner == os.getpid():
            self._end()
        self._worker = None

    def answers(self, tasks: Sequence[Task], sizes_bytes: Sequence[int]) -> Iterator[NDArray[Any] | Exception]:
        """Yields what `work` makes of each task, or raises over it, in their order.

        An array is to be used, or copied, before the next one is taken: its memory is used again.

        Where the process dies, or does not answer in the time that a file of this size may take, the task is tried once
        more in a fresh one: the fault may have been an earlier task's, or the system's. After that it is a
        `ProcessLost`.

        Raises:
            EmoclrError: a process cannot be started.
        """
        left = deque(zip(tasks, sizes_bytes, strict=True))
        tried = False
        try:
            while left:
                answer = self._next(left)
                if isinstance(answer, ProcessLost) and not tried:
                    tried = True
                    continue
                left.popleft()
                tried = False
                yield answer
        finally:
            # After Ctrl-C and the like it still works on them.
            if left or (self._worker is not None and len(self._mapped) > _MAX_KEPT_BYTES):
                self.close()

    def _next(self, left: Sequence[tuple[Task, int]]) -> NDArray[Any] | Exception:
        """Returns the answer to the first of the tasks that are left."""
        limit_s = time_limit_s(left[0][1])
        worker = self._running()
        if not worker.numbers:
            tasks = [(number == 0, task) for number, (task, _) in enumerate(left)]
            worker.give(range(len(tasks)), tasks, limit_s)
        try:
            message = _answer_of(worker, limit_s)
        except (EOFError, OSError) as error:
            end = exit_reason(worker.stop(DYING_S))
            self.close()
            if not worker.started:
                raise EmoclrError(f"a worker process did not start: {end}") from error
            return ProcessLost(f"its decoder crashed: {end}")
        if message is None:
            self.close()
            return ProcessLost(f"its decoder did not finish in {limit_s:.0f} s")
        worker.numbers.popleft()
        return message.error if isinstance(message, Raised) else self._read(*message.result)

    def _running(self) -> "Worker[tuple[bool, Task]]":
        if self._worker is None or self._owner != os.getpid():
            self._owner, self._memory = os.getpid(), _memory()
            self._mapped = memoryview(b"")
            number = self._memory.fileno()
            self._worker = Worker(_Writer(self._work, number), files=[number])
            self._end = weakref.finalize(self, _stop, self._worker, self._owner)
        return self._worker

    def _read(self, place: int, kind: str, shape: tuple[int, ...]) -> NDArray[Any]:
        count = math.prod(shape)
        end = place + count * np.dtype(kind).itemsize
        if end > len(self._mapped):
            self._mapped = memoryview(mmap.mmap(self._memory.fileno(), os.fstat(self._memory.fileno()).st_size))
        return np.frombuffer(self._mapped, kind, count, place).reshape(shape) if count else np.empty(shape, kind)


class _Writer(Generic[Task]):
    """The work in its process: it writes an array into a file and tells where, of what kind and of what shape."""

    def __init__(self, work: Callable[[Task], NDArray[Any]], file: int) -> None:
        self._work, self._file, self._place = work, file, 0

    def __call__(self, task: tuple[bool, Task]) -> tuple[int, str, tuple[int, ...]]:
        first, own = task
        array = np.asarray(self._work(own))
        content = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        begin = 0 if first else self._place  # what came before the first was used
        written = 0
        while written < len(content):
            written += os.pwrite(self._file, content[written:].data, begin + written)
        self._place = begin + written
        return begin, array.dtype.str, array.shape


def _answer_of(worker: Worker[Any], limit_s: float) -> Ended | Raised | None:
    """Returns what a process answers, None where it does not in time; it may start as slowly as it must."""
    if worker.started:
        worker.due = time.monotonic() + limit_s
    poll = select.poll()  # what a connection polls by takes ten times as long
    poll.register(worker.connection.fileno(), select.POLLIN)
    while poll.poll(None if worker.due == math.inf else max(0.0, worker.due - time.monotonic()) * 1000):
        _, message = worker.receive()
        if isinstance(message, Raised) and not worker.started:
            raise EmoclrError(f"a worker process did not start: {message.error}") from message.error
        if isinstance(message, Ended | Raised):
            return message
        worker.started, worker.due = True, time.monotonic() + limit_s
    return None


def _memory() -> IO[bytes]:
    """Returns a file in memory, or where a system has none, one that is gone as soon as nobody has it open."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("arrays"), "r+b", buffering=0)
    return tempfile.TemporaryFile(buffering=0)


def _stop(worker: Worker[Any], owner: int) -> None:
    if owner == os.getpid():  # a copy of the one that started it has no say
        worker.stop()
