"""Work spread over processes: results in order, memory bounded, decoders quiet."""

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from configs.errors import EmoclrError

Task = TypeVar("Task")
Result = TypeVar("Result")

_BATCH_BYTES = 4 << 20
_BATCH_FILES = 32
_TOO_FEW_FOR_PROCESSES = 64


def usable_cores() -> int:
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_in_processes(
    work: Callable[[Task], Result], tasks: Sequence[Task], files: int, workers: int | None
) -> Iterator[Result]:
    """Yields `work(task)` in the order of the tasks, with few results waiting at any time.

    Args:
        work: a function of a module, so that a fresh process can import it.
        tasks: what it is called with.
        files: how many files the tasks hold; a few are worked on here, since processes take time to start.
        workers: processes; None for one a core, 1 for none beside this one.

    Raises:
        EmoclrError: a process died, as it does when the system runs out of memory.
    """
    workers = min(workers or usable_cores(), len(tasks))
    if workers <= 1 or files <= _TOO_FEW_FOR_PROCESSES:
        yield from map(work, tasks)
        return
    # Fresh processes, not copies of this one: copies of a process with threads (torch has some) can hang.
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_start_worker)
    waiting: deque[Future[Result]] = deque()
    try:
        for task in tasks:
            waiting.append(pool.submit(work, task))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise EmoclrError(
            "a decoding process died, perhaps for lack of memory; fewer processes need less of it"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def batches_by_size(paths: Iterable[Path]) -> list[tuple[int, int]]:
    """Returns (first, end) of consecutive batches: a few MB of files, or one that is larger."""
    batches: list[tuple[int, int]] = []
    first, held_bytes, end = 0, 0, 0
    for end, path in enumerate(paths, start=1):
        with contextlib.suppress(OSError):
            held_bytes += path.stat().st_size
        if held_bytes >= _BATCH_BYTES or end - first >= _BATCH_FILES:
            batches.append((first, end))
            first, held_bytes = end, 0
    return [*batches, (first, end)] if end > first else batches


def _start_worker() -> None:
    """Silences standard error, onto which libmpg123 writes a line for every oddity of a file.

    What goes wrong in the work itself travels back as an exception.
    """
    with Path(os.devnull).open("w") as nothing:
        os.dup2(nothing.fileno(), 2)
