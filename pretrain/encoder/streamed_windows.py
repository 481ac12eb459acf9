"""Recordings that come as streams, window by window through a network: memory does not grow with their length."""

import itertools
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.corpus.audio.padding import Padding
from emoclr.corpus.audio.samples import INT16_FULL_SCALE, is_silent
from emoclr.corpus.decoded.decode_stream import Ended, Opened, Piece, Waiting
from emoclr.pretrain.encoder.embedding import WindowNetwork
from emoclr.pretrain.encoder.windows import WindowCutter

BATCH_WINDOWS = {"cpu": 16, "cuda": 64}
"""Windows at once, of as many recordings as it takes. On a CPU few, for memory: 3 MB for each window of 2 s. Against 64
that is quicker for some networks (resnet10t 1.4 times) and slower for others (mobilenetv3_small_100 0.7 times)."""


class WindowOutput(NamedTuple):
    """What a network gives for a window.

    Attributes:
        recording: its number.
        start: first sample of the window.
        end: the sample behind its last one, or behind that of a recording that is shorter.
        samples: length of the recording; 0 where it is not known yet.
        output: float32 `(features,)`.
    """

    recording: int
    start: int
    end: int
    samples: int
    output: NDArray[np.float32]


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


class _Window(NamedTuple):
    recording: int
    start: int
    end: int
    samples: int
    waveform: NDArray[np.float32]


def stream_windows(
    network: WindowNetwork,
    pieces: Iterable[tuple[int, Piece]],
    window_s: float,
    hop_s: float,
    short: Padding,
    skipped: int = 0,
) -> Iterator[list[WindowOutput | RecordingEnd]]:
    """Yields what a network gives for the windows of recordings, in batches of `BATCH_WINDOWS`; at once while it waits.

    Args:
        network: what the windows go through.
        pieces: of recordings one after the other, each with its number; see `decode_streams`.
        window_s: length of a window, s.
        hop_s: distance between windows, s.
        short: how a recording that is shorter than a window fills it.
        skipped: how many windows of the first recording are left out.
    """
    window, hop = round(window_s * SAMPLE_RATE), round(hop_s * SAMPLE_RATE)
    size = BATCH_WINDOWS[network.device]
    waiting: list[_Window | RecordingEnd] = []
    crops: list[NDArray[np.float32]] = []
    for number, group in itertools.groupby(pieces, key=itemgetter(0)):
        for item in _windows(number, (piece for _, piece in group), window, hop, short, skipped):
            if not isinstance(item, Waiting):
                waiting.append(item)
            if isinstance(item, _Window):
                crops.append(item.waveform)
            if len(crops) == size or (isinstance(item, Waiting) and waiting):
                yield _answered(network, waiting, crops)
                waiting, crops = [], []
        skipped = 0
    if waiting:
        yield _answered(network, waiting, crops)


def _windows(
    number: int,
    pieces: Iterator[Piece],
    window: int,
    hop: int,
    short: Padding,
    skipped: int,
) -> Iterator[_Window | RecordingEnd | Waiting]:
    samples, loudest = 0, 0.0
    cutter = WindowCutter(window, hop, short, skipped)
    for piece in pieces:
        if isinstance(piece, Opened):
            samples = piece.samples
        elif isinstance(piece, Ended):
            for start, waveform in cutter.finish():
                yield _Window(number, start, cutter.received, samples, waveform)
            yield RecordingEnd(number, cutter.received, bool(is_silent(loudest)), piece)
        elif isinstance(piece, Waiting):
            yield piece
        elif len(piece):
            block = piece.astype(np.float32)
            if piece.dtype == np.int16:
                block /= np.float32(INT16_FULL_SCALE)
            loudest = max(loudest, float(np.abs(block).max()))
            for start, waveform in cutter.push(block):
                yield _Window(number, start, start + window, samples, waveform)


def _answered(
    network: WindowNetwork, items: list[_Window | RecordingEnd], crops: list[NDArray[np.float32]]
) -> list[WindowOutput | RecordingEnd]:
    outputs = iter(network(crops) if crops else ())
    return [WindowOutput(*item[:-1], next(outputs)) if isinstance(item, _Window) else item for item in items]
