"""A recording as a stream: its length, its samples block by block, and what there is to say of it."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emoclr.corpus.audio.channels import ChannelChoice
from emoclr.corpus.audio.decoder import SAMPLE_RATE, AudioError, Recording, inspect_audio
from emoclr.corpus.audio.formats.pipe import Pipe
from emoclr.corpus.audio.samples import to_int16
from emoclr.corpus.decoded.decode_clip import larger_blocks
from emoclr.corpus.parallel.processes import each_in_processes, stream_in_processes
from emoclr.corpus.parallel.read_ahead import read_ahead
from emoclr.corpus.parallel.stream import Stream

MAX_HELD_SAMPLES = 60 * SAMPLE_RATE
"""A longer recording is handed on while it is decoded; of a shorter one that cannot be read, nothing is."""

READ_AHEAD = 32
"""How many pieces wait for the network at most; a block of a long recording has about half a megabyte."""


STANDARD_INPUT = Path("stdin")
"""How standard input is named in rows and messages."""


class Opened(NamedTuple):
    """A recording comes next.

    Attributes:
        samples: of a long one about how many, as its header claims, 0 where that says nothing.
    """

    samples: int


class Ended(NamedTuple):
    """A recording is over.

    Attributes:
        failure: why it cannot be read, or no further; empty where it can.
        partial: what of it was not decoded, in words; empty where nothing.
        notes: what was chosen or rescaled on the way.
    """

    failure: str = ""
    partial: str = ""
    notes: tuple[str, ...] = ()


class Waiting(NamedTuple):
    """No more of a recording is there yet: what came may be worked on."""


Piece = Opened | NDArray[np.int16] | NDArray[np.float32] | Waiting | Ended
"""What comes of a recording: `Opened`, blocks of samples, int16 or float32 `(n,)` at `SAMPLE_RATE`, and `Ended`; of one
that comes as it is made no `Opened`, and `Waiting` in between."""


def decode_stream(
    path: Path, channels: ChannelChoice = "auto", end_s: float | None = None
) -> Generator[Opened | NDArray[np.int16], None, Ended]:
    """Yields `Opened` and then the samples of a recording in blocks, int16 `(n,)`; returns how it ended.

    What comes after `end_s` is not decoded.
    """
    try:
        with Recording(path, path, channels) as recording:
            held: list[NDArray[np.int16]] = []
            samples, opened = 0, False
            for block in map(to_int16, larger_blocks(recording.blocks(end_s=end_s))):
                held.append(block)
                samples += len(block)
                if not opened and samples > MAX_HELD_SAMPLES:
                    yield Opened(round((recording.info.duration_s or 0.0) * SAMPLE_RATE))
                    opened = True
                if opened:
                    yield from held
                    held.clear()
            if not opened:
                yield Opened(samples)
                yield from held
            return Ended(partial=recording.partial, notes=tuple(recording.notes))
    except AudioError as error:
        return Ended(failure=error.reason)


def decode_streams(
    paths: Sequence[Path], channels: ChannelChoice | Sequence[ChannelChoice] = "auto", end_s: float | None = None
) -> Iterator[tuple[int, Piece]]:
    """Yields the pieces of recordings, of which some channels are heard, each with its position in `paths`.

    They are decoded in processes of their own: a decoder that crashes or hangs ends its recording, and no other. Next
    to nothing of a recording is held, however long it is.

    Args:
        paths: the recordings.
        channels: of all of them, or of each.
        end_s: what comes later is not decoded; None for all.
    """
    tasks = _tasks(paths, channels)
    return read_ahead(_pieces(stream_in_processes(partial(_stream, end_s=end_s), tasks, _path, _lost)), READ_AHEAD)


def decode_here(
    paths: Sequence[Path], channels: ChannelChoice | Sequence[ChannelChoice] = "auto"
) -> Iterator[tuple[int, Piece]]:
    """Yields what `decode_streams` does; decodes in a thread of this process, which dies with a decoder."""
    return read_ahead(_pieces(Stream(_stream(task)) for task in _tasks(paths, channels)), READ_AHEAD)


def separate_channels(paths: Sequence[Path]) -> tuple[list[Path], list[int]]:
    """Returns recordings, each as often as it has channels, and which one that is, from 1 on.

    Examples:
        >>> import tempfile, soundfile
        >>> call = Path(tempfile.mkdtemp()) / "call.wav"
        >>> soundfile.write(call, np.zeros((8_000, 2)), 8_000)
        >>> separate_channels([call])[1]
        [1, 2]
    """
    counts = each_in_processes(_count_channels, paths, _itself, _one)
    found = [(path, channel) for path, n in zip(paths, counts, strict=True) for channel in range(1, n + 1)]
    return [path for path, _ in found], [channel for _, channel in found]


def _count_channels(path: Path) -> int:
    try:
        return inspect_audio(path).channels
    except AudioError:  # told where it is decoded
        return 1


def _one(path: Path, reason: str) -> int:
    return 1


def _itself(path: Path) -> Path:
    return path


def _tasks(
    paths: Sequence[Path], channels: ChannelChoice | Sequence[ChannelChoice]
) -> list[tuple[Path, ChannelChoice]]:
    choices = [channels] * len(paths) if isinstance(channels, str | int) else channels
    return [*zip(paths, choices, strict=True)]


def _pieces(streams: Iterable[Stream[Opened | NDArray[np.int16], Ended]]) -> Generator[tuple[int, Piece], None, None]:
    for number, stream in enumerate(streams):
        for item in stream:
            yield number, item
        yield number, stream.result


def _stream(
    task: tuple[Path, ChannelChoice], end_s: float | None = None
) -> Generator[Opened | NDArray[np.int16], None, Ended]:
    return decode_stream(*task, end_s)


def _path(task: tuple[Path, ChannelChoice]) -> Path:
    return task[0]


def _lost(task: tuple[Path, ChannelChoice], reason: str) -> Ended:
    return Ended(failure=reason)


def live_stream(pipe: Pipe, channels: ChannelChoice = "auto") -> Iterator[tuple[int, Piece]]:
    """Yields the pieces of one recording as it is made, each with the number 0; see `decode_streams`.

    It is decoded in a thread, since a pipe is of this process.
    """
    return read_ahead(_live_pieces(pipe, channels), READ_AHEAD, idle=(0, Waiting()))


def _live_pieces(pipe: Pipe, channels: ChannelChoice) -> Generator[tuple[int, Piece], None, None]:
    try:
        with Recording(STANDARD_INPUT, pipe, channels) as recording:
            for block in recording.blocks():
                yield 0, to_int16(block)
            yield 0, Ended(partial=recording.partial, notes=tuple(recording.notes))
    except AudioError as error:
        yield 0, Ended(failure=error.reason)


def array_streams(waveforms: Iterable[NDArray[np.float32]]) -> Iterator[tuple[int, Piece]]:
    """Yields waveforms in memory, float32 `(samples,)` each, as `decode_streams` yields recordings."""
    for number, waveform in enumerate(waveforms):
        yield number, Opened(len(waveform))
        yield number, waveform
        yield number, Ended()
