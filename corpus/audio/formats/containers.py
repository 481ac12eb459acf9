"""What the containers of wav and Ogg say of themselves, where a decoder stays silent: bytes that nobody decodes."""

import contextlib
import io
import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

_UNKNOWN_SIZES = (0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFFFF0, 0x80000000)
"""What programs write for the size of a wav that they cannot go back to."""
_MAX_CLAIMED_BYTES = 1 << 62
_OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)


class OggPage(NamedTuple):
    """A page: where it begins, flags (1 continued, 2 first, 4 last), granule position, and whether it is whole.

    Attributes:
        place: of its first byte.
        flags: see above.
        granule: in samples for sound; -1 where no packet ends in it.
        whole: whether all of it is there.
        sizes: of its segments.
        content: of these, as much as there is.
    """

    place: int
    flags: int
    granule: int
    whole: bool
    sizes: bytes
    content: bytes


def ogg_pages(file: IO[bytes], size: int, contents: bool = False) -> Iterator[OggPage]:
    """Yields the pages of an Ogg file (RFC 3533) until something else comes, with their contents if wanted."""
    place = 0
    while place + 27 <= size:
        file.seek(place)
        head = file.read(27 + 255)
        if head[:4] != b"OggS":
            return
        sizes = head[27 : 27 + head[26]]
        first = place + 27 + len(sizes)
        content = b""
        if contents:
            file.seek(first)
            content = file.read(sum(sizes))
        granule = struct.unpack_from("<q", head, 6)[0]
        yield OggPage(place, head[5], granule, first + sum(sizes) <= size, sizes, content)
        place = first + sum(sizes)


def needs_ffmpeg(source: Path | IO[bytes]) -> bool:
    """Returns whether an Ogg file, no chain of them, is anything but Vorbis, or Opus that libsndfile reads as it is.

    libsndfile takes Opus with an open input rate (0, allowed by RFC 7845) for 8 kHz, and does not
    cut the pre-skip of Opus that was cut out of something longer. FFmpeg does not cut the last Vorbis packet of a
    recording that fits into one page.
    """
    with opened(source) as (file, size):
        pages = ogg_pages(file, size, contents=True)
        head, second = next(pages, None), next(pages, None)
        if head is None or second is None or second.flags & 2:
            return True
        if not head.content.startswith(b"OpusHead"):
            return not head.content.startswith(b"\x01vorbis")
        if len(head.content) < 16 or struct.unpack_from("<I", head.content, 12)[0] not in _OPUS_RATES:
            return True
        first = next((page for page in pages if page.granule > 0), None)
        return first is not None and first.granule > sum(map(_opus_samples, _packets(first)))


def _packets(page: OggPage) -> Iterator[bytes]:
    """Yields the packets that end in a page."""
    first = end = 0
    for size in page.sizes:
        end += size
        if size < 255:
            yield page.content[first:end]
            first = end


def _opus_samples(packet: bytes) -> int:
    """Returns how long an Opus packet is, at 48 kHz (RFC 6716, 3.1)."""
    if not packet:
        return 0
    kind = packet[0] >> 3
    if kind < 12:
        frame = (480, 960, 1920, 2880)[kind % 4]
    else:
        frame = (480, 960)[kind % 2] if kind < 16 else (120, 240, 480, 960)[kind % 4]
    count = (1, 2, 2, packet[1] & 63 if len(packet) > 1 else 0)[packet[0] & 3]
    return frame * count


def ogg_partial(source: Path | IO[bytes]) -> str:
    """Returns what of an Ogg file no decoder reads, in words; empty where nothing."""
    with opened(source) as (file, size):
        whole = all(page.whole for page in ogg_pages(file, size))
    return "" if whole else "breaks off in the middle of a page"


def wav_partial(source: Path | IO[bytes]) -> str:
    """Returns what of a wav is not there, in words; empty where nothing is missing."""
    with opened(source) as (file, size):
        bytes_per_s = 0
        for name, place, length in wav_chunks(file, size):
            if name == b"fmt ":
                file.seek(place + 8)
                bytes_per_s = struct.unpack("<I", file.read(4))[0]
            if name == b"data" and length not in _UNKNOWN_SIZES and length > size - place:
                if not bytes_per_s:  # of a variable bit rate
                    return f"breaks off: {100 * (size - place) / length:.0f} % of it are there"
                return f"breaks off: {(size - place) / bytes_per_s:.2f} of {length / bytes_per_s:.2f} s are there"
    return ""


def cut_off(source: Path | IO[bytes], decoded_s: float) -> str:
    """Returns in words that a file is shorter than its container says; empty where it is not, or that says nothing."""
    with opened(source) as (file, size):
        try:
            claimed = _claimed_bytes(file, size)
        except (struct.error, ValueError):
            return ""
    if not size < claimed - 1 < _MAX_CLAIMED_BYTES:
        return ""
    return f"breaks off: {decoded_s:.2f} of some {decoded_s * claimed / size:.2f} s are there"


def _claimed_bytes(file: IO[bytes], size: int) -> int:
    """Returns how long a file is by what its container says, 0 where it says nothing."""
    head = file.read(1024)
    little, big = (int(struct.unpack_from(f"{order}I", head, 4)[0]) for order in "<>")
    if head[:4] == b"RIFF" and head[8:12] != b"WAVE":
        return 0 if little in _UNKNOWN_SIZES else 8 + little
    if head[:4] == b"FORM":
        return 0 if big in _UNKNOWN_SIZES else 8 + big
    if head[:4] == b"RF64" and head[12:16] == b"ds64":
        return 8 + int(struct.unpack_from("<Q", head, 20)[0])
    if head[:4] == b"riff":  # Wave64
        return int(struct.unpack_from("<Q", head, 16)[0])
    if head[:4] == b".snd":
        length = int(struct.unpack_from(">I", head, 8)[0])
        return 0 if length in _UNKNOWN_SIZES else big + length
    if head[:7] == b"NIST_1A":
        said = {words[0]: words[2] for line in head.split(b"\n") if len(words := line.split()) == 3}
        counts = [int(said.get(key, 0)) for key in (b"sample_count", b"channel_count", b"sample_n_bytes")]
        return int(head[8:16]) + math.prod(counts)
    if head[:4] == b"caff":
        place = 8
        while place + 12 <= size:
            file.seek(place)
            length = int(struct.unpack(">4xq", file.read(12))[0])
            place += 12 + max(0, length)
        return place
    return 0


def wav_frames(source: Path | IO[bytes]) -> int | None:
    """Returns how many frames a wav of a compressing codec has by its `fact` chunk, None where it has none."""
    with opened(source) as (file, size):
        compressed = False
        for name, place, length in wav_chunks(file, size):
            file.seek(place)
            if name == b"fmt ":
                compressed = struct.unpack("<H", file.read(2))[0] not in (1, 3, 6, 7, 0xFFFE)
            if name == b"fact" and compressed and length >= 4:
                return struct.unpack("<I", file.read(4))[0] or None
            if name == b"data":
                return None
    return None


def wav_chunks(file: IO[bytes], size: int) -> Iterator[tuple[bytes, int, int]]:
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
def opened(source: Path | bytes | IO[bytes]) -> Iterator[tuple[IO[bytes], int]]:
    """Opens a path or bytes, or lends an open file and puts its position back; yields its size, too."""
    if isinstance(source, bytes):
        yield io.BytesIO(source), len(source)
        return
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
