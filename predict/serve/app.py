"""What the server answers at which address."""

import contextlib
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from emoclr.configs.messages import readable
from emoclr.predict.output.tables import as_lines, head
from emoclr.predict.serve.answer import Answer, Asked, Network, answer_of
from emoclr.predict.serve.guard import Guard, refusal
from emoclr.predict.serve.limits import Limits, Refused
from emoclr.predict.serve.openapi import health, openapi
from emoclr.predict.serve.page.routes import PageRoutes
from emoclr.predict.serve.temporary_folder import request_folder
from emoclr.predict.serve.upload import receive_upload
from emoclr.predict.serve.work_queue import WorkQueue, unless_gone

OPEN_PATHS = ("/", "/microphone.js", "/health", "/openapi.json")
"""They hold nothing of anyone, and need no token."""


class Service:
    """The answers of a server.

    Args:
        network: what hears.
        limits: what is taken.
        folder: for what is under way.
    """

    def __init__(self, network: Network, limits: Limits, folder: Path) -> None:
        self._network, self._limits, self._folder = network, limits, folder
        self._work = WorkQueue(limits.jobs, limits.queue, "recording")
        self._page = PageRoutes(network, limits, folder, self._work)

    def app(self, guard: Callable[[ASGIApp], Guard]) -> ASGIApp:
        """Returns the application, before which `guard` stands."""
        routes = [
            Route("/predict", self._predict, methods=["POST"]),
            *self._page.routes(),
            Route("/health", self._health),
            Route("/openapi.json", self._openapi),
        ]
        handlers: dict[Any, Callable[[Request, Any], Awaitable[Response]]] = {
            Refused: _told,
            HTTPException: _told_by_starlette,
            Exception: _told_defect,
        }
        return guard(Starlette(routes=routes, exception_handlers=handlers, lifespan=self._lifespan))

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        with self._work, self._page:
            yield

    async def _predict(self, request: Request) -> Response:
        asked = Asked.read(request.query_params)
        stop = threading.Event()
        with self._work.place(), request_folder(self._folder) as folder:
            upload = await receive_upload(request, folder, self._limits)

            async def work() -> Answer:
                async with self._work.turn():
                    return await self._work.run(
                        lambda: answer_of(self._network, upload, asked, self._limits, stop), stop
                    )

            answer = await unless_gone(request, work())
        if asked.form == "csv":
            text = head(answer.columns, "csv") + as_lines(answer.rows, answer.columns, "csv")
            return Response(text, media_type="text/csv")
        return Response(json_of(answer, self._network), media_type="application/json")

    async def _health(self, request: Request) -> Response:
        return JSONResponse(health(self._network, self._limits, self._work.taken))

    async def _openapi(self, request: Request) -> Response:
        return JSONResponse(openapi(self._network, self._limits))


def json_of(answer: Answer, network: Network) -> str:
    """Returns an answer as JSON, whose rows are those of JSON lines, letter by letter."""
    rows = ",\n".join(as_lines(answer.rows, answer.columns, "jsonl").splitlines())
    remarks = [{"status": remark.status, "reason": readable(remark.reason)} for remark in answer.remarks]
    about = {"ensemble": network.name, "notes": network.card.told, "remarks": remarks}
    return f'{json.dumps(about, ensure_ascii=False)[:-1]}, "rows": [\n{rows}\n]}}\n'


async def _told(request: Request, refused: Refused) -> Response:
    return refusal(refused)


async def _told_by_starlette(request: Request, error: HTTPException) -> Response:
    message = {
        404: "there is nothing at this address; see /openapi.json",
        405: f"takes no {request.method}; see /openapi.json",
    }.get(error.status_code, error.detail)
    return refusal(Refused(error.status_code, message, dict(error.headers or {})))


async def _told_defect(request: Request, error: Exception) -> Response:
    return refusal(Refused(500, "this is a defect of emoclr, and not yours to mend; the server shows where"))
