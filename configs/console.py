"""One console for talk, and progress on long work."""

import contextlib
import functools
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TYPE_CHECKING, Any, TypeVar

from emoclr.configs.messages import readable

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.progress import Progress
    from rich.segment import Segment
    from rich.text import Text

T = TypeVar("T")

QUIET_S = 2.0
PLAIN_EVERY_S = 10.0
RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")
"""What torchrun, Lightning and SLURM tell a process of its place; all are 0, where they are set, in the first one."""


def console() -> "Console":
    """Returns a console on standard error: results go to standard output, talk does not."""
    return _screen()(stderr=True, highlight=False, emoji=False, markup=False, soft_wrap=True)


def results() -> "Console":
    """Returns a console on standard output, for tables; words in brackets are no markup."""
    return _screen()(highlight=False, emoji=False, markup=False)


@functools.cache
def _screen() -> "type[Console]":
    from rich.console import Console
    from rich.segment import Segment

    class Screen(Console):
        """A console that spells out what would steer a terminal, such as an escape sequence in the name of a file."""

        def render_str(self, text: str, **options: Any) -> "Text":
            """Returns text as rich measures it."""
            return super().render_str(_plain(text), **options)

        def render(self, renderable: "RenderableType", options: "ConsoleOptions | None" = None) -> "Iterator[Segment]":
            """Yields the parts of what is shown."""
            for part in super().render(renderable, options):
                yield part if part.control else Segment(_plain(part.text), part.style)

        def on_broken_pipe(self) -> None:
            """Leaves it to the command that nobody reads on: rich would end it here with 1."""
            raise  # noqa: PLE0704 (rich calls this where it has caught the error)

    return Screen


def _plain(text: str) -> str:
    """Returns text with its line ends, and all else that is no plain text spelled out."""
    return "\n".join(map(readable, text.split("\n")))


def is_first_process() -> bool:
    """Returns whether this process is the one of several that train together that talks."""
    return all(os.environ.get(name, "0") == "0" for name in RANKS)


def say(message: str) -> None:
    """Prints one line of talk, as it is (no markup), on standard error; of several ranks only the first one talks.

    Line ends and what would steer a terminal are spelled out.
    """
    if is_first_process():
        console().print(readable(message))


def show(line: str) -> None:
    """Prints one line of results, as it is and however long, on standard output; see `say`."""
    results().print(readable(line), soft_wrap=True)


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yields `items` under a progress bar; in plain lines where standard error is no terminal, see `say`.

    Args:
        items: what is worked through.
        description: what the work is, e.g. "decoding".
        total: how many items; taken from `len(items)` where that exists.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    if sys.stderr.isatty() and is_first_process():
        with _bar() as bar:
            yield from bar.track(items, total=total, description=readable(description))
        return
    of_all = f" of {total}" if total else ""
    started = told = time.monotonic()
    done = 0
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - told > PLAIN_EVERY_S and done != total:
            told = now
            say(f"{description}: {done}{of_all}")
    if time.monotonic() - started > QUIET_S:
        say(f"{description}: {done}{of_all}, done")


@contextlib.contextmanager
def progress(description: str, total: int, what: str) -> Iterator[Callable[[float], None]]:
    """Gives a function that shows how much of some work is done, where one item may take long; see `track`.

    Args:
        description: what the work is, e.g. "predicting".
        total: how many items.
        what: an item, e.g. "recording".

    Yields:
        Called with how many items are done, parts of one included.
    """
    if sys.stderr.isatty() and is_first_process():
        with _bar() as bar:
            task = bar.add_task(description, total=total)
            yield lambda done: bar.update(task, completed=done)
        return
    told = time.monotonic()

    def tell(done: float) -> None:
        nonlocal told
        if time.monotonic() - told > PLAIN_EVERY_S and done < total:
            told = time.monotonic()
            whole, part = divmod(done, 1)
            under_way = f" and {part:.0%} of the next" if part else ""
            say(f"{description}: {whole:.0f} of {total} {what}s{under_way}")

    yield tell


def _bar() -> "Progress":
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console(), transient=True)
