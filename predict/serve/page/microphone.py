"""A microphone of a browser, whose samples come in requests of their own while an answer to the first one goes on."""

import asyncio
import contextlib
import os
import secrets
import threading

from emoclr.corpus.audio.formats.pipe import Pipe, RawPcm
from emoclr.predict.serve.limits import Limits, Refused

MAX_CHUNK_BYTES = 1 << 20
RATES = range(8_000, 192_001)
_SAMPLE_BYTES = 2


class Microphone:
    """Samples on their way into a pipe, 16-bit and mono.

    Args:
        rate: of the samples, Hz.
        limits: how many there may be, and how long it may be silent.

    Attributes:
        key: which the page that opened it knows.
        pipe: from which they are read.

    Raises:
        Refused: no microphone has this rate.
    """

    def __init__(self, rate: int, limits: Limits) -> None:
        if rate not in RATES:
            raise Refused(400, f"rate={rate}: a microphone has {RATES.start} to {RATES.stop - 1} Hz")
        self.key = secrets.token_urlsafe(16)
        end, begin = os.pipe()
        self._end = os.fdopen(end, "rb")
        self.pipe = Pipe(self._end, RawPcm(rate))
        self._begin: int | None = begin
        self._writing = threading.Lock()
        self._left = round(limits.max_s * rate) * _SAMPLE_BYTES
        self._silent_s, self._heard = limits.silent_s, asyncio.Event()

    async def take(self, chunk: bytes) -> bool:
        """Hands samples on, and returns whether it takes more; at the end of the time that is taken, none."""
        self._heard.set()
        some = chunk[: min(self._left, len(chunk) // _SAMPLE_BYTES * _SAMPLE_BYTES)]
        self._left -= len(some)
        await asyncio.to_thread(self._write, some)
        if not self._left:
            await self.end()
        return self._left > 0

    async def end(self) -> None:
        """Tells the reader that no more comes."""
        await asyncio.to_thread(self._close)

    def close(self) -> None:
        """Ends it, whether or not someone reads what came."""
        self._end.close()  # which sets a writer free whom nobody reads
        self._close()

    async def end_if_silent(self) -> None:
        """Ends it once nothing came for too long."""
        with contextlib.suppress(TimeoutError):
            while True:
                async with asyncio.timeout(self._silent_s):
                    await self._heard.wait()
                self._heard.clear()
        await self.end()

    def _write(self, content: bytes) -> None:
        with self._writing, contextlib.suppress(BrokenPipeError):
            while content and self._begin is not None:
                content = content[os.write(self._begin, content) :]

    def _close(self) -> None:
        with self._writing:
            if self._begin is not None:
                os.close(self._begin)
                self._begin = None
