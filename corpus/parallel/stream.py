"""What work on a file gives that is too large to be held: items one after the other, and a result at their end."""

from collections.abc import Generator, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Stream(Generic[Item, Result]):
    """What the work on one task gives: items as they come, once, and a result at their end.

    >>> def count(to):
    ...     yield from range(to)
    ...     return "done"
    >>> stream = Stream(count(3))
    >>> list(stream), stream.result
    ([0, 1, 2], 'done')
    """

    def __init__(self, items: Generator[Item, None, Result]) -> None:
        self._items = items
        self._ended: list[Result] = []

    def __iter__(self) -> Iterator[Item]:
        if not self._ended:
            self._ended.append((yield from self._items))

    @property
    def result(self) -> Result:
        """What came at the end; items that nobody took are passed over."""
        for _ in self:
            pass
        return self._ended[0]
