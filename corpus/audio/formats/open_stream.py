"""Which library decodes a file: libsndfile what it decodes exactly and quicker, FFmpeg all the rest."""

import contextlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import IO

from emoclr.corpus.audio.errors import PLAINER_REASONS, AudioError, DecoderError, reason_of
from emoclr.corpus.audio.formats.containers import needs_ffmpeg
from emoclr.corpus.audio.formats.joined import JoinedStream, Section, joined_recordings
from emoclr.corpus.audio.formats.mp3 import tells_its_length
from emoclr.corpus.audio.formats.pipe import Pipe
from emoclr.corpus.audio.formats.stream import AudioStream

_SNDFILE_MAGIC = (b"RIFF", b"RF64", b"riff", b"FORM", b".snd", b"fLaC", b"caff", b"NIST", b"2BIT", b"PVF1")
"""First bytes of what libsndfile is asked about first. Of a voc of several blocks it takes their headers for sound."""


def open_stream(path: Path, source: Path | bytes | Pipe) -> AudioStream:
    """Returns a recording, opened; the path of a pipe or a device is refused, since reading one may never end.

    Raises:
        AudioError: the file is missing, empty, or nothing that a decoder reads.
    """
    head = b""
    if isinstance(source, bytes):
        if not source:
            raise AudioError(path, "empty file (0 bytes)")
        head = source[:4]
    elif isinstance(source, Path):
        head = _first_bytes(source)
    try:
        return _open_pipe(source) if isinstance(source, Pipe) else _open_by(source, head)
    except (DecoderError, OSError) as error:
        if isinstance(source, Pipe) and not source.head:
            raise AudioError(path, "empty (0 bytes)") from error
        raise AudioError(path, f"cannot be read as audio: {PLAINER_REASONS.get(str(error), error)}") from error


def _first_bytes(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise AudioError(path, "not a file")
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as error:
        raise AudioError(path, "no such file" if isinstance(error, FileNotFoundError) else reason_of(error)) from error
    if size == 0:
        raise AudioError(path, "empty file (0 bytes)")
    return head


def _open_by(source: Path | bytes, head: bytes) -> AudioStream:
    """Returns the stream of a file, or that of several recordings that were joined to one."""

    def whole() -> Path | IO[bytes]:
        return io.BytesIO(source) if isinstance(source, bytes) else source

    if (head[:3] == b"ID3" or head[:1] == b"\xff") and tells_its_length(source):
        with contextlib.suppress(DecoderError):
            return _open_by_libsndfile(whole())
    parts = joined_recordings(source)

    def opener(first: int, end: int) -> Callable[[], AudioStream]:
        if isinstance(source, bytes):
            return lambda: _open_one(lambda: io.BytesIO(source[first:end]), head)
        return lambda: _open_one(lambda: io.BufferedReader(Section(source, first, end)), head)

    if len(parts) > 1:
        with contextlib.suppress(DecoderError):  # what comes before the second beginning may be no recording
            return JoinedStream([opener(first, end) for first, end in parts])
    return _open_one(whole, head)


def _open_one(fresh: Callable[[], Path | IO[bytes]], head: bytes) -> AudioStream:
    """Returns the stream of the first library that opens a file; where both refuse, FFmpeg's reason counts."""
    if head in _SNDFILE_MAGIC or (head == b"OggS" and not needs_ffmpeg(fresh())):
        with contextlib.suppress(DecoderError):
            return _open_by_libsndfile(fresh())
    try:
        return _open_by_ffmpeg(fresh())
    except DecoderError as error:
        try:
            return _open_by_libsndfile(fresh())
        except DecoderError:
            raise error from None


def _open_pipe(pipe: Pipe) -> AudioStream:
    if pipe.raw is None and pipe.peek(4) == b"fLaC":
        from emoclr.corpus.audio.formats.flac_pipe import FlacPipeStream

        with contextlib.suppress(DecoderError):
            return FlacPipeStream(pipe)
    return _open_by_ffmpeg(pipe)


def _open_by_ffmpeg(source: Path | IO[bytes] | Pipe) -> AudioStream:
    from emoclr.corpus.audio.formats.ffmpeg import FfmpegStream

    return FfmpegStream(source)


def _open_by_libsndfile(source: Path | IO[bytes]) -> AudioStream:
    # A process that only FFmpeg is needed in begins sooner.
    from emoclr.corpus.audio.formats.libsndfile import SndfileStream

    return SndfileStream(source)
