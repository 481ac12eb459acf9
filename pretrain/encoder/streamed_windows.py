"""Recordings that come as streams, window by window through a network: memory does not grow with their length."""

import functools
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.corpus.audio.padding import Padding
from emoclr.corpus.audio.samples import INT16_FULL_SCALE, is_silent
from emoclr.corpus.audio.voice import VoiceTrack
from emoclr.corpus.decoded.decode_stream import Ended, Opened, Piece, Waiting
from emoclr.pretrain.encoder.embedding import Embeddings, WindowNetwork
from emoclr.pretrain.encoder.windows import Crop, WindowCutter

BATCH_WINDOWS = {"cpu": 16, "cuda": 64}
"""Windows at once, of as many recordings as it takes. On a CPU few, for memory: 3 MB for each window of 2 s."""


MIN_VOICE_SHARE = 0.1
"""A window with less of a voice is one in which nobody speaks."""

_NOTHING: NDArray[np.float32] = np.empty(0, dtype=np.float32)

_MAX_WAITING = 256
"""Windows in a batch, those in which nobody speaks among them."""


class WindowOutput(NamedTuple):
    """What a network gives for a window.

    Attributes:
        recording: its number.
        start: first sample of the window.
        end: the sample after its last one in the recording.
        samples: about the length of the recording; 0 where it is not known yet.
        voiced: parts of it, in samples of the recording, in which there is a voice; all of it where that is not asked.
        output: float32 `(features,)`; `(0,)` where nobody speaks and the network was spared.
    """

    recording: int
    start: int
    end: int
    samples: int
    voiced: list[tuple[int, int]]
    output: NDArray[np.float32]

    @property
    def voice(self) -> float:
        """The share of it in which there is a voice."""
        return sum(end - start for start, end in self.voiced) / (self.end - self.start)


class RecordingEnd(NamedTuple):
    """A recording is over; its windows came before.

    Attributes:
        recording: its number.
        samples: how many were heard.
        silent: none of them is loud enough to be heard, see `is_silent`.
        ended: what its decoder says of it.
    """

    recording: int
    samples: int
    silent: bool
    ended: Ended


class EmbeddedRow(NamedTuple):
    """The embedding of a recording, or of a window of it.

    Attributes:
        recording: its number.
        start_s: s.
        end_s: s.
        voice: share of the time in which somebody speaks; 1 where that was not asked.
        embedding: float32 (features,).
    """

    recording: int
    start_s: float
    end_s: float
    voice: float
    embedding: NDArray[np.float32]


@dataclass(frozen=True)
class EmbeddingPlace:
    """Where a batch of embeddings ends, and what must be known to go on there: all later batches are then the same.

    Attributes:
        recording: number of the recording whose windows come next.
        windows: how many of its windows are done.
        voiced: in how many of these somebody speaks.
        voiced_samples: how long somebody speaks in what is done of it.
        done: the sample up to which that was counted.
        total: the sum of its windows, float64 (features,); None before the first.
        total_voiced: of those in which somebody speaks.
    """

    recording: int = 0
    windows: int = 0
    voiced: int = 0
    voiced_samples: int = 0
    done: int = 0
    total: NDArray[np.float64] | None = None
    total_voiced: NDArray[np.float64] | None = None

    def after(self, window: WindowOutput) -> "EmbeddingPlace":
        """Returns the place behind a window."""
        output, speaks = window.output.astype(np.float64), window.voice >= MIN_VOICE_SHARE
        return EmbeddingPlace(
            self.recording,
            self.windows + 1,
            self.voiced + speaks,
            # Windows overlap.
            self.voiced_samples + sum(max(0, end - max(start, self.done)) for start, end in window.voiced),
            window.end,
            output if self.total is None else self.total + output,
            self.total_voiced if not speaks else output if self.total_voiced is None else self.total_voiced + output,
        )

    def row(self, samples: int) -> EmbeddedRow:
        """Returns the mean over the windows in which somebody speaks, or over all where nobody does."""
        total, count = (self.total, self.windows) if self.total_voiced is None else (self.total_voiced, self.voiced)
        assert total is not None
        embedding = (total / count).astype(np.float32)
        return EmbeddedRow(self.recording, 0.0, samples / SAMPLE_RATE, self.voiced_samples / samples, embedding)


@dataclass(frozen=True)
class EmbeddingBatch:
    """What a batch of windows gives.

    Attributes:
        rows: in the order of the recordings.
        ends: of the recordings that are over, each with the number of its windows and how many of them have a voice.
        place: where the next batch begins.
    """

    rows: list[EmbeddedRow]
    ends: list[tuple[RecordingEnd, int, int]]
    place: EmbeddingPlace


