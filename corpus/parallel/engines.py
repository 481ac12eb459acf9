"""Where work on files runs: in processes of this machine, or on a Ray cluster; the same results either way."""

import functools
import math
import os
import signal
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from emoclr.configs.console import say
from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.configs.extras import require_extra
from emoclr.corpus.parallel.pool import batches_by_size, time_limit_s
from emoclr.corpus.parallel.processes import each_in_processes

Task = TypeVar("Task")
Result = TypeVar("Result")
Loaded = TypeVar("Loaded")

EngineName = Literal["local", "ray"]

CONNECT_TIMEOUT_S = 10.0
"""How long a cluster may take to answer."""


class Engine(Protocol):
    """What runs a function over files in parallel."""

    def run(
        self,
        work: Callable[[Task], Result],
        tasks: Sequence[Task],
        path_of: Callable[[Task], Path],
        lost: Callable[[Task, str], Result],
    ) -> Iterator[Result]:
        """Yields `work(task)` in the order of the tasks, with few results waiting at any time.

        Args:
            work: a function of a module, so that another process can import it.
            tasks: what it is called with, each of them the work on one file.
            path_of: the file of a task.
            lost: the result of a task over which two processes died, from the task and the reason.
        """


def make_engine(name: EngineName, ray_address: str | None = None) -> Engine:
    """Returns the engine of this name.

    Args:
        name: `local` or `ray`.
        ray_address: of a running Ray cluster; None starts one on this machine.

    Raises:
        ConfigError: Ray is not installed, or an address was given to the local engine.
    """
    if name == "ray":
        return RayEngine(ray_address)
    if ray_address is not None:
        raise ConfigError("--ray-address is where --engine ray finds its cluster; the local engine has none")
    return LocalEngine()


class LocalEngine:
    """Processes of this machine, at most one a core."""

    def run(
        self,
        work: Callable[[Task], Result],
        tasks: Sequence[Task],
        path_of: Callable[[Task], Path],
        lost: Callable[[Task, str], Result],
    ) -> Iterator[Result]:
        """See `Engine`."""
        return each_in_processes(work, tasks, path_of, lost)


