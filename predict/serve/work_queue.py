"""How many requests are under way: some are worked on, some wait for their turn, and more are refused."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from starlette.requests import Request

from emoclr.configs.messages import count_of
from emoclr.predict.serve.limits import Refused

T = TypeVar("T")

RETRY_AFTER_S = 10


class WorkQueue:
    """Places for requests, and threads that work on the first of them; belongs to one event loop.

    Args:
        jobs: worked on at once.
        queue: that may wait beside these.
        what: a request, in messages.

    Attributes:
        taken: places that are.

    Examples:
        >>> with WorkQueue(jobs=1, queue=0, what="recording") as work, work.place(), work.place():
        ...     pass
        Traceback (most recent call last):
            ...
        emoclr.predict.serve.limits.Refused: 1 recording is under way, and no more are taken; try again in 10 s
    """

    def __init__(self, jobs: int, queue: int, what: str) -> None:
        self._places, self._what = jobs + queue, what
        self.taken = 0
        self._turns = asyncio.Semaphore(jobs)
        self._threads = ThreadPoolExecutor(jobs, thread_name_prefix="emoclr-serve")
        self._waiting = 0

    def __enter__(self) -> "WorkQueue":
        return self

    def __exit__(self, *error: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Takes a place, before anything of a request is received.

        Raises:
            Refused: there is none.
        """
        if self.taken >= self._places:
            under_way = f"{count_of(self.taken, self._what)} {'is' if self.taken == 1 else 'are'} under way"
            raise Refused(
                503,
                f"{under_way}, and no more are taken; try again in {RETRY_AFTER_S} s",
                {"Retry-After": f"{RETRY_AFTER_S}"},
            )
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1

    @contextlib.asynccontextmanager
    async def turn(self, tell: Callable[[int], None] = lambda before: None) -> AsyncIterator[None]:
        """Waits for one's turn, in the order of coming; `tell` gets how many are before."""
        if self._turns.locked():
            tell(self._waiting + 1)
        self._waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turns.release()

    async def run(self, work: Callable[[], T], stop: threading.Event, close: Callable[[], None] = lambda: None) -> T:
        """Returns what `work` does in a thread.

        Where nobody wants it any more, sets `stop`, calls `close` in another thread, and waits for the work to end.
        """
        done = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            stop.set()
            await asyncio.to_thread(close)
            with contextlib.suppress(Exception):
                await asyncio.shield(done)
            raise


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Returns what `work` does; where the sender is gone before its end, ends it.

    Raises:
        Refused: the sender is gone, so that nobody hears it.
    """
    task, gone = asyncio.create_task(work), asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise Refused(400, "the sender is gone")
    finally:
        gone.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
