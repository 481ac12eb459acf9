"""Where work on files runs: in processes of this machine, or on a Ray cluster; the same results either way."""

import math
import os
import signal
import socket
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from emoclr.configs.console import say
from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.corpus.parallel.pool import batches_by_size, time_limit_s
from emoclr.corpus.parallel.processes import each_in_processes

Task = TypeVar("Task")
Result = TypeVar("Result")

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

    Files go out in batches of a few MB. A batch whose worker was lost is done again, and nothing else is; one that
    loses two workers is done file by file, and a file that then loses two is given up.

    Args:
        address: of a running cluster; None starts one on this machine and ends it with the work.
    """

    def __init__(self, address: str | None = None) -> None:
        try:
            import ray
        except ImportError as error:
            raise ConfigError("--engine ray needs Ray: pip install ray") from error
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
        ray = self._ray
        ours = self._connect()
        try:
            remote = ray.remote(max_retries=1)(_work_on)
            most = 2 * max(1, int(ray.cluster_resources().get("CPU", 1)))
            waiting: deque[tuple[Sequence[Task], Any]] = deque()
            for first, end in batches_by_size(map(path_of, tasks)):
                batch = tasks[first:end]
                waiting.append((batch, remote.remote(work, batch, path_of)))
                if len(waiting) > most:
                    yield from self._results(remote, work, *waiting.popleft(), path_of, lost)
            while waiting:
                yield from self._results(remote, work, *waiting.popleft(), path_of, lost)
        finally:
            if ours:
                ray.shutdown()

    def _results(
        self,
        remote: Any,
        work: Callable[[Task], Result],
        batch: Sequence[Task],
        reference: Any,
        path_of: Callable[[Task], Path],
        lost: Callable[[Task, str], Result],
    ) -> list[Result]:
        ray = self._ray
        try:
            results: list[Result] = ray.get(reference)
            return results
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError, ray.exceptions.NodeDiedError):
            if len(batch) == 1:
                return [lost(batch[0], "two workers were lost over it: its decoder crashed, or did not finish")]
        again: list[Result] = []
        for task in batch:
            again += self._results(remote, work, [task], remote.remote(work, [task], path_of), path_of, lost)
        return again

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
        try:
            ray.init(log_to_driver=False, logging_level="ERROR", **options)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise EmoclrError(f"Ray at {self._address or 'this machine'}: {str(error).splitlines()[0]}") from error
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


def _work_on(work: Callable[[Task], Result], tasks: Sequence[Task], path_of: Callable[[Task], Path]) -> list[Result]:
    """Returns the results of a batch; a file that takes too long ends this process."""
    results = []
    for task in tasks:
        size_bytes = 0
        with suppress(OSError):
            size_bytes = path_of(task).stat().st_size
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(math.ceil(time_limit_s(size_bytes)))
        results.append(work(task))
    signal.alarm(0)
    return results