class RayEngine:
    """A Ray cluster, whose machines see the same files under the same paths and have this package installed.

    Files go out in batches of a few MB. What is left of a batch whose worker was lost is done again, and nothing else
    is; where that loses a second worker, it is done file by file, and a file that then loses two is given up.

    Args:
        address: of a running cluster; None starts one on this machine and ends it with the work.
    """

    def __init__(self, address: str | None = None) -> None:
        require_extra("cluster", ["ray"], "--engine ray")
        import ray

        self._ray: Any = ray
        self._address = address

    def run(
        self,
        work: Callable[[Task], Result],
        tasks: Sequence[Task],
        path_of: Callable[[Task], Path],
        lost: Callable[[Task, str], Result],
    ) -> Iterator[Result]:
        """See `Engine`.

        Raises:
            EmoclrError: the cluster cannot be reached.
        """
        batches = (tasks[first:end] for first, end in batches_by_size(map(path_of, tasks)))
        work_on = partial(_work_on, work, path_of)
        for results in self.stream(work_on, batches, lambda task, reason: [lost(task, reason)], None, ahead=2):
            yield from results

    def stream(
        self,
        work: Callable[[Loaded, Sequence[Task]], Iterator[tuple[Result, Sequence[Task]]]],
        batches: Iterable[Sequence[Task]],
        lost: Callable[[Task, str], Result],
        loaded: Loaded,
        ahead: int,
    ) -> Iterator[Result]:
        """Yields what `work(loaded, batch)` yields, batch by batch in their order.

        Args:
            work: a generator function; with each result it yields what is then left of the batch, which is all that
                another worker does where this one is lost.
            batches: of tasks.
            lost: the result of a task over which two workers were lost, from the task and the reason.
            loaded: what the work needs, such as networks; a worker gets it once.
            ahead: batches a core that are handed out before the earliest is done. Their results wait in Ray's memory,
                and on its disk.

        Raises:
            EmoclrError: the cluster cannot be reached.
        """
        ray = self._ray
        ours = self._connect()
        try:
            remote = ray.remote(num_returns="streaming", max_retries=0)(_results_of)
            # In a list the reference comes as one: Ray would fetch what it stands for with each batch.
            begin = partial(remote.remote, work, [ray.put(loaded)])
            most = ahead * max(1, int(ray.cluster_resources().get("CPU", 1)))
            waiting: deque[tuple[Sequence[Task], Any]] = deque()
            for batch in batches:
                waiting.append((batch, begin(batch)))
                if len(waiting) > most:
                    yield from self._results(begin, *waiting.popleft(), lost)
            while waiting:
                yield from self._results(begin, *waiting.popleft(), lost)
        finally:
            if ours:
                ray.shutdown()

    def _results(
        self,
        begin: Callable[[Sequence[Task]], Any],
        batch: Sequence[Task],
        references: Any,
        lost: Callable[[Task, str], Result],
    ) -> Iterator[Result]:
        ray = self._ray
        deaths = (
            ray.exceptions.WorkerCrashedError,
            ray.exceptions.OutOfMemoryError,
            ray.exceptions.NodeDiedError,
            ray.exceptions.ObjectLostError,
        )
        workers_lost = 0
        while batch:
            try:
                for reference in references:
                    result, batch = ray.get(reference)
                    workers_lost = 0
                    yield result
                return
            except ray.exceptions.RayTaskError as error:
                raise error.cause from None
            except deaths:
                workers_lost += 1
            if workers_lost == 1:
                references = begin(batch)
            elif len(batch) == 1:
                yield lost(batch[0], "two workers were lost over it: its decoder crashed, or did not finish")
                return
            else:
                for task in batch:
                    yield from self._results(begin, [task], begin([task]), lost)
                return

    def _connect(self) -> bool:
        """Connects to the cluster, and returns whether it was started here."""
        ray = self._ray
        if ray.is_initialized():
            return False
        # Nothing is reported to anyone, which Ray does unless told otherwise.
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        say("starting Ray on this machine" if self._address is None else f"connecting to Ray at {self._address}")
        if self._address is not None:
            _reach(self._address)
        options = {"include_dashboard": False} if self._address is None else {"address": self._address}
        on_sigterm = signal.getsignal(signal.SIGTERM)
        try:
            ray.init(log_to_driver=False, logging_level="ERROR", **options)
        except Exception as error:  # a bare one where a busy machine takes long to start it
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise EmoclrError(f"Ray at {self._address or 'this machine'}: {reason}") from error
        if callable(on_sigterm):  # in place of which Ray puts its own
            with suppress(ValueError):  # which only the main thread has
                signal.signal(signal.SIGTERM, on_sigterm)
        return True


def _reach(address: str) -> None:
    """Tries the port of a cluster; Ray itself tries for minutes, and says little.

    Raises:
        EmoclrError: nobody answers there.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():  # "auto" and "local" name no port
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_TIMEOUT_S).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise EmoclrError(f"Ray at {address}: cannot be reached ({reason})") from error


def _results_of(
    work: Callable[[Any, Sequence[Task]], Iterator[tuple[Result, Sequence[Task]]]],
    reference: Sequence[Any],
    batch: Sequence[Task],
) -> Iterator[tuple[Result, Sequence[Task]]]:
    yield from work(_loaded(*reference), batch)


@functools.lru_cache(maxsize=1)
def _loaded(reference: Any) -> Any:
    """Returns what a reference stands for, which this process then holds."""
    import ray

    return ray.get(reference)


def _work_on(
    work: Callable[[Task], Result], path_of: Callable[[Task], Path], loaded: None, tasks: Sequence[Task]
) -> Iterator[tuple[list[Result], Sequence[Task]]]:
    """Yields the results of a batch, all at once."""
    results = []
    for task in tasks:
        with ends_this_process_after(path_of(task)):
            results.append(work(task))
    yield results, []


@contextmanager
def ends_this_process_after(path: Path) -> Iterator[None]:
    """Ends a worker where the work inside takes longer than a file may: its decoder hangs."""
    size_bytes = 0
    with suppress(OSError):
        size_bytes = path.stat().st_size
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(math.ceil(time_limit_s(size_bytes)))
    try:
        yield
    finally:
        signal.alarm(0)
