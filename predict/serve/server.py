"""A server that runs until Ctrl-C: its address, its connections, and who may reach it."""

import asyncio
import logging
import secrets
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from emoclr.configs.errors import ConfigError
from emoclr.configs.messages import why_refused
from emoclr.predict.serve.answer import Network
from emoclr.predict.serve.app import OPEN_PATHS, Service
from emoclr.predict.serve.guard import THIS_MACHINE, Guard
from emoclr.predict.serve.limits import Limits

MIN_TOKEN = 16
"""Characters of a token that somebody chose."""
_GRACE_S = 3


class PredictServer:
    """A server of an ensemble; `run` serves until Ctrl-C, SIGTERM or `stop`.

    Args:
        network: what hears.
        limits: what it takes.
        folder: for what is under way.
        host: the address that it is bound to.
        port: 0 for one that is free.
        domains: names by which it is called, beside its address, as by a proxy.
        token: that requests must have; None for one of its own, or on this machine alone for none.

    Attributes:
        host: the address.
        port: of it.
        token: that requests must have; None for none.

    Raises:
        ConfigError: it cannot be bound there, or the token is short.
    """

    def __init__(
        self,
        network: Network,
        limits: Limits,
        folder: Path,
        *,
        host: str = THIS_MACHINE[0],
        port: int = 0,
        domains: Sequence[str] = (),
        token: str | None = None,
    ) -> None:
        here = host in THIS_MACHINE
        if token is not None and len(token) < MIN_TOKEN:
            raise ConfigError(f"the token has {len(token)} characters; it needs at least {MIN_TOKEN}")
        self.host, self.token = host, token or (None if here else secrets.token_urlsafe(24))
        self._socket = _bound(host, port)
        self.port: int = self._socket.getsockname()[1]
        names = [*THIS_MACHINE, host, *domains, *([] if here else [socket.gethostname(), socket.getfqdn()])]

        def guard(app: Any) -> Guard:
            return Guard(app, names, any_address=not here, token=self.token, open_paths=OPEN_PATHS)

        logging.getLogger("python_multipart").setLevel(logging.ERROR)  # senders are told of their forms
        config = uvicorn.Config(
            Service(network, limits, folder).app(guard),
            http=_connections(limits),
            ws="none",
            lifespan="on",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=_GRACE_S,
        )
        self._server = uvicorn.Server(config)

    @property
    def url(self) -> str:
        """The address of the page, for others where it is bound to all addresses of this machine."""
        host = socket.gethostname() if self.host in ("0.0.0.0", "::") else self.host
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self.port}/"

    def run(self) -> None:
        """Serves until it is stopped."""
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()

    def stop(self) -> None:
        """Ends `run`, from another thread."""
        self._server.should_exit = True


def _bound(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=128)
    except (OSError, OverflowError) as error:
        reason = why_refused(error) if isinstance(error, OSError) else "ports go up to 65535"
        raise ConfigError(f"--host {host} --port {port}: {reason}; --port 0 takes one that is free") from error


class _Alarm:
    """What is done after a while, unless it is called off."""

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None

    def set(self, loop: asyncio.AbstractEventLoop, after_s: float, do: Callable[[], None]) -> None:
        """Sets it, unless it is set."""
        self._timer = self._timer or loop.call_later(after_s, do)

    def call_off(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _connections(limits: Limits) -> type[H11Protocol]:
    """Returns how connections are held, which waits no longer than `limits` for anyone to send or to read."""

    class Connection(H11Protocol):
        """A connection that is closed where a request does not come, or its answer is not read."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            self._late, self._unread = _Alarm(), _Alarm()
            super().connection_made(transport)
            self._expect()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._expect()

        def _expect(self) -> None:
            """Waits for the head of a request, unless one is under way."""
            if self.cycle is not None and not self.cycle.response_complete:
                self._late.call_off()
            elif not self.transport.is_closing():
                self._late.set(self.loop, limits.silent_s, self.transport.abort)

        def on_response_complete(self) -> None:
            self._late.call_off()
            super().on_response_complete()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._unread.set(self.loop, limits.kept_s, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            self._unread.call_off()

        def connection_lost(self, exc: Exception | None) -> None:
            self._late.call_off()
            self._unread.call_off()
            super().connection_lost(exc)

    return Connection
