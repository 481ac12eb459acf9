"""Which mp3s say how long they are and hold just that: of those libsndfile decodes what FFmpeg does, and quicker."""

import struct
from pathlib import Path
from typing import IO

from emoclr.corpus.audio.formats.containers import opened

_KBIT_S = {
    1: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_VERSIONS = {0xFB: 1, 0xF3: 2}
"""MPEG by the second byte of a frame of layer III without a checksum."""
_RATES = {1: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000)}
_ENCODERS = (b"LAME", b"Lavf", b"Lavc")
_READ_BYTES = 1 << 20
_TAG_BYTES = 128
_MAX_PADDING_S = 0.5
"""What encoders put before and behind a recording, and more."""


def tells_its_length(source: Path | bytes) -> bool:
    """Returns whether an mp3 is one recording whose first frame tells its length to the sample (Xing's header, LAME's).

    Every byte behind the ID3 tag must be of a frame, and there must be as many as that header counts, so that a file
    that was cut, joined or damaged between frames is none of them.

    Examples:
        >>> import io
        >>> import numpy as np, soundfile
        >>> file = io.BytesIO()
        >>> soundfile.write(file, np.zeros(16_000), 16_000, format="MP3")
        >>> content = file.getvalue()
        >>> tells_its_length(content), tells_its_length(content[:-1]), tells_its_length(content + content)
        (True, False, False)
    """
    with opened(source) as (file, _):
        start = file.read(10)
        if start[:3] == b"ID3" and len(start) == 10:
            file.seek(sum((byte & 127) << shift for byte, shift in zip(start[6:], (21, 14, 7, 0), strict=True)), 1)
            start = b""
        window = start + file.read(_READ_BYTES)
        told = _told_frames(window)
        return told is not None and told == _count_frames(file, window)


def _told_frames(frame: bytes) -> int | None:
    """Returns how many frames follow the first by its header, None where it has none, or not all of it."""
    version = _VERSIONS.get(frame[1]) if len(frame) > 200 and frame[0] == 0xFF else None
    if version is None:
        return None
    mono = frame[3] >= 0xC0
    place = 4 + {1: (32, 17), 2: (17, 9)}[version][mono]
    name, flags, frames = struct.unpack_from(">4s2I", frame, place)
    lame = place + 8 + 4 * (flags & 1) + 2 * (flags & 2) + 25 * (flags & 4) + (flags & 8) // 2
    if name not in (b"Xing", b"Info") or not flags & 1 or frame[lame : lame + 4] not in _ENCODERS:
        return None
    return int(frames)


def _count_frames(file: IO[bytes], window: bytes) -> int | None:
    """Returns how many frames follow the first, None where anything else does but an ID3 tag at the end.

    Args:
        file: what follows the window.
        window: the beginning, from the first frame on.
    """
    mono = window[3] >= 0xC0
    lengths = _frame_lengths(window)
    count, place = -1, 0
    while True:
        while place + 4 <= len(window):
            length = lengths.get(window[place : place + 3])
            if length is None or (window[place + 3] >= 0xC0) != mono:
                rest = window[place:] + file.read(_TAG_BYTES)
                return count if rest[:3] == b"TAG" and len(rest) == _TAG_BYTES else None
            place += length
            count += 1
        done = min(place, len(window))
        more = file.read(_READ_BYTES)
        if not more:
            return count if place == len(window) else None
        window, place = window[done:] + more, place - done


def _frame_lengths(header: bytes) -> dict[bytes, int]:
    """Returns how long a frame is, by its first three bytes, of all that have the version and the rate of one."""
    version, rate_code = _VERSIONS[header[1]], header[2] >> 2 & 3
    if rate_code == 3:
        return {}
    per_kbit_s = 144_000 if version == 1 else 72_000
    return {
        bytes([*header[:2], code << 4 | rate_code << 2 | padded << 1 | private]): (
            per_kbit_s * kbit_s // _RATES[version][rate_code] + padded
        )
        for code, kbit_s in enumerate(_KBIT_S[version], start=1)
        for padded in (0, 1)
        for private in (0, 1)
    }


def counts_frames(head: bytes, duration_s: float | None, sample_rate: int) -> bool:
    """Returns whether the header of an mp3 counts its frames and the duration is theirs: of joined files it is not."""
    place = max(head.find(b"Xing"), head.find(b"Info"))
    if place < 0 or len(head) < place + 12 or not duration_s:
        return False
    flags, frames = struct.unpack_from(">II", head, place + 4)
    samples_per_frame = 1152 if sample_rate >= 32_000 else 576
    return bool(flags & 1) and abs(frames * samples_per_frame / sample_rate - duration_s) < _MAX_PADDING_S
