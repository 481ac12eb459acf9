"""Decoding by libsndfile: exact and quick for PCM in wav, flac, aiff and the like, for Ogg, and mp3 with its length."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import soundfile as sf

from emoclr.corpus.audio.errors import DecoderError, reason_of
from emoclr.corpus.audio.formats.containers import cut_off, ogg_partial, opened, wav_frames, wav_partial
from emoclr.corpus.audio.formats.stream import BLOCK_SAMPLES, Block, broken_off

FAILURES = (sf.SoundFileError, OSError, RuntimeError, TypeError, ValueError)
"""What soundfile raises of a file that it does not read."""

MAX_FRAMES = 1 << 62
"""A header that does not know its length claims more frames than this."""

_MAX_FRAMES_A_BYTE = 8
"""GSM 6.10 packs the most: 320 frames into 65 bytes."""


class UnseekableFile(sf.SoundFile):  # type: ignore[misc]
    """A file that is read from its present position to its end.

    After each block of a file that can be sought in, soundfile seeks to where it already is: that fails at the end
    of a flac whose header does not know its length.
    """

    def seekable(self) -> bool:
        """Returns False."""
        return False


class SndfileStream:
    """A file opened by libsndfile; see `AudioStream`."""

    others: tuple[str, ...] = ()

    def __init__(self, source: Path | IO[bytes]) -> None:
        """Opens a path, or bytes in memory.

        Raises:
            DecoderError: libsndfile does not read it.
        """
        self._source = source
        self._file = self._opened()
        if self._file.format != "MP3" and self._file.subtype.startswith("MPEG"):
            self._file.close()
            raise DecoderError("MPEG audio in another container: libsndfile guesses its length")
        self.sample_rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.float_samples = self._file.subtype in ("FLOAT", "DOUBLE")
        self._frames = self._file.frames if 0 <= self._file.frames < MAX_FRAMES else None
        # Codecs of whole blocks fill the last one up; the header says where the recording ends in it.
        self._told = wav_frames(source) if self._file.format in ("WAV", "WAVEX") else None
        if self._told is not None:
            self._frames = self._told
        # Of some codecs libsndfile goes on in silence where the file ends before its header says so.
        packed = self._file.format in ("FLAC", "OGG", "MP3", "CAF")
        with opened(source) as (_, size):
            self._most = MAX_FRAMES if packed else _MAX_FRAMES_A_BYTE * size
        self.duration_s = None if self._frames is None else self._frames / self.sample_rate
        self.partial = ""

    def blocks(self, start: int = 0) -> Iterator[Block]:
        """See `AudioStream`."""
        place = self._seek(start)
        wanted = max(1, BLOCK_SAMPLES // self.channels)
        problem = ""
        while True:
            try:
                block: Block = self._file.read(
                    min(wanted, max(0, self._most - place)), dtype="float32", always_2d=True
                )  # (frames, channels)
            except FAILURES as error:
                if self._file.format == "FLAC":
                    # libsndfile gives up a whole block for what FFmpeg steps over, such as a tag behind the last frame.
                    yield from self._rest_by_ffmpeg(max(place, start))
                    return
                if not place:
                    raise DecoderError(reason_of(error)) from error
                problem = reason_of(error)
                break
            if not len(block) or place == self._told:
                break
            skipped = max(0, start - place)
            if self._told is not None:
                block = block[: max(0, self._told - place)]
            place += len(block)
            if len(block) > skipped:
                yield block[skipped:]
        self.partial = self._undecoded(place, problem)

    def close(self) -> None:
        """See `AudioStream`."""
        self._file.close()

    def _opened(self) -> UnseekableFile:
        source = self._source
        if isinstance(source, Path):
            # Bytes reach the decoder unchanged even where a name is not valid UTF-8; Windows takes text.
            name: str | bytes | IO[bytes] = str(source) if os.name == "nt" else os.fsencode(source)
        else:
            source.seek(0)
            name = source
        try:
            return UnseekableFile(name)
        except FAILURES as error:
            raise DecoderError(reason_of(error)) from error

    def _rest_by_ffmpeg(self, place: int) -> Iterator[Block]:
        from emoclr.corpus.audio.formats.ffmpeg import FfmpegStream

        if not isinstance(self._source, Path):
            self._source.seek(0)
        with contextlib.closing(FfmpegStream(self._source)) as stream:
            end = place
            for block in stream.blocks(place):
                end += len(block)
                yield block
        if self._frames is None:
            self.partial = stream.partial
        elif end < self._frames:
            self.partial = broken_off(end / self.sample_rate, self._frames / self.sample_rate)

    def _seek(self, start: int) -> int:
        """Returns the frame that is read next: `start`, or 0 where the codec cannot seek."""
        if not start or self._file.format == "MP3":  # whose first frames after a jump are not exact
            return 0
        try:
            return int(self._file.seek(start))
        except FAILURES:
            self.close()
            self._file = self._opened()
            return 0

    def _undecoded(self, place: int, problem: str) -> str:
        if self._file.format == "OGG":
            return ogg_partial(self._source)
        if self._file.format in ("WAV", "WAVEX", "RF64"):
            claimed = wav_partial(self._source)
            if claimed:
                return claimed
        # What stands behind the last frame of a flac is no frame; only too few of them are a loss.
        if self._frames is not None and place < self._frames:
            return broken_off(place / self.sample_rate, self._frames / self.sample_rate)
        if claimed := cut_off(self._source, place / self.sample_rate):
            return claimed
        if problem and self._frames is None:
            return f"breaks off after {place / self.sample_rate:.2f} s: {problem}"
        return ""
