"""One recording to its row of the index: how long it is, how loud, or why it cannot be read."""

import contextlib
import math
import os
import stat
from pathlib import Path

import numpy as np

from emoclr.corpus.audio.decoder import SAMPLE_RATE, AudioError, Recording
from emoclr.corpus.index.file_digest import file_digest
from emoclr.corpus.index.index_file import IndexRow

_HALF_A_STEP = 2.0**-16


def measure_recording(name: bytes) -> IndexRow:
    """Returns the row of a file after decoding all of it, in bounded memory: a good header does not make a good file.

    Size and time are those from before it is read, so that a file that changes meanwhile is read again by the next
    scan; they are None where its bytes could not be read, which has the next scan try again.
    """
    path = Path(os.fsdecode(name))
    row = IndexRow(name, None, None, None, None, None, None, None, None, "ok", "")
    with contextlib.suppress(OSError):  # opening it as audio says what is wrong
        status = path.stat()
        # A pipe might never end.
        fingerprint = file_digest(path) if stat.S_ISREG(status.st_mode) else None
        row = row._replace(size=status.st_size, modified=status.st_mtime_ns, fingerprint=fingerprint)
    try:
        with Recording(path, path) as recording:
            info = recording.info
            duration_s, rms_db, peak_db = _levels(recording)
    except AudioError as error:
        return _set_aside(row, error.reason)
    if recording.partial:
        row = row._replace(status="partial", reason=recording.partial)
    return row._replace(
        duration_s=duration_s,
        sample_rate=info.sample_rate,
        channels=info.channels,
        rms_db=rms_db,
        peak_db=peak_db,
    )


def lost_recording(name: bytes, reason: str) -> IndexRow:
    """Returns the row of a file that cannot be read without harm."""
    row = IndexRow(name, None, None, None, None, None, None, None, None, "ok", "")
    with contextlib.suppress(OSError):
        status = Path(os.fsdecode(name)).stat()
        row = row._replace(size=status.st_size, modified=status.st_mtime_ns)
    return _set_aside(row, reason)


def _set_aside(row: IndexRow, reason: str) -> IndexRow:
    readable = reason.encode("utf-8", "backslashreplace").decode()
    return row._replace(status="set aside", reason=readable)


def _levels(recording: Recording) -> tuple[float, float, float]:
    """Returns duration (s), RMS and peak (dBFS) of a recording as the project hears it.

    Decoders of lossy formats make of silence what is not quite 0, so that silence is what is 0 in 16 bits.
    """
    samples, energy, peak = 0, 0.0, 0.0
    for block in recording.blocks():
        if block.size:
            samples += len(block)
            energy += float(np.square(block, dtype=np.float64).sum())
            peak = max(peak, float(np.abs(block).max()))
    duration_s = round(samples / SAMPLE_RATE, 4)
    if peak < _HALF_A_STEP:
        return duration_s, -math.inf, -math.inf
    return duration_s, _decibels(math.sqrt(energy / samples)), _decibels(peak)


def _decibels(amplitude: float) -> float:
    return round(20 * math.log10(amplitude), 2)
