"""Items that are fetched in a thread while those before them are used."""

import queue
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")

PATIENCE_S = 2.0
"""How long the thread may take to end where nobody wants more; one that waits for a hanging decoder is left alone."""


@dataclass(frozen=True)
class _Over:
    """The end of the items, or why no more come."""

    error: BaseException | None = None


def read_ahead(items: Generator[Item, None, None], count: int, idle: Item | None = None) -> Iterator[Item]:
    """Yields items that a thread takes from a generator, at most `count` of them ahead.

    The generator is closed in that thread, whether it comes to its end or nobody wants more. Where the next item is not
    there yet, `idle` comes first, unless it is None.

    >>> list(read_ahead((number**2 for number in range(4)), count=2))
    [0, 1, 4, 9]
    """
    waiting: queue.Queue[Item | _Over] = queue.Queue(count)
    unwanted = threading.Event()

    def fetch() -> None:
        over = _Over()
        try:
            for item in items:
                waiting.put(item)
                if unwanted.is_set():
                    break
        except BaseException as error:
            over = _Over(error)
        finally:
            items.close()
            waiting.put(over)

    thread = threading.Thread(target=fetch, daemon=True)
    thread.start()
    try:
        while True:
            if idle is not None and waiting.empty():
                yield idle
            if isinstance(item := waiting.get(), _Over):
                break
            yield item
        if item.error is not None:
            raise item.error
    finally:
        unwanted.set()
        given_up = time.monotonic() + PATIENCE_S
        while thread.is_alive() and time.monotonic() < given_up:
            with suppress(queue.Empty):
                waiting.get_nowait()
            thread.join(0.01)
