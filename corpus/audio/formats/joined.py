"""Files that are several recordings, one behind the other: chained Ogg (RFC 3533), and any that `cat` has joined.

Decoders stop at the end of the first, or take the header of the next for sound.
"""

import contextlib
import io
import itertools
import mmap
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
import soxr

from emoclr.corpus.audio.errors import DecoderError
from emoclr.corpus.audio.formats.containers import ogg_pages, opened, wav_chunks
from emoclr.corpus.audio.formats.stream import AudioStream, Block

_HEAD_BYTES = 32
_MAX_MATCH_BYTES = 64
_READ_BYTES = 1 << 20
_XING = re.compile(rb"\xff[\xe2-\xff]..(?:\0{9}|\0{17}|\0{32})(?:Xing|Info)", re.DOTALL)
_INITIAL = b"[" + b"".join(b"\\x%02x" % byte for byte in range(256) if byte & 8) + b"]"
"""The second byte of the flags of the first block of a group in WavPack."""
_ZEROS = re.compile(rb"\0*")
_MAX_JUNK_BYTES = 4096
"""Before the first frame of an mp3, behind its tags and the zeros that pad them."""


def joined_recordings(source: Path | bytes) -> list[tuple[int, int]]:
    """Returns first and end byte of each recording in a file; of most there is one.

    Formats of packets that stand for themselves are not divided: decoders of flac, aac or MPEG streams read on.

    Examples:
        >>> import soundfile
        >>> file = io.BytesIO()
        >>> soundfile.write(file, np.zeros(16), 16_000, format="WAV")
        >>> one = file.getvalue()
        >>> joined_recordings(one), joined_recordings(one + one)
        ([(0, 76)], [(0, 76), (76, 152)])
    """
    with opened(source) as (file, size):
        head = file.read(_HEAD_BYTES)
        if head[:4] == b"OggS":
            begins = _ogg_begins(file, size)
        elif head[:4] == b"RIFF":
            begins = (place - 8 for name, place, _ in wav_chunks(file, size) if name == b"RIFF")
        elif head[4:8] == b"ftyp":
            begins = _mp4_begins(file, size)
        elif head[:3] == b"ID3" or (head[:1] == b"\xff" and head[1:2] >= b"\xe2"):
            begins = _mp3_begins(source)
        else:
            begins = _same_heads(source, head)
        edges = [0, *begins, size]
    return list(itertools.pairwise(edges))


