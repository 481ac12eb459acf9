"""What the edit list of an mp4 says of a track (ISO/IEC 14496-12, 8.6.6), and FFmpeg's duration does not."""

import contextlib
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from emoclr.corpus.audio.formats.containers import opened

Span = tuple[int, int]
"""Places of a first byte and behind a last one."""

_MAX_EDITS = 10_000
_MAX_ENTRY_BYTES = 1 << 12
_AAC = re.compile(rb"esds\0{4}\x03[\x80-\xff]{0,3}[\0-\x7f]...\x04[\x80-\xff]{0,3}[\0-\x7f]\x40", re.DOTALL)
"""The description of a stream of MPEG-4 audio (ISO/IEC 14496-1, 7.2.6)."""
_MAX_PRIMING = 4_096
"""Samples of an encoder's delay; AAC in two frames has 2,112."""


class Edit(NamedTuple):
    """A part of what a track plays: how many s it lasts, and whether it is a pause."""

    length_s: float
    pause: bool


def edits(source: Path | IO[bytes], track: int) -> list[Edit]:
    """Returns what a track plays from its first sound to its last; nothing where no edit list says so.

    FFmpeg's duration is that of the track's media or of all edits, whichever is shorter: too long where a track whose
    media is trimmed begins late, too short where edits pause on the way or play something twice. In such a pause
    it plays the track's beginning.

    Args:
        source: a path, or an open file, whose position is put back.
        track: its number in the file, `id` of a stream of PyAV.
    """
    with opened(source) as (file, size):
        try:
            for moov in _boxes(file, (0, size), b"moov"):
                if any(_boxes(file, moov, b"mvex")):  # fragments, which lengthen the tracks, follow
                    return []
                for trak in _boxes(file, moov, b"trak"):
                    if _numbers(file, trak, b"tkhd")[0] == track:
                        found = list(_edits(file, _numbers(file, moov, b"mvhd")[0], trak))
                        while found and found[-1].pause:
                            found.pop()
                        return found if all(edit.length_s > 0 for edit in found) else []
        except (struct.error, ZeroDivisionError):  # damaged
            return []
    return []


def plays_once(source: IO[bytes]) -> bool:
    """Returns whether all sound of an open file is AAC, and each track plays its media once, to the end.

    FFmpeg then need not make a list of all packets by the edits, which takes as much memory again as that of the media:
    60 MB for 10 h. Of other codecs it cuts off what their encoders put before by that list. The position is put back.
    """
    with opened(source) as (file, size), contextlib.suppress(struct.error):  # of a damaged one
        for moov in _boxes(file, (0, size), b"moov"):
            for media in _boxes(file, moov, b"trak", b"mdia", b"minf"):
                for stsd in _boxes(file, media, b"stbl", b"stsd") if any(_boxes(file, media, b"smhd")) else ():
                    file.seek(stsd[0])
                    if not _AAC.search(file.read(min(_MAX_ENTRY_BYTES, stsd[1] - stsd[0]))):
                        return False
            for elst in _boxes(file, moov, b"trak", b"edts", b"elst"):
                file.seek(elst[0])
                version, count, _, start = struct.unpack(">B3xIIi", file.read(16))
                if version or count != 1 or not 0 <= start <= _MAX_PRIMING:
                    return False
        return True
    return False


def _edits(file: IO[bytes], units_per_s: int, trak: Span) -> Iterator[Edit]:
    """Yields the edits of a track, from the first on that plays some of it."""
    begun = False
    for elst in _boxes(file, trak, b"edts", b"elst"):
        media_units_per_s, media_units = _numbers(file, trak, b"mdia", b"mdhd")
        file.seek(elst[0])
        version, count = struct.unpack(">B3xI", file.read(8))
        edit = struct.Struct(">Qq4x" if version else ">Ii4x")
        for _ in range(min(count, _MAX_EDITS)):
            units, start = edit.unpack(file.read(edit.size))
            length_s = units / units_per_s
            if start >= 0:
                begun = True
                yield Edit(min(length_s, (media_units - start) / media_units_per_s), pause=False)
            elif begun:
                yield Edit(length_s, pause=True)


def _numbers(file: IO[bytes], within: Span, *names: bytes) -> tuple[int, int]:
    """Returns what follows the two times of a header: units of a second and how many there are, or a track's number.

    Raises:
        struct.error: there is no such box.
    """
    for first, _ in _boxes(file, within, *names):
        file.seek(first)
        long = file.read(4)[:1] == b"\1"
        numbers = struct.unpack(">16xIQ" if long else ">8xII", file.read(28 if long else 16))
        return int(numbers[0]), int(numbers[1])
    raise struct.error(f"no {names[-1]!r}")


def _boxes(file: IO[bytes], within: Span, *names: bytes) -> Iterator[Span]:
    """Yields the contents of the boxes of the last of the names, in those of the one before, and so on."""
    place, end = within
    while place + 8 <= end:
        file.seek(place)
        length, name = struct.unpack(">I4s", file.read(8))
        head = 8
        if length == 1:
            length, head = struct.unpack(">Q", file.read(8))[0], 16
        after = min(place + length, end) if length else end
        if after < place + head:
            return
        if name == names[0]:
            inner = (place + head, after)
            yield from _boxes(file, inner, *names[1:]) if names[1:] else [inner]
        place = after
