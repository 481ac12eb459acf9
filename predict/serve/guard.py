"""Whose requests are answered: those by a name of this server, not sent by another site's page, and with the token."""

import asyncio
import contextlib
import hmac
import ipaddress
from collections.abc import Collection, Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emoclr.configs.messages import readable
from emoclr.predict.serve.limits import Refused

THIS_MACHINE = ("127.0.0.1", "localhost", "::1")
LINGER_S = 5.0
"""How long a sender who was refused may go on: one whose connection is closed at once never reads why."""

HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Guard:
    """Refuses what another site's page may have sent, and who does not know the token; the rest goes on to `app`.

    Args:
        app: what answers.
        names: by which this server may be called.
        any_address: whether it may be called by any IP address, too; another site's page has a name.
        token: that requests must have; None for none.
        open_paths: that need no token, since they hold nothing.
    """

    def __init__(
        self, app: ASGIApp, names: Iterable[str], *, any_address: bool, token: str | None, open_paths: Collection[str]
    ) -> None:
        self._app = app
        self._names = frozenset(name.lower().rstrip(".") for name in names)
        self._any_address, self._token, self._open_paths = any_address, token, open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, or passes it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        exchange = _Exchange(headers, receive, send)
        try:
            self.check(headers, scope["method"], scope["path"])
        except Refused as refused:
            await refusal(refused)(scope, exchange.receive, exchange.send)
        else:
            await self._app(scope, exchange.receive, exchange.send)

    def check(self, headers: Headers, method: str, path: str) -> None:
        """Raises `Refused` where a request is not to be answered."""
        host = headers.get("host", "")
        if not self._is_ours(host):
            raise Refused(421, f"this server is not called {readable(host[:200])!r}; see --domain of predict serve")
        site = headers.get("sec-fetch-site", "same-origin")
        origin = headers.get("origin")
        if method not in ("GET", "HEAD") and (
            site not in ("same-origin", "none")
            or (origin is not None and urlsplit(origin).netloc.lower() != host.lower())
        ):
            raise Refused(403, "a page of another site may send nothing here")
        if self._token is not None and path not in self._open_paths:
            kind, _, given = headers.get("authorization", "").partition(" ")
            if kind.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self._token.encode()):
                raise Refused(
                    401,
                    "needs the token that predict serve printed, as the header Authorization: Bearer TOKEN",
                    {"WWW-Authenticate": "Bearer"},
                )

    def _is_ours(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
        except ValueError:
            return False
        if name in self._names:
            return True
        with contextlib.suppress(ValueError):
            return self._any_address and bool(ipaddress.ip_address(name))
        return False


def refusal(refused: Refused) -> JSONResponse:
    """Returns the answer that says why there is no other."""
    return JSONResponse({"error": readable(str(refused))}, refused.status, refused.headers)


class _Exchange:
    """A request and its answer; where that comes before the request has ended, its rest is heard and dropped."""

    def __init__(self, headers: Headers, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._ended = "content-length" not in headers and "transfer-encoding" not in headers
        self._waits = "expect" in headers  # whose sender has not begun

    async def receive(self) -> Message:
        message = await self._receive()
        self._ended = self._ended or message["type"] == "http.disconnect" or not message.get("more_body")
        if message["type"] == "http.request":
            self._waits = False
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            if not self._ended:
                headers["Connection"] = "close"
        elif not message.get("more_body") and not self._ended:
            await self._send({**message, "more_body": True})
            if not self._waits:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LINGER_S):
                        while not self._ended:
                            await self.receive()
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)