class Section(io.RawIOBase):
    """Bytes `first` to `end` of a file, as a file of its own."""

    def __init__(self, path: Path, first: int, end: int) -> None:
        self._file = path.open("rb")
        self._first, self._size = first, end - first
        self.seek(0)

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fills a buffer, up to the end of the section, and returns with how many bytes."""
        left = max(0, self._size - self.tell())
        return self._file.readinto(memoryview(buffer)[:left])

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Goes to a place in the section and returns it."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: self._size}[whence]
        return self._file.seek(self._first + max(0, base + offset)) - self._first

    def tell(self) -> int:
        """Returns the place in the section."""
        return self._file.tell() - self._first

    def close(self) -> None:
        """Closes the file."""
        self._file.close()
        super().close()


class JoinedStream:
    """Several recordings as one, at the rate and with the channels of the first; see `AudioStream`."""

    def __init__(self, openers: list[Callable[[], AudioStream]]) -> None:
        """Opens the first.

        Raises:
            DecoderError: it cannot be opened.
        """
        self._openers = openers
        self._first = openers[0]()
        self.sample_rate, self.channels = self._first.sample_rate, self._first.channels
        self.float_samples, self.others = self._first.float_samples, self._first.others
        self.duration_s: float | None = None
        self.partial = ""

    def blocks(self, start: int = 0) -> Iterator[Block]:
        """See `AudioStream`."""
        for number, open_one in enumerate(self._openers, start=1):
            try:
                with contextlib.closing(self._first if number == 1 else open_one()) as stream:
                    for block in self._converted(stream):
                        if len(block) > start:
                            yield block[start:]
                        start = max(0, start - len(block))
                    problem = stream.partial
            except DecoderError as error:
                problem = str(error)
            if problem and not self.partial:
                self.partial = f"recording {number} of the {len(self._openers)} in it: {problem}"

    def close(self) -> None:
        """See `AudioStream`."""
        self._first.close()

    def _converted(self, stream: AudioStream) -> Iterator[Block]:
        change = None
        if stream.sample_rate != self.sample_rate:
            change = soxr.ResampleStream(stream.sample_rate, self.sample_rate, self.channels, "float32", "HQ")
        for block in stream.blocks():
            if stream.channels != self.channels:
                block = np.repeat(block.mean(axis=1, keepdims=True), self.channels, axis=1)
            yield change.resample_chunk(np.ascontiguousarray(block)) if change else block
        if change:
            yield change.resample_chunk(np.empty((0, self.channels), dtype=np.float32), last=True)


def _ogg_begins(file: IO[bytes], size: int) -> Iterator[int]:
    """Yields where streams begin, behind pages of others: the first pages of those in parallel come together."""
    before = True
    for page in ogg_pages(file, size):
        begins = bool(page.flags & 2)
        if begins and not before:
            yield page.place
        before = begins


def _mp4_begins(file: IO[bytes], size: int) -> Iterator[int]:
    place = 0
    while place + 16 <= size:
        file.seek(place)
        length, name, long = struct.unpack(">I4sQ", file.read(16))
        if name == b"ftyp" and place:
            yield place
        place += {0: size, 1: max(16, long)}.get(length, max(8, length))


def _mp3_begins(source: Path | bytes) -> Iterator[int]:
    """Yields where the frame that says how long an mp3 is comes once more; without it, they cannot be told apart."""
    with _content(source) as content:
        own = 0
        while content[own : own + 3] == b"ID3":  # some programs put a tag before that of another one
            sizes = zip(content[own + 6 : own + 10], (21, 14, 7, 0), strict=False)
            own += 10 + sum((byte & 127) << shift for byte, shift in sizes)
            own = _ZEROS.match(content, own).end()  # type: ignore[union-attr]
    yield from (place for place in _places(source, _XING) if place > own + _MAX_JUNK_BYTES)


def _same_heads(source: Path | bytes, head: bytes) -> Iterator[int]:
    """Yields where the beginning of a file comes once more, of formats that have one which is long enough."""
    beginning = {
        b"FORM": b"FORM....AIF[CF]",
        b".snd": re.escape(head[:8]) + b"....\0\0\0." + re.escape(head[16:24]),
        b"caff": re.escape(head[:20]),
        b"riff": re.escape(head[:16]),  # Wave64
        b"Crea": re.escape(head[:20]),  # voc
        b"FLV\1": re.escape(head[:13]),
        b"TTA1": re.escape(head[:14]),
        b"\x30\x26\xb2\x75": re.escape(head[:16]),  # asf
        b"\x1a\x45\xdf\xa3": re.escape(head[:24]),  # Matroska
        # WavPack numbers the samples of its blocks: the first of a recording is initial and holds some from 0 on.
        b"wvpk": b"wvpk...." + re.escape(head[8:10]) + b"\0.....\0{4}(?!\0{4})....." + _INITIAL,
        b"#!AM": re.escape(head[: head.find(b"\n") + 1]),
    }.get(head[:4])
    if beginning is not None and len(head) == _HEAD_BYTES:
        yield from (place for place in _places(source, re.compile(beginning, re.DOTALL)) if place)


def _places(source: Path | bytes, pattern: re.Pattern[bytes]) -> Iterator[int]:
    """Yields where a pattern of at most `_MAX_MATCH_BYTES` is found; a part of the file is in memory at a time."""
    window, place, more = b"", 0, True
    with opened(source) as (file, _):
        while more:
            piece = file.read(_READ_BYTES)
            more = bool(piece)
            window += piece
            # What begins later may be longer than what is here; it is found in the next window.
            settled = max(0, len(window) - _MAX_MATCH_BYTES) if more else len(window)
            yield from (place + found.start() for found in pattern.finditer(window) if found.start() < settled)
            window, place = window[settled:], place + settled


@contextlib.contextmanager
def _content(source: Path | bytes) -> Iterator[bytes | mmap.mmap]:
    if isinstance(source, bytes):
        yield source
        return
    with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        yield content
