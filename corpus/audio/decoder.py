"""One audio file, or a part of one, to a mono waveform at the project's sample rate.

libsndfile decodes what it decodes exactly and quicker (PCM in wav, flac, aiff and the like; Ogg; mp3 that tells its
length), FFmpeg all the rest. A length is what was decoded, never what a header estimates.
"""

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from emoclr.corpus.audio.channels import ChannelChoice, Channels, Mix, choose_mix, measure_channels, needs_measuring
from emoclr.corpus.audio.errors import NOTHING_BETWEEN, DecoderError
from emoclr.corpus.audio.errors import AudioError as AudioError
from emoclr.corpus.audio.formats.open_stream import open_stream
from emoclr.corpus.audio.formats.pipe import Pipe
from emoclr.corpus.audio.formats.stream import AudioStream, Block

SAMPLE_RATE = 16_000
"""Hz, of every waveform in the project."""

MAX_DURATION_S = 24 * 3600.0
"""What is read at once at most: a compressed file of a few MB may hold days of silence, which no memory can."""

_MIN_SAMPLE_RATE, _MAX_SAMPLE_RATE = 1_000, 2_000_000
# 32-bit integers kept as floating point are loud, but sound; far beyond them resampling overflows.
_MAX_SAMPLE = 2.0**31 + 1


@dataclass(frozen=True)
class AudioInfo:
    """What a file's header claims; the duration may be an estimate, and None where the header says nothing."""

    duration_s: float | None
    sample_rate: int
    channels: int


class Recording:
    """A recording on its way through the decoder: mono, at `SAMPLE_RATE`.

    Attributes:
        path: names it in errors.
        info: what its header claims.
        partial: once `blocks` has ended, what of the file was not decoded, in words; empty where nothing.
        notes: what was chosen or rescaled: channels, streams, integer scales.
        mix: how channels became one, once `blocks` has begun.
    """

    def __init__(self, path: Path, source: Path | bytes | Pipe, channels: ChannelChoice = "auto") -> None:
        """Opens a recording, a path, its bytes or what comes as it is made, of which some channels are heard.

        Raises:
            AudioError: the file is missing, empty, or nothing that a decoder reads.
        """
        self.path = path
        self._channels = channels
        self._live = isinstance(source, Pipe)
        self._open_again: Callable[[], AudioStream] = lambda: open_stream(path, source)
        self._stream: AudioStream | None = self._open_again()
        self.info = AudioInfo(self._stream.duration_s, self._stream.sample_rate, self._stream.channels)
        self.partial = ""
        self.notes: list[str] = []
        self.mix = Mix()

    def __enter__(self) -> "Recording":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def blocks(
        self, start_s: float = 0.0, end_s: float | None = None, mix: Mix | None = None
    ) -> Iterator[NDArray[np.float32]]:
        """Yields float32 `(samples,)` in [-1, 1] from `start_s` to `end_s`; an `end_s` past the end means the end.

        Args:
            start_s: s.
            end_s: s; None for the end.
            mix: how channels become one; None chooses by what the part holds, for which it is read once before; of
                what comes as it is made it is the mean.

        Raises:
            AudioError: nothing can be decoded, or what is decoded is no sound.
        """
        rate = self.info.sample_rate
        if not _MIN_SAMPLE_RATE <= rate <= _MAX_SAMPLE_RATE:  # resampling from a higher one would take gigabytes
            raise AudioError(
                self.path, f"its sample rate is {rate:,} Hz, too {'low' if rate < 1e6 else 'high'} for sound"
            )
        some = False
        try:
            self.mix = mix = mix or self._choose_mix(start_s, end_s)
            with contextlib.closing(self._take_stream()) as stream:
                mono = (mix(block) for block in self._part(stream, start_s, end_s))
                for block in _resampled(mono, stream.sample_rate):
                    some = some or bool(block.size)
                    # Resampling rings past full scale at sharp edges, and float files may exceed it.
                    yield np.clip(block, -1.0, 1.0)
                self.partial = stream.partial
        except DecoderError as error:
            raise AudioError(self.path, f"damaged: {error}") from error
        if not some:
            until = "the end" if end_s is None else f"{end_s} s"
            raise AudioError(self.path, f"{NOTHING_BETWEEN} {start_s} s and {until}" if start_s else "no samples")

    def waveform(self, start_s: float = 0.0, end_s: float | None = None) -> NDArray[np.float32]:
        """Returns what `blocks` yields in one piece."""
        # A growing bytearray holds the result once; a list of blocks, concatenated at the end, would hold it twice.
        collected = bytearray()
        try:
            for block in self.blocks(start_s, end_s):
                collected += block.tobytes()
        except MemoryError as error:
            raise AudioError(self.path, "decoding it takes more memory than there is") from error
        return np.frombuffer(collected, dtype=np.float32)

    def _take_stream(self) -> AudioStream:
        """Returns the stream that is open, or opens one; a stream is read through once."""
        stream, self._stream = self._stream or self._open_again(), None
        return stream

    def _choose_mix(self, start_s: float, end_s: float | None) -> Mix:
        """Returns how channels become one; several of them, and floating point, are looked through once before."""
        stream = self._take_stream()
        others, count, choice = stream.others, stream.channels, self._channels
        if isinstance(choice, int) and 1 < count < choice:
            raise AudioError(self.path, f"has {count} channels, where channels={choice} is asked for")
        if not self._live and (stream.float_samples or (count > 1 and needs_measuring(choice))):
            with contextlib.closing(stream):
                mix = choose_mix(measure_channels(self._part(stream, start_s, end_s), count), choice)
        else:
            mix, self._stream = choose_mix(Channels(np.zeros(count), 0.0, 0.0), choice), stream
        self.notes = [*mix.notes]
        if self._live and count > 1 and needs_measuring(choice):
            self.notes.append(
                f"the mean of {count} channels: which of them to hear shows at the end of a recording only"
            )
        if others:
            self.notes.append(f"the default one of {1 + len(others)} audio streams; the others: {', '.join(others)}")
        return mix

    def _part(self, stream: AudioStream, start_s: float, end_s: float | None) -> Iterator[Block]:
        """Yields the blocks of a part, at the file's own rate."""
        rate = stream.sample_rate
        start = round(start_s * rate)
        left = math.inf if end_s is None else max(0, round(end_s * rate) - start)
        allowed = math.inf if self._live else MAX_DURATION_S * rate
        if not left:
            return
        for block in stream.blocks(start):
            peak = float(np.abs(block).max())  # NaN where one of them is
            if not np.isfinite(peak):
                raise AudioError(self.path, "samples that are not finite numbers (NaN or infinity)")
            if peak > _MAX_SAMPLE:
                raise AudioError(self.path, f"samples up to {peak:.0e}, where full scale is 1: this is no sound")
            allowed -= min(left, len(block))
            if allowed < 0:
                longest = f"{MAX_DURATION_S / 3600:g} h"
                raise AudioError(self.path, f"longer than {longest}; cut it, or name parts of it by start_s and end_s")
            yield block if len(block) <= left else block[: int(left)]
            left -= len(block)
            if left <= 0:
                return