class _Window(NamedTuple):
    recording: int
    start: int
    end: int
    samples: int
    voiced: list[tuple[int, int]]
    waveform: NDArray[np.float32]  # (0,) where nobody speaks


_Item = _Window | RecordingEnd


def stream_windows(
    network: WindowNetwork,
    pieces: Iterable[tuple[int, Piece]],
    window_s: float,
    hop_s: float,
    short: Padding,
    skipped: int = 0,
    *,
    gate: bool = False,
    spare: bool = True,
) -> Iterator[list[WindowOutput | RecordingEnd]]:
    """Yields what a network gives for the windows of recordings, in batches of `BATCH_WINDOWS`; at once while it waits.

    Args:
        network: what the windows go through.
        pieces: of recordings one after the other, each with its number; see `decode_streams`.
        window_s: length of a window, s.
        hop_s: distance between windows, s.
        short: how a recording that is shorter than a window fills it.
        skipped: how many windows of the first recording are left out.
        gate: find out where somebody speaks, see `VoiceTrack`.
        spare: leave out of the network windows in which nobody speaks.
    """
    cutter = functools.partial(WindowCutter, round(window_s * SAMPLE_RATE), round(hop_s * SAMPLE_RATE), short)
    under_way: deque[tuple[list[_Item], Future[Embeddings] | None]] = deque()
    for items in _batches(pieces, cutter, skipped, BATCH_WINDOWS[network.device], gate, spare):
        if items:
            crops = [item.waveform for item in items if isinstance(item, _Window) and len(item.waveform)]
            under_way.append((items, network.begin(crops) if crops else None))
        # One more than are computed at once, so that the next is there when one is done.
        while len(under_way) > (network.at_once if items else 0):
            yield _answered(*under_way.popleft())


def _batches(
    pieces: Iterable[tuple[int, Piece]],
    make_cutter: Callable[[int], WindowCutter],
    skipped: int,
    size: int,
    gate: bool,
    spare: bool,
) -> Iterator[list[_Item]]:
    """Yields windows and ends of recordings in batches, and an empty one where no more are there yet, or come."""
    batch: list[_Item] = []
    heard = 0
    for number, group in itertools.groupby(pieces, key=itemgetter(0)):
        cutter, skipped = make_cutter(skipped), 0
        for item in _windows(number, (piece for _, piece in group), cutter, VoiceTrack() if gate else None, spare):
            if not isinstance(item, Waiting):
                batch.append(item)
            heard += isinstance(item, _Window) and len(item.waveform) > 0
            if heard == size or len(batch) == _MAX_WAITING or isinstance(item, Waiting):
                yield batch
                batch, heard = [], 0
            if isinstance(item, Waiting):
                yield []
    yield from (batch, [])


def _windows(
    number: int, pieces: Iterator[Piece], cutter: WindowCutter, track: VoiceTrack | None, spare: bool
) -> Iterator[_Item | Waiting]:
    samples, loudest = 0, 0.0
    crops: deque[Crop] = deque()

    def known() -> Iterator[_Window]:
        while crops:
            start = crops[0].start
            end = min(start + len(crops[0].waveform), cutter.received)
            if track and track.known < end:
                return
            voiced = track.voiced(start, end) if track else [(start, end)]
            heard = not spare or sum(last - first for first, last in voiced) >= MIN_VOICE_SHARE * (end - start)
            waveform = crops.popleft().waveform
            yield _Window(number, start, end, samples, voiced, waveform if heard else _NOTHING)

    for piece in pieces:
        if isinstance(piece, Opened):
            samples = piece.samples
        elif isinstance(piece, Ended):
            if track:
                track.finish()
            crops.extend(cutter.finish())
            yield from known()
            yield RecordingEnd(number, cutter.received, bool(is_silent(loudest)), piece)
        elif isinstance(piece, Waiting):
            yield piece
        elif len(piece):
            block = piece.astype(np.float32)
            if piece.dtype == np.int16:
                block /= np.float32(INT16_FULL_SCALE)
            loudest = max(loudest, float(np.abs(block).max()))
            if track:
                track.push(block)
            crops.extend(cutter.push(block))
            yield from known()


def _answered(items: list[_Item], answer: Future[Embeddings] | None) -> list[WindowOutput | RecordingEnd]:
    outputs = iter(answer.result() if answer else ())
    return [
        WindowOutput(*item[:-1], next(outputs) if len(item.waveform) else _NOTHING)
        if isinstance(item, _Window)
        else item
        for item in items
    ]
