"""One console for talk, and progress on long work."""

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")

QUIET_S = 2.0
PLAIN_EVERY_S = 10.0
RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")
"""What torchrun, Lightning and SLURM tell a process of its place; all are 0, where they are set, in the first one."""


def console() -> "Console":
    """Returns a console on standard error: results go to standard output, talk does not."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)


def is_first_process() -> bool:
    """Returns whether this process is the one of several that train together that talks."""
    return all(os.environ.get(name, "0") == "0" for name in RANKS)


def say(message: str) -> None:
    """Prints one line of talk, as it is (no markup), on standard error; of several ranks only the first one talks."""
    if is_first_process():
        console().print(message, markup=False)


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
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console(), transient=True) as progress:
            yield from progress.track(items, total=total, description=description)
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