def inspect_audio(path: Path) -> AudioInfo:
    """Returns what the header says, without decoding samples.

    Raises:
        AudioError: the file is missing, empty, or nothing that a decoder reads.

    Examples:
        >>> import tempfile
        >>> import numpy as np, soundfile
        >>> path = Path(tempfile.mkdtemp()) / "tone.wav"
        >>> soundfile.write(path, np.zeros((22_050, 2)), 44_100)
        >>> inspect_audio(path)
        AudioInfo(duration_s=0.5, sample_rate=44100, channels=2)
    """
    with Recording(Path(path), Path(path)) as recording:
        return recording.info


def read_waveform(path: Path, start_s: float = 0.0, end_s: float | None = None) -> NDArray[np.float32]:
    """Returns a recording, or the part of it from `start_s` to `end_s`, as float32 `(samples,)`.

    Mono (see `choose_mix`), at `SAMPLE_RATE` (soxr's high quality), in [-1, 1]. Decodes block by block, so the peak
    of memory is the result and a little more, however long the file is. A file that breaks off is kept up to
    there. What is recorded stays: an offset, clipping and silence are not mended.

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
    with Recording(Path(path), Path(path)) as recording:
        return recording.waveform(start_s, end_s)


def decode_waveform(content: bytes, path: Path, channels: ChannelChoice = "auto") -> NDArray[np.float32]:
    """Returns a recording whose bytes are in memory, as `read_waveform` would; `path` names it in errors."""
    with Recording(path, content, channels) as recording:
        return recording.waveform()


def _resampled(blocks: Iterator[NDArray[np.float32]], rate: int) -> Iterator[NDArray[np.float32]]:
    if rate == SAMPLE_RATE:
        yield from blocks
        return
    stream = soxr.ResampleStream(rate, SAMPLE_RATE, num_channels=1, dtype="float32", quality="HQ")
    some = False
    for block in blocks:
        some = True
        yield stream.resample_chunk(np.ascontiguousarray(block))
    if some:
        yield stream.resample_chunk(np.empty(0, dtype=np.float32), last=True)
