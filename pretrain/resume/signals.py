"""Ctrl-C and SIGTERM: the first signal stops a run at the next safe place, the second at once."""

import signal
from types import FrameType
from typing import Any

from emoclr.configs.console import say
from emoclr.configs.errors import EmoclrError

SIGNALS = (signal.SIGINT, signal.SIGTERM)

Handlers = dict[signal.Signals, Any]


class Interrupted(EmoclrError):
    """The run was asked to stop, and saved."""

    exit_code = 130
    told_by_the_first = True


class StopSignals:
    """Handles Ctrl-C and SIGTERM; as a context, it gives the handlers back that were there before.

    Args:
        when: the next safe place, such as "saving after this step".

    Attributes:
        asked: whether a signal has asked to stop.
    """

    def __init__(self, when: str) -> None:
        self.when = when
        self.asked = False
        self._before: Handlers = {}

    def install(self) -> None:
        """Takes over both signals."""
        for number in SIGNALS:
            signal.signal(number, self._stop)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        say(f"{signal.Signals(number).name}: {self.when} (again to stop at once)")

    def __enter__(self) -> "StopSignals":
        self._before = current_handlers()
        self.install()
        return self

    def __exit__(self, *raised: object) -> None:
        restore_handlers(self._before)


def current_handlers() -> Handlers:
    """Returns the handlers of both signals."""
    return {number: signal.getsignal(number) for number in SIGNALS}


def restore_handlers(handlers: Handlers) -> None:
    """Installs handlers that `current_handlers` returned."""
    for number, handler in handlers.items():
        signal.signal(number, handler)
