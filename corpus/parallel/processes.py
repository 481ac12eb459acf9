"""Work on files spread over processes: results in order, memory bounded; a decoder that dies costs its file alone."""

import itertools
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from emoclr.corpus.parallel.pool import Pool, batches_by_size
from emoclr.corpus.parallel.stream import Stream
from emoclr.corpus.parallel.worker import check_importable

Task = TypeVar("Task")
Item = TypeVar("Item")
Result = TypeVar("Result")


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
    for stream in _streams(work, tasks, path_of, lost, workers):
        yield stream.result


def stream_in_processes(
    work: Callable[[Task], Generator[Item, None, Result]],
    tasks: Sequence[Task],
    path_of: Callable[[Task], Path],
    lost: Callable[[Task, str], Result],
    workers: int | None = None,
) -> Iterator[Stream[Item, Result]]:
    """Yields a stream for each task, in their order: the items that the generator `work(task)` yields, then its result.

    For work whose yield is too large to be held: recordings of any length, block by block. A stream is read to its end
    before the next one is asked for; what of it was not read is passed over.

    - Memory: at most `MAX_WAITING_BYTES` and an item of each process wait for an earlier task. A process that is
      ahead of that stands still until its turn comes, and is not late meanwhile.
    - Isolation: a process that dies, or gives nothing for as long as its file may take, costs that file alone.
    - Retries: the task is begun once more in a fresh process. Items that came already are not yielded twice: the
      first of the second attempt are dropped in their place, so `work` must yield the same for the same file. After two
      deaths, or where the second attempt has fewer items, the stream ends, wherever it is, with the result of `lost`.
      So what is made of items counts once the result says so: until then it must be possible to take it back.

    Args:
        work: a generator function of a module; it returns the result. Its items should have some MB at most.
        tasks: see `each_in_processes`.
        path_of: likewise.
        lost: likewise.
        workers: likewise.

    Raises:
        EmoclrError: see `each_in_processes`.

    Examples:
        >>> def lines(path):
        ...     with path.open() as file:
        ...         yield from (len(line) for line in file)
        ...     return path.name
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "two.txt"
        >>> _ = path.write_text("one\\nthree\\n")
        >>> for stream in stream_in_processes(lines, [path], lambda path: path, lambda path, why: why, workers=1):
        ...     print(list(stream), stream.result)
        [4, 6] two.txt
    """
    if workers == 1:
        for task in tasks:
            stream = Stream(work(task))
            yield stream
            _ = stream.result
        return
    yield from _streams(work, tasks, path_of, lost, workers)


def _streams(
    work: Callable[[Task], Any],
    tasks: Sequence[Task],
    path_of: Callable[[Task], Path],
    lost: Callable[[Task, str], Any],
    workers: int | None,
) -> Iterator[Stream[Any, Any]]:
    check_importable(work)
    batches = itertools.islice(batches_by_size(map(path_of, tasks)), workers or usable_cores())
    pool = Pool(work, tasks, path_of, lost, sum(1 for _ in batches))
    try:
        yield from pool.streams()
    finally:
        pool.close()
