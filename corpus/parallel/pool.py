"""The processes of a piece of work: what each has to do, what has come from it, and who takes a dead one's place."""

import contextlib
import heapq
import itertools
import math
import signal
import time
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Generic, TypeVar

from emoclr.configs.errors import EmoclrError
from emoclr.corpus.parallel.stream import Stream
from emoclr.corpus.parallel.worker import Ended, Part, Raised, Worker

Task = TypeVar("Task")

MIN_TIME_LIMIT_S = 120.0
"""What any file may take before its decoder counts as hanging."""

MAX_WAITING_BYTES = 64 << 20
"""How much may wait for an earlier task; beyond it, all processes but that of the earliest stand still."""

KILLED = "the system killed it, as it does where memory is short"
"""How a process ended that was no fault of its file, as far as can be known."""

_MIN_BYTES_PER_S = 100_000
_BATCH_BYTES = 4 << 20
_BATCH_FILES = 32
DYING_S = 5.0
"""How long a process may take to end after its pipe broke, before it is killed and its own exit code is lost."""


class Pool(Generic[Task]):
    """The processes, what they work on, and what waits for an earlier task.

    Args:
        work: what they do; its generators become streams, everything else is a result.
        tasks: see `stream_in_processes`.
        path_of: likewise.
        lost: likewise.
        workers: how many processes.
    """

    def __init__(
        self,
        work: Callable[[Task], Any],
        tasks: Sequence[Task],
        path_of: Callable[[Task], Path],
        lost: Callable[[Task, str], Any],
        workers: int,
    ) -> None:
        self._work, self._tasks, self._path_of, self._lost = work, tasks, path_of, lost
        self._workers: list[Worker[Task]] = [Worker(work) for _ in range(workers)]
        self._batches = batches_by_size(map(path_of, tasks))
        # The earliest first: a process that is free may be the only one that does not wait for it.
        self._left_over: list[list[int]] = []
        self._open_batches: deque[int] = deque()
        self._suspects: set[int] = set()
        self._earliest = 0
        self._waiting: defaultdict[int, deque[tuple[int, Part | Ended]]] = defaultdict(deque)
        self._waiting_bytes = 0
        self._came: defaultdict[int, int] = defaultdict(int)
        self._come_again: dict[int, int] = {}

    def streams(self) -> Iterator[Stream[Any, Any]]:
        """Yields the stream of each task, in their order; what of one nobody took is passed over."""
        for number in range(len(self._tasks)):
            self._earliest = number
            while self._open_batches and self._open_batches[0] <= number:
                self._open_batches.popleft()
            stream = Stream(self._items(number))
            yield stream
            _ = stream.result

    def close(self) -> None:
        """Ends all processes."""
        for worker in self._workers:
            worker.stop()

    def _items(self, number: int) -> Generator[Any, None, Any]:
        while True:
            while not self._waiting[number]:
                self._hand_out()
                self._collect()
            size_bytes, message = self._waiting[number].popleft()
            self._waiting_bytes -= size_bytes
            if isinstance(message, Ended):
                del self._waiting[number]
                self._came.pop(number, None)
                return message.result
            yield message.item

    def _hand_out(self) -> None:
        for worker in self._workers:
            if worker.numbers:
                continue
            if self._left_over:
                self._give(worker, heapq.heappop(self._left_over))
            elif len(self._open_batches) <= 2 * len(self._workers):
                for first, end in itertools.islice(self._batches, 1):
                    self._open_batches.append(end)
                    self._give(worker, range(first, end))

    def _give(self, worker: Worker[Task], numbers: Sequence[int]) -> None:
        worker.give(numbers, self._tasks, self._limit_s(numbers[0]))

    def _collect(self) -> None:
        """Waits until something comes, or nothing has come for too long."""
        heard = [worker for worker in self._workers if self._is_heard(worker)]
        due = min(worker.due for worker in heard)
        patience_s = None if due == math.inf else max(0.0, due - time.monotonic())
        ready = wait([worker.connection for worker in heard], timeout=patience_s)
        now = time.monotonic()
        for worker in heard:
            if worker.connection in ready:
                self._receive(worker)
            elif worker.due <= now:
                self._replace(worker, overdue=True)

    def _is_heard(self, worker: Worker[Task]) -> bool:
        """Returns whether a process is listened to; one that must wait for an earlier task is not late meanwhile."""
        if not worker.started:
            return True
        if not worker.numbers:
            return False
        if worker.numbers[0] != self._earliest and self._waiting_bytes >= MAX_WAITING_BYTES:
            worker.due = math.inf
            return False
        if worker.due == math.inf:
            worker.due = time.monotonic() + self._limit_s(worker.numbers[0])
        return True

    def _receive(self, worker: Worker[Task]) -> None:
        try:
            size_bytes, message = worker.receive()
        except (EOFError, OSError):
            self._replace(worker)
            return
        if isinstance(message, Raised):
            if worker.started:
                raise message.error
            raise EmoclrError(f"a worker process did not start: {message.error}") from message.error
        if message is None:
            worker.started = True
        elif isinstance(message, Part):
            self._take_part(worker.numbers[0], size_bytes, message)
        else:
            number = worker.numbers.popleft()
            if self._come_again.pop(number, 0):
                self._lose(number, "decoding it anew gave something else")
            else:
                self._keep(number, size_bytes, message)
        if worker.numbers:
            worker.due = time.monotonic() + self._limit_s(worker.numbers[0])

    def _take_part(self, number: int, size_bytes: int, part: Part) -> None:
        """Keeps an item, unless it came already from a process that died."""
        if self._come_again.get(number):
            self._come_again[number] -= 1
            return
        self._came[number] += 1
        self._keep(number, size_bytes, part)

    def _keep(self, number: int, size_bytes: int, message: Part | Ended) -> None:
        self._waiting[number].append((size_bytes, message))
        self._waiting_bytes += size_bytes

    def _replace(self, worker: Worker[Task], overdue: bool = False) -> None:
        """Puts a fresh process in the place of one that died, or hangs, over the first of its tasks."""
        end = exit_reason(worker.stop(0.0 if overdue else DYING_S))
        if not worker.started:
            raise EmoclrError(f"a worker process did not start: {end}")
        fresh: Worker[Task] = Worker(self._work)
        self._workers[self._workers.index(worker)] = fresh
        suspect, *others = worker.numbers
        if others:
            heapq.heappush(self._left_over, others)
        if suspect not in self._suspects:
            self._suspects.add(suspect)
            self._come_again[suspect] = self._came[suspect]
            self._give(fresh, [suspect])
        elif overdue:
            self._lose(suspect, f"its decoder did not finish in {self._limit_s(suspect):.0f} s")
        else:
            self._lose(suspect, f"its decoder crashed: {end}")

    def _lose(self, number: int, reason: str) -> None:
        self._come_again.pop(number, None)
        self._keep(number, 0, Ended(self._lost(self._tasks[number], reason)))

    def _limit_s(self, number: int) -> float:
        return time_limit_s(_size_bytes(self._path_of(self._tasks[number])))


def time_limit_s(size_bytes: int) -> float:
    """Returns how long a file of this size may take: `MIN_TIME_LIMIT_S`, and 10 s for each MB."""
    return MIN_TIME_LIMIT_S + size_bytes / _MIN_BYTES_PER_S


def batches_by_size(
    paths: Iterable[Path], max_bytes: int | None = None, max_files: int | None = None
) -> Iterator[tuple[int, int]]:
    """Yields (first, end) of consecutive batches: a few MB of files, unless said otherwise, or one that is larger."""
    max_bytes, max_files = max_bytes or _BATCH_BYTES, max_files or _BATCH_FILES
    first, held_bytes, end = 0, 0, 0
    for end, path in enumerate(paths, start=1):
        held_bytes += _size_bytes(path)
        if held_bytes >= max_bytes or end - first >= max_files:
            yield first, end
            first, held_bytes = end, 0
    if end > first:
        yield first, end


def _size_bytes(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0


def exit_reason(exit_code: int) -> str:
    """Returns how a process ended."""
    if exit_code == -signal.SIGKILL:
        return KILLED
    return signal.Signals(-exit_code).name if exit_code < 0 else f"exit code {exit_code}"
