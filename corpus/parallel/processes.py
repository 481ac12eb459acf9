"""Work on files spread over processes: results in order, memory bounded; a decoder that dies costs its file alone."""

import contextlib
import itertools
import math
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import Generic, TypeVar

from emoclr.configs.errors import EmoclrError
from emoclr.corpus.parallel.worker import Raised, Worker, check_importable

Task = TypeVar("Task")
Result = TypeVar("Result")

MIN_TIME_LIMIT_S = 120.0
"""What any file may take before its decoder counts as hanging."""

_MIN_BYTES_PER_S = 100_000
_BATCH_BYTES = 4 << 20
_BATCH_FILES = 32
_DYING_S = 5.0
"""How long a process may take to end after its pipe broke, before it is killed and its own exit code is lost."""


def usable_cores() -> int:
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def each_in_processes(
    work: Callable[[Task], Result],
    tasks: Sequence[Task],
    path_of: Callable[[Task], Path],
    lost: Callable[[Task, str], Result],
    workers: int | None = None,
) -> Iterator[Result]:
    """Yields `work(task)` in the order of the tasks, with few results waiting at any time.

    Where a process dies over a file, or does not finish it in time, another takes its place, and the file is
    tried once more in a fresh one: the fault may have been an earlier file's, or the system's.

    Args:
        work: a function of a module, not of the main script, so that a fresh process can import it.
        tasks: what it is called with, each of them the work on one file.
        path_of: the file of a task, whose size says how long the work may take.
        lost: the result of a task over which two processes died, from the task and the reason.
        workers: processes; None for one a core, 1 for none beside this one, which then dies with a decoder. No
            more start than there are batches: one for a few small files.

    Raises:
        EmoclrError: processes cannot be started, or cannot import `work`.
    """
    if workers == 1:
        yield from map(work, tasks)
        return
    check_importable(work)
    batches = itertools.islice(batches_by_size(map(path_of, tasks)), workers or usable_cores())
    pool = _Pool(work, tasks, path_of, lost, sum(1 for _ in batches))
    try:
        yield from pool.results()
    finally:
        pool.close()


def time_limit_s(size_bytes: int) -> float:
    """Returns how long a file of this size may take: `MIN_TIME_LIMIT_S`, and 10 s for each MB."""
    return MIN_TIME_LIMIT_S + size_bytes / _MIN_BYTES_PER_S


def batches_by_size(paths: Iterable[Path]) -> Iterator[tuple[int, int]]:
    """Yields (first, end) of consecutive batches: a few MB of files, or one that is larger."""
    first, held_bytes, end = 0, 0, 0
    for end, path in enumerate(paths, start=1):
        held_bytes += _size_bytes(path)
        if held_bytes >= _BATCH_BYTES or end - first >= _BATCH_FILES:
            yield first, end
            first, held_bytes = end, 0
    if end > first:
        yield first, end


class _Pool(Generic[Task, Result]):
    """The processes, what they work on, and the results that wait for an earlier one."""

    def __init__(
        self,
        work: Callable[[Task], Result],
        tasks: Sequence[Task],
        path_of: Callable[[Task], Path],
        lost: Callable[[Task, str], Result],
        workers: int,
    ) -> None:
        self._work, self._tasks, self._path_of, self._lost = work, tasks, path_of, lost
        self._workers: list[Worker[Task, Result]] = [Worker(work) for _ in range(workers)]
        self._batches = batches_by_size(map(path_of, tasks))
        self._left_over: deque[list[int]] = deque()
        self._open_batches: deque[int] = deque()
        self._suspects: set[int] = set()
        self._waiting: dict[int, Result] = {}

    def results(self) -> Iterator[Result]:
        """Yields the results in the order of the tasks."""
        for number in range(len(self._tasks)):
            while self._open_batches and self._open_batches[0] <= number:
                self._open_batches.popleft()
            while number not in self._waiting:
                self._hand_out()
                self._collect()
            yield self._waiting.pop(number)

    def close(self) -> None:
        """Ends all processes."""
        for worker in self._workers:
            worker.stop()

    def _hand_out(self) -> None:
        for worker in self._workers:
            if worker.numbers:
                continue
            if self._left_over:
                self._give(worker, self._left_over.popleft())
            elif len(self._open_batches) <= 2 * len(self._workers):
                for first, end in itertools.islice(self._batches, 1):
                    self._open_batches.append(end)
                    self._give(worker, range(first, end))

    def _give(self, worker: Worker[Task, Result], numbers: Sequence[int]) -> None:
        worker.give(numbers, self._tasks, self._limit_s(numbers[0]))

    def _collect(self) -> None:
        """Waits until an answer comes, or none has come for too long."""
        busy = [worker for worker in self._workers if worker.numbers or not worker.started]
        due = min(worker.due for worker in busy)
        patience_s = None if due == math.inf else max(0.0, due - time.monotonic())
        ready = wait([worker.connection for worker in busy], timeout=patience_s)
        now = time.monotonic()
        for worker in busy:
            if worker.connection in ready:
                self._receive(worker)
            elif worker.due <= now:
                self._replace(worker, overdue=True)

    def _receive(self, worker: Worker[Task, Result]) -> None:
        try:
            answer = worker.connection.recv()
        except (EOFError, OSError):
            self._replace(worker)
            return
        if isinstance(answer, Raised):
            if worker.started:
                raise answer.error
            raise EmoclrError(f"a worker process did not start: {answer.error}") from answer.error
        if not worker.started:
            worker.started = True
        else:
            self._waiting[worker.numbers.popleft()] = answer
        if worker.numbers:
            worker.due = time.monotonic() + self._limit_s(worker.numbers[0])

    def _replace(self, worker: Worker[Task, Result], overdue: bool = False) -> None:
        """Puts a fresh process in the place of one that died, or hangs, over the first of its tasks."""
        end = _exit_reason(worker.stop(0.0 if overdue else _DYING_S))
        if not worker.started:
            raise EmoclrError(f"a worker process did not start: {end}")
        fresh: Worker[Task, Result] = Worker(self._work)
        self._workers[self._workers.index(worker)] = fresh
        suspect, *others = worker.numbers
        if others:
            self._left_over.append(others)
        if suspect not in self._suspects:
            self._suspects.add(suspect)
            self._give(fresh, [suspect])
        elif overdue:
            self._lose(suspect, f"its decoder did not finish in {self._limit_s(suspect):.0f} s")
        else:
            self._lose(suspect, f"its decoder crashed: {end}")

    def _lose(self, number: int, reason: str) -> None:
        self._waiting[number] = self._lost(self._tasks[number], reason)

    def _limit_s(self, number: int) -> float:
        return time_limit_s(_size_bytes(self._path_of(self._tasks[number])))


def _size_bytes(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0


def _exit_reason(exit_code: int) -> str:
    """Returns how a process ended."""
    if exit_code == -signal.SIGKILL:
        return "the system killed it, as it does where memory is short"
    return signal.Signals(-exit_code).name if exit_code < 0 else f"exit code {exit_code}"
