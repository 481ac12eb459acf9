"""A file of a form (multipart/form-data) onto the disk while it comes, within limits."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from emoclr.configs.messages import gigabytes, readable
from emoclr.corpus.audio.file_kinds import AUDIO_SUFFIXES
from emoclr.predict.serve.limits import MIN_RECEIVED_BYTES, Limits, Refused

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FIELD = "file"
AS_FORM = "send a form with one file, as curl -F file=@recording.mp3 does"
MAX_SHOWN = 200
"""Characters of a name."""

_WRITTEN_AT_ONCE = 1 << 20
_FORM_BYTES = 1 << 16
"""Of all that is in a form beside the file."""
_MAX_PARTS = 16


@dataclass(frozen=True)
class Upload:
    """A file that came.

    Attributes:
        path: where it lies, under a name of ours.
        name: under which it was sent; to be shown, and for nothing else.
    """

    path: Path
    name: str


async def receive_upload(request: Request, folder: Path, limits: Limits) -> Upload:
    """Returns the file of a form, which lies in `folder` then; what is too much is never stored.

    Raises:
        Refused: it is no form with a file, too large, or too slow.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise Refused(415, f"is no form (multipart/form-data); {AS_FORM}")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Refused(415, "is compressed once more (Content-Encoding), which is not taken")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limits.max_bytes + _FORM_BYTES:
        raise too_large(limits, int(length))
    form = _Form(folder, limits)
    try:
        parser = MultipartParser(options[b"boundary"], form.callbacks())
        async for chunk in received(request, limits):
            parser.write(chunk)
            if form.waiting >= _WRITTEN_AT_ONCE:
                await asyncio.to_thread(form.flush)
        parser.finalize()
        await asyncio.to_thread(form.flush)
    except FormParserError as error:
        raise Refused(400, f"is a damaged form: {error}; {AS_FORM}") from error
    finally:
        form.close()
    return form.upload()


async def received(request: Request, limits: Limits) -> AsyncIterator[bytes]:
    """Yields what of a request comes.

    Raises:
        Refused: it comes too slowly, takes too long, or breaks off.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + limits.kept_s
    due, bytes_since = loop.time() + limits.silent_s, 0
    try:
        while True:
            async with asyncio.timeout_at(min(due, end)):
                message = await request.receive()
            if message["type"] == "http.disconnect":
                raise Refused(400, "broke off")
            content: bytes = message.get("body", b"")
            bytes_since += len(content)
            if bytes_since >= MIN_RECEIVED_BYTES:
                due, bytes_since = loop.time() + limits.silent_s, 0
            if content:
                yield content
            if not message.get("more_body"):
                return
    except TimeoutError:
        why = (
            f"next to nothing came in {limits.silent_s:g} s" if due < end else f"it did not end in {limits.kept_s:g} s"
        )
        raise Refused(408, f"comes too slowly: {why}") from None


def too_large(limits: Limits, size_bytes: int | None = None) -> Refused:
    """Returns the refusal of a file that is."""
    has = f"has {gigabytes(size_bytes)}, " if size_bytes else "is too large: "
    return Refused(413, f"{has}at most {gigabytes(limits.max_bytes)} are taken (--max-mb)")


def shown_name(sent: str) -> str:
    r"""Returns the name of a file as it is shown: the last part of a path, on one line, of at most `MAX_SHOWN` letters.

    >>> shown_name("C:\\calls\\a.wav"), shown_name("../../etc/passwd"), shown_name("..")
    ('a.wav', 'passwd', 'recording')
    """
    name = readable(re.split(r"[/\\]", sent)[-1]).strip()
    if name.strip(".") == "":
        return "recording"
    return name if len(name) <= MAX_SHOWN else f"{name[: MAX_SHOWN - 9]}…{name[-8:]}"


class _Form:
    """What the parser finds in a form: one file, whose content goes into a folder."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder, self._limits = folder, limits
        self.waiting = 0
        self._pieces: list[bytes] = []
        self._size = self._beside = self._parts = 0
        self._name, self._value = bytearray(), bytearray()
        self._disposition = b""
        self._file: IO[bytes] | None = None
        self._found: Upload | None = None
        self._in_file = self._ended = False

    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._open,
            "on_part_data": self._take,
            "on_end": self._end,
        }

    def flush(self) -> None:
        """Writes what waits."""
        if self._file is not None:
            self._file.writelines(self._pieces)
        self._pieces, self.waiting = [], 0

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def upload(self) -> Upload:
        """Returns the file, once all of the form came."""
        if not self._ended:
            raise Refused(400, f"breaks off in the middle of the form; {AS_FORM}")
        if self._found is None:
            raise Refused(400, f"has no file called {FIELD!r} in it; {AS_FORM}")
        if not self._size:
            raise Refused(422, "empty file (0 bytes)")
        return self._found

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > _MAX_PARTS:
            raise Refused(400, f"has more than {_MAX_PARTS} parts; {AS_FORM}")
        self._disposition = b""

    def _end_header(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def _open(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._in_file = options.get(b"name") == FIELD.encode()
        if not self._in_file:
            if b"filename" in options:
                raise Refused(400, f"has a file that is not called {FIELD!r}; {AS_FORM}")
            return
        if self._found is not None:
            raise Refused(400, f"has several files in it; {AS_FORM}")
        if b"filename" not in options:
            raise Refused(400, f"holds {FIELD!r} as text, not as a file; {AS_FORM}")
        name = shown_name(options[b"filename"].decode(errors="replace"))
        # Some formats begin with nothing that tells them, and their ending helps.
        suffix = Path(name).suffix.lower()
        path = self._folder / f"upload{suffix if suffix in AUDIO_SUFFIXES else ''}"
        self._file = path.open("xb")
        self._found = Upload(path, name)

    def _take(self, data: bytes, start: int, end: int) -> None:
        if not self._in_file:
            self._beside += end - start
            if self._beside > _FORM_BYTES:
                raise Refused(413, f"has more in it than a file; {AS_FORM}")
            return
        self._size += end - start
        if self._size > self._limits.max_bytes:
            raise too_large(self._limits)
        self._pieces.append(data[start:end])
        self.waiting += end - start

    def _end(self) -> None:
        self._ended = True
