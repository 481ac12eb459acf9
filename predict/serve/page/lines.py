"""An answer that comes line by line, while its work goes on in a thread."""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from emoclr.predict.serve.limits import Refused

Line = dict[str, Any]


class Lines:
    """Lines of JSON, on their way to who asked.

    Attributes:
        began: whether there is an answer yet; until then a request may be refused by its status.
        idle: set where what was told has been sent.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._told: asyncio.Queue[Line] = asyncio.Queue()
        self.began = False
        self.idle = threading.Event()

    async def begin(self) -> None:
        """Begins the answer."""
        if not self.began:
            self.began = True
            headers = [(b"content-type", b"application/x-ndjson"), (b"x-accel-buffering", b"no")]
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})
            self.idle.set()

    async def write(self, line: Line) -> None:
        """Sends a line."""
        await self.begin()
        body = json.dumps(line, ensure_ascii=False).encode(errors="replace") + b"\n"
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    def tell(self, line: Line) -> None:
        """Has a line sent, from any thread."""
        self.idle.clear()
        self._loop.call_soon_threadsafe(self._told.put_nowait, line)

    @contextlib.asynccontextmanager
    async def telling(self) -> AsyncIterator[None]:
        """Sends what is told meanwhile."""
        sender = asyncio.create_task(self._send_told())
        try:
            yield
            while not self._told.empty():
                await asyncio.sleep(0)
        finally:
            sender.cancel()
            await asyncio.wait({sender})

    async def end(self) -> None:
        """Ends the answer."""
        await self._send({"type": "http.response.body", "body": b""})

    async def _send_told(self) -> None:
        while True:
            await self.write(await self._told.get())
            self.idle.set()


class LinesAnswer:
    """An application whose answers are lines of JSON; what goes wrong after the first of them is the last one.

    Args:
        answer: gets a request, and writes the lines.
    """

    def __init__(self, answer: Callable[[Request, Lines], Awaitable[None]]) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        lines = Lines(send)
        try:
            await self._answer(Request(scope, receive), lines)
        except Refused as refused:
            if not lines.began:
                raise
            await lines.write({"error": str(refused)})
        except Exception:
            if lines.began:
                await lines.write({"error": "this is a defect of emoclr, and not yours to mend"})
                await lines.end()
            raise
        await lines.end()
