"""What the page asks for: itself, recordings that grow, and microphones."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emoclr.configs.messages import gigabytes
from emoclr.corpus.decoded.decode_stream import live_stream
from emoclr.predict.serve.answer import Asked, Network, batches_of, within
from emoclr.predict.serve.limits import Limits, Refused
from emoclr.predict.serve.page.growing_page import GrowingPage, Taken
from emoclr.predict.serve.page.lines import Lines, LinesAnswer
from emoclr.predict.serve.page.microphone import MAX_CHUNK_BYTES, Microphone
from emoclr.predict.serve.page.served_page import ServedPage
from emoclr.predict.serve.temporary_folder import request_folder
from emoclr.predict.serve.upload import receive_upload, received
from emoclr.predict.serve.work_queue import WorkQueue, unless_gone
from emoclr.predict.stream.batches import Batch, Place, predict_batches
from emoclr.predict.stream.parts import Pieces

SPOKEN = "microphone"
"""How what was spoken is called."""
_PAGE_AT_ONCE = 1 << 20


class PageRoutes:
    """The addresses that the page asks.

    Args:
        network: what hears.
        limits: what is taken.
        folder: for what is under way.
        work: the queue of recordings; microphones have places of their own, since they do not wait.
    """

    def __init__(self, network: Network, limits: Limits, folder: Path, work: WorkQueue) -> None:
        self._network, self._limits, self._folder, self._work = network, limits, folder, work
        self._live = WorkQueue(limits.jobs, 0, "microphone")
        self._microphones: dict[str, Microphone] = {}
        self._page = ServedPage(network, limits)

    def __enter__(self) -> "PageRoutes":
        return self

    def __exit__(self, *error: object) -> None:
        self._live.__exit__(*error)

    def routes(self) -> list[Route]:
        """Returns them."""
        return [
            Route("/", self._index),
            Route("/microphone.js", self._worklet),
            Route("/page", LinesAnswer(self._grow_upload), methods=["POST"]),
            Route("/page/microphone", LinesAnswer(self._grow_microphone), methods=["POST"]),
            Route("/page/microphone/{key}", self._hear, methods=["POST"]),
        ]

    async def _index(self, request: Request) -> Response:
        return Response(self._page.html, media_type="text/html", headers={"Content-Security-Policy": self._page.policy})

    async def _worklet(self, request: Request) -> Response:
        return Response(self._page.worklet, media_type="text/javascript")

    async def _grow_upload(self, request: Request, lines: Lines) -> None:
        gate = Asked.read(request.query_params).gate
        with self._work.place(), request_folder(self._folder) as folder:
            upload = await receive_upload(request, folder, self._limits)
            page = GrowingPage(self._network, upload.name, folder, gate=gate)

            def batches(stop: threading.Event) -> Iterator[Batch]:
                limited, channels = within(self._limits, stop), [self._network.card.channels]

                def hear(pieces: Pieces) -> Pieces:
                    return page.heard(limited(pieces))

                return batches_of(self._network, upload.path, channels, hear, self._limits, gate=gate)

            await unless_gone(request, self._grown(lines, page, batches, self._work))

    async def _grow_microphone(self, request: Request, lines: Lines) -> None:
        query = dict(request.query_params)
        rate, gate = query.pop("rate", ""), Asked.read(query).gate
        with self._live.place(), request_folder(self._folder) as folder:
            microphone = Microphone(int(rate) if rate.isdecimal() and len(rate) < 7 else 0, self._limits)
            page = GrowingPage(self._network, SPOKEN, folder, gate=gate)

            def batches(stop: threading.Event) -> Iterator[Batch]:
                network = self._network
                pieces = page.heard(within(None, stop)(live_stream(microphone.pipe)))
                return predict_batches(
                    network.ensemble, network.card, pieces, gate=gate, device=network.device, begin=Place()
                )

            self._microphones[microphone.key] = microphone
            silence = asyncio.create_task(microphone.end_if_silent())
            try:
                await lines.write({"microphone": microphone.key})
                await unless_gone(request, self._grown(lines, page, batches, self._live, microphone.close))
            finally:
                silence.cancel()
                del self._microphones[microphone.key]
                await asyncio.to_thread(microphone.close)

    async def _hear(self, request: Request) -> Response:
        microphone = self._microphones.get(request.path_params["key"])
        if microphone is None:
            raise Refused(404, "this microphone is not open")
        chunk = bytearray()
        async for content in received(request, self._limits):
            chunk += content
            if len(chunk) > MAX_CHUNK_BYTES:
                raise Refused(413, f"has more than {gigabytes(MAX_CHUNK_BYTES)}; send what is spoken as it is")
        more = await microphone.take(bytes(chunk))
        if "end" in request.query_params:
            await microphone.end()
        return JSONResponse({"more": more})

    async def _grown(
        self,
        lines: Lines,
        page: GrowingPage,
        batches: Callable[[threading.Event], Iterator[Batch]],
        queue: WorkQueue,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        """Sends the page as it grows, then all that can be taken along; `close` ends what is heard."""
        stop = threading.Event()

        def work() -> list[Taken]:
            page.grow(batches(stop), lines.tell, lines.idle.is_set)
            return page.finish()

        await lines.begin()
        async with lines.telling(), queue.turn(lambda before: lines.tell({"waiting": before})):
            taken = await queue.run(work, stop, close)
        async with asyncio.timeout(self._limits.kept_s):
            await lines.write({"files": [file._asdict() for file in taken]})
            with page.path.open(encoding="utf-8") as file:
                while text := await asyncio.to_thread(file.read, _PAGE_AT_ONCE):
                    await lines.write({"page": text})
            await lines.write({"done": True})
