"""What the commands share: parsers, `help`, overrides, checks of paths, exit codes."""

import argparse
import contextlib
import gc
import os
import re
import select
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from emoclr.configs.console import console, is_first_process, say
from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.configs.messages import readable, why_refused

DEBUG = "--debug"
DEFECT = "This is a defect of emoclr, and not yours to mend: please report it with the lines above."


class _StoreOnce(argparse.Action):
    """Stores the value of an option, and refuses a second one, which would take the place of the first."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Stores `values`."""
        before = getattr(namespace, self.dest, self.default)
        if option_string and before is not self.default:
            parser.error(f"{option_string} is given twice: {before} and {values}")
        setattr(namespace, self.dest, values)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors show words of the command line as text of one line."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.register("action", None, _StoreOnce)

    def error(self, message: str) -> NoReturn:
        """Ends with the usage and an error."""
        super().error(readable(message))


def make_parser(command: str, description: str, examples: str) -> argparse.ArgumentParser:
    """Returns a parser whose help ends with examples, and which knows `--debug`."""
    parser = _Parser(
        prog=command,
        description=description,
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_debug(parser)
    return parser


def add_debug(parser: argparse.ArgumentParser) -> None:
    """Adds `--debug`."""
    parser.add_argument(DEBUG, action="store_true", help="show the traceback of an error")


def add_settings(parser: argparse.ArgumentParser, config: str) -> None:
    """Adds `--config`, with its default, and the overrides of its keys."""
    parser.add_argument("--config", default=config, help="YAML file or shipped config (default: %(default)s)")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="settings of the config to change")


def add_columns(parser: argparse.ArgumentParser) -> None:
    """Adds `--columns`, which says what columns of tables mean."""
    parser.add_argument(
        "--columns",
        action="append",
        default=[],
        metavar="MEANING=COLUMN",
        help="column of a table that is the path, speaker, split, fold, validation_fold, start, end or emotion, where "
        "its name does not tell it, such as speaker=actor,start=t0; none where no column is",
    )


def positive(text: str) -> int:
    """Returns a whole number of 1 or more; the type of an option.

    >>> positive("16000")
    16000
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Adds `--engine` and `--ray-address`."""
    parser.add_argument("--engine", choices=("local", "ray"), default="local", help="what the work runs on (local)")
    parser.add_argument("--ray-address", metavar="ADDRESS", help="of a running Ray cluster; without, one is started")


def column_overrides(columns: Sequence[str], prefix: str = "") -> list[str]:
    """Returns the words of `--columns` as overrides of settings.

    >>> column_overrides(["speaker=actor,start=t0"], "columns.")
    ['columns.speaker=actor', 'columns.start=t0']
    """
    return [prefix + part for word in columns for part in re.split(r",(?=\w+=)", word)]


def typed_words(words: Sequence[str] | None) -> list[str]:
    """Returns the words of the command line: `words`, or those that this process was started with."""
    return list(sys.argv[1:] if words is None else words)


