"""One file, or a part of one, to a mono waveform at the project's sample rate."""

import io
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray

from emoclr.configs.errors import EmoclrError

SAMPLE_RATE = 16_000
"""Hz, of every waveform in the project."""

AUDIO_SUFFIXES = frozenset(
    {".wav", ".wave", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2", ".aiff", ".aif"}
    | {".aifc", ".au", ".snd", ".caf", ".sph", ".nist", ".voc", ".avr", ".sf", ".ircam", ".paf", ".pvf", ".svx", ".wve"}
)
"""Lower-case endings of the files that libsndfile can read without being told their format."""

MAX_DURATION_S = 24 * 3600.0
"""What is read at once at most: a compressed file of a few MB may hold days of silence, which no memory can."""

_BLOCK_SAMPLES = 1 << 18
_MIN_SAMPLE_RATE = 1_000
# 32-bit integers kept as floating point are loud, but sound; far beyond them resampling overflows.
_MAX_SAMPLE = 2.0**31
_PLAINER_REASONS = {
    # libmpg123's answer to anything with the ending .mp3 in which it finds no frame.
    "File does not exist or is not a regular file (possibly a pipe?).": "no MPEG audio in it",
}


class AudioError(EmoclrError):
    """A recording that cannot be read; `path` says which and `reason` why.

    Examples:
        >>> str(AudioError(Path("a.wav"), "empty file (0 bytes)"))
        'a.wav: empty file (0 bytes)'
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason

    def __reduce__(self) -> tuple[type["AudioError"], tuple[Path, str]]:
        """Lets the error travel from a worker process, whole."""
        return type(self), (self.path, self.reason)


@dataclass(frozen=True)
class AudioInfo:
    """What a file's header claims."""

    duration_s: float
    sample_rate: int
    channels: int


def inspect_audio(path: Path) -> AudioInfo:
    """Returns what the header says, without decoding samples.

    Raises:
        AudioError: the file is missing, empty, or nothing that libsndfile reads.

    Examples:
        >>> import tempfile
        >>> import numpy as np, soundfile
        >>> path = Path(tempfile.mkdtemp()) / "tone.wav"
        >>> soundfile.write(path, np.zeros((22_050, 2)), 44_100)
        >>> inspect_audio(path)
        AudioInfo(duration_s=0.5, sample_rate=44100, channels=2)
    """
    path = Path(path)
    with _open(path) as file:
        return AudioInfo(file.frames / file.samplerate, file.samplerate, file.channels)


def read_waveform(path: Path, start_s: float = 0.0, end_s: float | None = None) -> NDArray[np.float32]:
    """Returns a recording, or the part of it from `start_s` to `end_s`, as float32 `(samples,)`.

    Mono (the mean of the channels), at `SAMPLE_RATE` (soxr's high quality), in [-1, 1]. Decodes block by
    block, so the peak of memory is the result and a little more, however long the file is. An `end_s` past
    the end means the end. A file that breaks off is kept up to there (Vorbis and Opus: up to the end of the last
    page) where its decoder takes that for the end, and is an error where the decoder calls it one (flac). What is
    recorded stays: an offset, clipping and silence are not mended.

    Raises:
        AudioError: the file is missing, empty, no audio, damaged; it holds no samples between `start_s` and
            `end_s`, samples that are not finite or beyond all sense, or more than `MAX_DURATION_S`.

    Examples:
        >>> import tempfile
        >>> import numpy as np, soundfile
        >>> path = Path(tempfile.mkdtemp()) / "tone.wav"
        >>> soundfile.write(path, np.zeros((22_050, 2)), 44_100)
        >>> read_waveform(path).shape, read_waveform(path, start_s=0.25).shape
        ((8000,), (4000,))
    """
    path = Path(path)
    with _open(path) as file:
        return _decode(file, path, start_s, end_s)


def waveform_blocks(path: Path) -> Iterator[NDArray[np.float32]]:
    """Yields what `read_waveform` returns block by block: hours then take no more memory than seconds.

    Raises:
        AudioError: as `read_waveform`, where a block shows it.
    """
    path = Path(path)
    with _open(path) as file:
        yield from _decoded_blocks(file, path, 0.0, None)


def decode_waveform(content: bytes, path: Path) -> NDArray[np.float32]:
    """Returns a recording whose bytes are in memory, as `read_waveform` would; `path` names it in errors."""
    if not content:
        raise AudioError(path, "empty file (0 bytes)")
    try:
        file = _Stream(io.BytesIO(content))
    except (sf.SoundFileError, OSError, TypeError, ValueError) as error:
        raise AudioError(path, f"cannot be read as audio: {_reason(error)}") from error
    with file:
        return _decode(file, path, 0.0, None)


def _decode(file: sf.SoundFile, path: Path, start_s: float, end_s: float | None) -> NDArray[np.float32]:
    # A growing bytearray holds the result once; a list of blocks, joined at the end, would hold it twice.
    collected = bytearray()
    try:
        for block in _decoded_blocks(file, path, start_s, end_s):
            collected += block.tobytes()
    except MemoryError as error:
        raise AudioError(path, "decoding it takes more memory than there is") from error
    return np.frombuffer(collected, dtype=np.float32)


def _decoded_blocks(
    file: sf.SoundFile, path: Path, start_s: float, end_s: float | None
) -> Iterator[NDArray[np.float32]]:
    rate, some = file.samplerate, False
    if rate < _MIN_SAMPLE_RATE:
        raise AudioError(path, f"its sample rate is {rate} Hz, too low to hold sound")
    try:
        for block in _resampled(_blocks(file, path, start_s, end_s), rate):
            some = some or bool(block.size)
            # Resampling rings past full scale at sharp edges, and float files may exceed it.
            yield np.clip(block, -1.0, 1.0)
    except (sf.SoundFileError, OSError, RuntimeError, ValueError) as error:
        raise AudioError(path, f"damaged: {_reason(error)}") from error
    if not some:
        until = "the end" if end_s is None else f"{end_s} s"
        raise AudioError(path, f"no samples between {start_s} s and {until}" if start_s else "no samples")


class _Stream(sf.SoundFile):  # type: ignore[misc]
    """A file that is read from where it stands to its end.

    After each block of a file that can be sought in, soundfile seeks to where it already is: that fails at the end
    of a flac whose header does not know its length.
    """

    def seekable(self) -> bool:
        return False


def _open(path: Path) -> sf.SoundFile:
    """Returns the file, opened; a pipe or a device is refused, since reading one may never end."""
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise AudioError(path, "not a file")
        # libsndfile has one name, "System error", for all that the system may refuse.
        path.open("rb").close()
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else _reason(error)
        raise AudioError(path, reason) from error
    if size == 0:
        raise AudioError(path, "empty file (0 bytes)")
    try:
        # Bytes reach the decoder unchanged even where a name is not valid UTF-8; Windows takes text.
        return _Stream(str(path) if os.name == "nt" else os.fsencode(path))
    except (sf.SoundFileError, OSError, TypeError, ValueError) as error:
        raise AudioError(path, f"cannot be read as audio: {_reason(error)}") from error


def _blocks(file: sf.SoundFile, path: Path, start_s: float, end_s: float | None) -> Iterator[NDArray[np.float32]]:
    """Yields mono blocks at the file's own rate, each `(frames,)`."""
    start = round(start_s * file.samplerate)
    if start:
        if start >= file.frames:
            return
        file.seek(start)
    left = math.inf if end_s is None else max(0, round(end_s * file.samplerate) - start)
    allowed = MAX_DURATION_S * file.samplerate
    while left > 0:
        wanted = int(min(left, max(1, _BLOCK_SAMPLES // file.channels)))
        block: NDArray[np.float32] = file.read(wanted, dtype="float32", always_2d=True)  # (frames, channels)
        if not len(block):
            return
        peak = float(np.abs(block).max())  # NaN where one of them is
        if not np.isfinite(peak):
            raise AudioError(path, "samples that are not finite numbers (NaN or infinity)")
        if peak > _MAX_SAMPLE:
            raise AudioError(path, f"samples up to {peak:.0e}, where full scale is 1: this is no sound")
        left -= len(block)
        allowed -= len(block)
        if allowed < 0:
            raise AudioError(
                path, f"longer than {MAX_DURATION_S / 3600:g} h; cut it, or name parts of it by start_s and end_s"
            )
        yield block[:, 0] if block.shape[1] == 1 else block.mean(axis=1, dtype=np.float32)


def _resampled(blocks: Iterator[NDArray[np.float32]], rate: int) -> Iterator[NDArray[np.float32]]:
    if rate == SAMPLE_RATE:
        yield from blocks
        return
    stream = soxr.ResampleStream(rate, SAMPLE_RATE, num_channels=1, dtype="float32", quality="HQ")
    seen = False
    for block in blocks:
        seen = True
        yield stream.resample_chunk(np.ascontiguousarray(block))
    if seen:
        yield stream.resample_chunk(np.empty(0, dtype=np.float32), last=True)


def _reason(error: Exception) -> str:
    if isinstance(error, sf.LibsndfileError):
        text = str(error.error_string)
    else:
        text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return _PLAINER_REASONS.get(text, text.rstrip("."))
