"""FLAC that comes through a pipe, by libsndfile: FFmpeg looks ten frames ahead, up to 2.3 s at 16 kHz."""

import contextlib
import io
from collections.abc import Iterator

import numpy as np

from emoclr.corpus.audio.errors import DecoderError, reason_of
from emoclr.corpus.audio.formats.libsndfile import FAILURES, MAX_FRAMES, UnseekableFile
from emoclr.corpus.audio.formats.pipe import Pipe
from emoclr.corpus.audio.formats.stream import Block, broken_off

_HEAD_BYTES = 42
"""The magic number and the first block of metadata, which says all that a decoder needs (RFC 9639, section 8.2)."""
_LAST_BLOCK = 0x80
_MIN_FRAMES = 512


class FlacPipeStream:
    """A FLAC as it is made; see `AudioStream`. Each of its frames is decoded once all of it is there."""

    others: tuple[str, ...] = ()
    float_samples = False

    def __init__(self, pipe: Pipe) -> None:
        """Opens a pipe at its beginning.

        Raises:
            DecoderError: libsndfile does not read it; the pipe is at its beginning again.
        """
        self._pipe, self._head = pipe, pipe.peek(_HEAD_BYTES)
        beginning = _Beginning(pipe)
        try:
            self._file = UnseekableFile(beginning)
        except FAILURES as error:
            pipe.put_back(beginning.read_so_far)
            raise DecoderError(reason_of(error)) from error
        beginning.forget()
        self.sample_rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self._frames = self._file.frames if self._file.frames < MAX_FRAMES else None
        self.duration_s = None if self._frames is None else self._frames / self.sample_rate
        self.partial = ""

    def blocks(self, start: int = 0) -> Iterator[Block]:
        """See `AudioStream`."""
        place = 0
        for block in self._decoded():
            kept = block[max(0, start - place) :]
            place += len(block)
            if len(kept):
                yield kept
        if not place:
            raise DecoderError(self.partial or "no samples")
        if self._frames is not None:
            whole = place >= self._frames
            self.partial = "" if whole else broken_off(place / self.sample_rate, self._frames / self.sample_rate)

    def close(self) -> None:
        """See `AudioStream`."""
        self._file.close()

    def _decoded(self) -> Iterator[Block]:
        # As many samples as a frame of the FLAC has, so that none of them waits for the next frame.
        frames = max(_MIN_FRAMES, int.from_bytes(self._head[8:10], "big"))
        while True:
            block = np.full((frames, self.channels), np.nan, dtype=np.float32)
            try:
                found = self._file.read(out=block)
            except FAILURES:
                yield block[~np.isnan(block[:, 0])]
                yield from self._rest_by_ffmpeg()
                return
            if not len(found):
                return
            yield found

    def _rest_by_ffmpeg(self) -> Iterator[Block]:
        """Yields what follows a damage, over which libsndfile does not step."""
        from emoclr.corpus.audio.formats.ffmpeg import FfmpegStream

        head = bytearray(self._head)
        head[4] |= _LAST_BLOCK
        self._pipe.put_back(bytes(head))
        with contextlib.suppress(DecoderError), contextlib.closing(FfmpegStream(self._pipe)) as stream:
            yield from stream.blocks()
            self.partial = stream.partial


class _Beginning(io.RawIOBase):
    """A pipe as a file without an end, in which one can go back as long as its header is read."""

    _SIZE = 1 << 62

    def __init__(self, pipe: Pipe) -> None:
        super().__init__()
        self._pipe, self._place, self._keeps = pipe, 0, True
        self.read_so_far = b""

    def forget(self) -> None:
        """Is told that nobody goes back any more."""
        self._place, self._keeps, self.read_so_far = 0, False, self.read_so_far[self._place :]

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        """Fills a buffer with what is there, and returns how many bytes that is."""
        found = self.read_so_far[self._place : self._place + len(buffer)]
        if not found:
            found = self._pipe.read(len(buffer))
            self.read_so_far = self.read_so_far + found if self._keeps else b""
        buffer[: len(found)] = found
        self._place += len(found)
        return len(found)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Goes to a place, and returns it."""
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._SIZE}[whence]
        return self._place

    def tell(self) -> int:
        """Returns where it is."""
        return self._place