def parse(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
    """Returns the arguments of a command; options may stand anywhere among them.

    The word `help` alone prints the help and exits, and so do no words at all, unless the default `bare` of the
    parser says that the command needs none.
    """
    if list(words) == ["help"] or not (words or parser.get_default("bare")):
        words = ["--help"]
    return parser.parse_intermixed_args(words)


def parse_group(
    parser: argparse.ArgumentParser,
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    words: Sequence[str],
) -> argparse.Namespace:
    """Returns the arguments of one of a group of sub-commands, each parsed as `parse` does.

    Args:
        parser: of the group.
        commands: what `parser.add_subparsers` returned.
        words: the name of the sub-command comes first, or after `--debug` or `help`.
    """
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    place = next((place for place, word in enumerate(words) if word != DEBUG), 0)
    if words and words[place] in commands.choices:
        return parse(commands.choices[words[place]], [*words[:place], *words[place + 1 :]])
    return parser.parse_args(words or ["--help"])


def with_flags(overrides: Sequence[str], flags: dict[str, str | None]) -> list[str]:
    """Returns the overrides together with those settings that have an option of their own, such as `--data X`.

    Args:
        overrides: `key=value` each.
        flags: the value of each option by the key of its setting, None where it was not given.

    Raises:
        ConfigError: a setting is given both ways, with different values.

    Examples:
        >>> with_flags(["epochs=5"], {"data": "recordings", "out": None})
        ['epochs=5', 'data=recordings']
    """
    given = {key: value for key, _, value in (override.partition("=") for override in overrides)}
    for key, value in flags.items():
        if value is not None and given.get(key, value) != value:
            raise ConfigError(f"{key}: is given twice: --{key} {value} and {key}={given[key]}")
    return [*overrides, *(f"{key}={value}" for key, value in flags.items() if value is not None)]


def check_exists(*places: str | Path | None, what: str = "file or folder", hint: str = "") -> None:
    """Checks that files or folders are there; None stands for one that was not asked for.

    Args:
        places: the files or folders.
        what: how the message calls what is not there.
        hint: added to the message.

    Raises:
        ConfigError: one is not there.
    """
    for place in places:
        if place is not None and not Path(place).exists():
            raise ConfigError(f"{place}: no such {what}{hint}")


def let_waiting_threads_sleep() -> None:
    """Asks OpenMP and OpenBLAS, none of them loaded yet, that a thread which waits for others gives up its core.

    It would go on turning there, in the way of data processes, of whatever else runs, and of the other's threads: numpy
    and scipy have an OpenBLAS each. What the user set stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")  # it turns for 2^4 cycles; unasked for 2^26, 25 ms


def leave_out_cuda_bindings() -> None:
    """Has PyTorch, not loaded yet, do without its optional `cuda.bindings` where there is no driver they could call."""
    import ctypes

    with contextlib.suppress(OSError):
        if sys.platform != "linux" or "cuda.bindings" in sys.modules or ctypes.CDLL("libcuda.so.1"):
            return
    sys.modules["cuda.bindings"] = None  # type: ignore[assignment]


def run_command(work: Callable[[argparse.Namespace], int | None], arguments: argparse.Namespace) -> int:
    """Runs a command's work and returns its exit code.

    0 done, 1 the work failed, 2 bad arguments or config, 130 interrupted, 141 nobody reads on (`| head`). An
    `EmoclrError` is printed as its message alone, unless `--debug` asks for the traceback; by every rank that meets
    one, since it may be the only one. So is what the system refuses: permissions, names, disks, memory. All else is
    a defect, and keeps its traceback.
    """
    let_waiting_threads_sleep()
    leave_out_cuda_bindings()
    try:
        code = work(arguments) or 0
        print(end="", flush=True)  # noqa: T201
        return code
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except Exception as error:
        if isinstance(error, BrokenPipeError) and _nobody_reads():
            _drop_output()
            return 141
        if isinstance(error, EmoclrError | OSError | MemoryError):
            if arguments.debug:
                raise
            return _tell(error)
        error.add_note(DEFECT)
        raise


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Keeps what is loaded meanwhile from the garbage collector.

    It would search all that PyTorch makes again and again, and once more when the process ends: a quarter of what a
    command takes before it answers about one clip.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        # Once, as what is garbage then stays. Triton's bindings tell of all that is left at the end as leaked.
        if not gc.get_freeze_count() and "triton" not in sys.modules:
            gc.freeze()


@contextlib.contextmanager
def stopped_by_sigterm() -> Iterator[None]:
    """Lets SIGTERM do what Ctrl-C does."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _tell(error: EmoclrError | OSError | MemoryError) -> int:
    """Prints an error as one line and returns the exit code."""
    if isinstance(error, EmoclrError):
        if is_first_process() or not error.told_by_the_first:
            # Being stopped when asked to is no error.
            first, *more = map(readable, error.args)
            for line in [first if error.exit_code == 130 else f"error: {first}", *more]:
                console().print(line)
        return error.exit_code
    told = f"out of memory {error}".strip()
    if isinstance(error, OSError):
        place = readable(os.fsdecode(error.filename)) if error.filename else ""
        try:
            print(end="", flush=True)  # noqa: T201
        except OSError:
            place = "standard output"
            _drop_output()
        told = f"{place}: {why_refused(error)}" if place else why_refused(error)
    console().print(readable(f"error: {told} ({DEBUG} shows where)"))
    return 1


def _nobody_reads() -> bool:
    """Returns whether the reader of standard output is gone."""
    watched = select.poll()
    watched.register(sys.stdout.fileno(), select.POLLOUT)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in watched.poll(0))


def _drop_output() -> None:
    """Drops what is left for standard output: Python flushes once more when it ends, and would complain."""
    with Path(os.devnull).open("w") as nothing:
        os.dup2(nothing.fileno(), sys.stdout.fileno())
