"""What every command shares: one console, progress on long work, and exit codes."""

import argparse
import os
import select
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from emoclr.configs.errors import EmoclrError

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


def make_parser(command: str, description: str, examples: str) -> argparse.ArgumentParser:
    """Returns a parser whose help ends with examples, and which knows `--debug`."""
    parser = argparse.ArgumentParser(
        prog=command,
        description=description,
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def let_waiting_threads_sleep() -> None:
    """Asks OpenMP, which must not have been loaded yet, that a thread which waits for others gives up its core.

    It would go on turning there, in the way of data processes and whatever else runs. What the user set stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def run_command(work: Callable[[argparse.Namespace], int | None], arguments: argparse.Namespace) -> int:
    """Runs a command's work and returns its exit code.

    0 done, 1 the work failed, 2 bad arguments or config, 130 interrupted, 141 nobody reads on (`| head`). An
    `EmoclrError` is printed as its message alone, unless `--debug` asks for the traceback; by every rank that meets
    one, since it may be the only one.
    """
    let_waiting_threads_sleep()
    try:
        code = work(arguments) or 0
        print(end="", flush=True)
        return code
    except EmoclrError as error:
        if arguments.debug:
            raise
        if is_first_process() or not error.told_by_the_first:
            # Being stopped when asked to is no error.
            console().print(f"{error}" if error.exit_code == 130 else f"error: {error}", markup=False)
        return error.exit_code
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except BrokenPipeError:
        if not _nobody_reads():
            raise
        return 141


def _nobody_reads() -> bool:
    """Returns whether the reader of standard output is gone; what is left for it is then dropped."""
    output = sys.stdout.fileno()
    watched = select.poll()
    watched.register(output, select.POLLOUT)
    if not any(event & (select.POLLERR | select.POLLHUP) for _, event in watched.poll(0)):
        return False
    # Python flushes once more when it ends, and would complain.
    with Path(os.devnull).open("w") as nothing:
        os.dup2(nothing.fileno(), output)
    return True
