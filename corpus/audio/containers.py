"""What the containers of wav and Ogg say of themselves, where a decoder stays silent: bytes that nobody decodes."""

import contextlib
import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

_UNKNOWN_SIZES = (0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFFFF0, 0x80000000)
"""What programs write for the size of a wav that they cannot go back to."""
_OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)


class OggPage(NamedTuple):
    """A page: serial number of its logical stream, flags (1 continued, 2 first, 4 last), and whether it is whole."""

    serial: int
    flags: int
    whole: bool
    first_bytes: bytes


def ogg_pages(file: IO[bytes], size: int) -> Iterator[OggPage]:
    """Yields the pages of an Ogg file (RFC 3533) until something else comes."""
    place = 0
    while place + 27 <= size:
        file.seek(place)
        head = file.read(27 + 255)
        if head[:4] != b"OggS":
            return
        segments = head[26]
        length = 27 + segments + sum(head[27 : 27 + segments])
        first = head[27 + segments : 27 + segments + 32]
        yield OggPage(struct.unpack_from("<I", head, 14)[0], head[5], place + length <= size, first)
        place += length


def needs_ffmpeg(source: Path | IO[bytes]) -> bool:
    """Returns whether an Ogg file is anything but one stream of Vorbis, or of Opus whose header names its input rate.

    libsndfile takes Opus with an open input rate (0, allowed by RFC 7845) for 8 kHz, and of a chain of streams decodes
    the first alone. FFmpeg does not cut the last Vorbis packet of a recording that fits into one page.
    """
    with _opened(source) as (file, size):
        pages = ogg_pages(file, size)
        first = next(pages, None)
        if first is None or not first.first_bytes.startswith((b"OpusHead", b"\x01vorbis")):
            return True
        opus = first.first_bytes.startswith(b"OpusHead") and len(first.first_bytes) >= 16
        if opus and struct.unpack_from("<I", first.first_bytes, 12)[0] not in _OPUS_RATES:
            return True
        return any(page.flags & 2 for page in pages)


def ogg_partial(source: Path | IO[bytes]) -> str:
    """Returns what of an Ogg file no decoder reads, in words; empty where nothing."""
    with _opened(source) as (file, size):
        whole = all(page.whole for page in ogg_pages(file, size))
    return "" if whole else "breaks off in the middle of a page"


def wav_partial(source: Path | IO[bytes]) -> str:
    """Returns what of a wav no decoder reads, in words: samples that are not there, or another file behind it."""
    with _opened(source) as (file, size):
        bytes_per_s = 0
        for name, place, length in _chunks(file, size):
            if name == b"fmt ":
                file.seek(place + 8)
                bytes_per_s = struct.unpack("<I", file.read(4))[0]
            if name == b"data" and length not in _UNKNOWN_SIZES and length > size - place and bytes_per_s:
                return f"breaks off: {(size - place) / bytes_per_s:.2f} of {length / bytes_per_s:.2f} s are there"
            if name == b"RIFF":
                return f"another wav stands behind it, of which nothing is decoded ({size - place + 8:,} bytes)"
    return ""


def wav_frames(source: Path | IO[bytes]) -> int | None:
    """Returns how many frames a wav of a compressing codec has by its `fact` chunk, None where it has none."""
    with _opened(source) as (file, size):
        compressed = False
        for name, place, length in _chunks(file, size):
            file.seek(place)
            if name == b"fmt ":
                compressed = struct.unpack("<H", file.read(2))[0] not in (1, 3, 6, 7, 0xFFFE)
            if name == b"fact" and compressed and length >= 4:
                return struct.unpack("<I", file.read(4))[0] or None
            if name == b"data":
                return None
    return None


def _chunks(file: IO[bytes], size: int) -> Iterator[tuple[bytes, int, int]]:
    """Yields name, place of the content and length of the chunks of a wav; none where it is something else."""
    file.seek(0)
    head = file.read(12)
    place = 12
    while head[:4] == b"RIFF" and head[8:] == b"WAVE" and place + 8 <= size:
        file.seek(place)
        name, length = struct.unpack("<4sI", file.read(8))
        yield name, place + 8, length
        place += 8 + length + length % 2


@contextlib.contextmanager
def _opened(source: Path | IO[bytes]) -> Iterator[tuple[IO[bytes], int]]:
    """Opens a path, or lends bytes in memory and puts their position back."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            yield file, source.stat().st_size
        return
    before = source.tell()
    size = source.seek(0, io.SEEK_END)
    try:
        yield source, size
    finally:
        source.seek(before)
