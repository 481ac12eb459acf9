"""Streams of recordings to logits, batch by batch, from any place of the work on."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.corpus.decoded.decode_stream import Piece
from emoclr.evaluate.metrics.arrays import Array
from emoclr.evaluate.pooling import RunningPool
from emoclr.finetune.model.checkpoint import EnsembleCard
from emoclr.finetune.model.emotion_model import Ensemble
from emoclr.pretrain.encoder.embedding import WindowNetwork
from emoclr.pretrain.encoder.streamed_windows import RecordingEnd, WindowOutput, stream_windows


@dataclass(frozen=True)
class Place:
    """Where a batch ends, and what must be known to go on there: all later batches are then the same.

    Attributes:
        recording: number of the recording whose windows come next.
        windows: how many of its windows are done.
        total: of those, see `RunningPool`.
    """

    recording: int = 0
    windows: int = 0
    total: list[float] | None = None


class Stretch(NamedTuple):
    """A recording, or a window of it, and its logits.

    Attributes:
        recording: its number.
        start_s: s.
        end_s: s.
        windows: how many are pooled.
        logits: (members * emotions,), which `Ensemble.probabilities` takes.
    """

    recording: int
    start_s: float
    end_s: float
    windows: int
    logits: Array


@dataclass(frozen=True)
class Batch:
    """What a batch of windows gives.

    Attributes:
        stretches: in the order of the recordings.
        ends: of the recordings that are over, each with the number of its windows.
        heard: part of the recording under way that is done, from 0 to 1.
        place: where the next batch begins.
    """

    stretches: list[Stretch]
    ends: list[tuple[RecordingEnd, int]]
    heard: float
    place: Place


def predict_batches(
    ensemble: Ensemble,
    card: EnsembleCard,
    pieces: Iterable[tuple[int, Piece]],
    *,
    timeline: bool,
    device: str,
    begin: Place,
) -> Iterator[Batch]:
    """Yields the logits of recordings, or of their windows with `timeline`, batch by batch.

    Args:
        ensemble: from `load_ensemble`.
        card: its card; says windows and how they are pooled.
        pieces: of recordings from number `begin.recording` on; see `stream_windows`.
        timeline: one stretch a window in place of one a recording.
        device: "cpu" or "cuda".
        begin: the place of an earlier batch, or `Place()`.
    """
    # The members choose their precision themselves.
    network = WindowNetwork(ensemble, card.window_s, device, "fp32", "predicting")
    pool = RunningPool(card.windows, begin.total, begin.windows)
    number = begin.recording
    batches = stream_windows(network, pieces, card.window_s, card.hop_s, card.short, skipped=begin.windows)
    for batch in batches:
        stretches: list[Stretch] = []
        ends: list[tuple[RecordingEnd, int]] = []
        heard = 0.0
        for item in batch:
            number = item.recording
            if isinstance(item, WindowOutput):
                output = item.output.astype(np.float64)
                pool.add(output)
                heard = item.end / item.samples if item.samples else 0.0
                if timeline:
                    stretches.append(Stretch(number, item.start / SAMPLE_RATE, item.end / SAMPLE_RATE, 1, output))
            else:
                if pool.windows and not timeline:
                    stretches.append(Stretch(number, 0.0, item.samples / SAMPLE_RATE, pool.windows, pool.result()))
                ends.append((item, pool.windows))
                pool = RunningPool(card.windows)
                number, heard = number + 1, 0.0
        total = None if pool.total is None else pool.total.tolist()
        yield Batch(stretches, ends, heard, Place(number, pool.windows, total))


def stretch_lines(stretches: Iterable[Stretch]) -> str:
    """Returns stretches as lines of JSON, from which they are read as they were."""
    return "".join(
        json.dumps([found.recording, found.start_s, found.end_s, found.windows, found.logits.tolist()]) + "\n"
        for found in stretches
    )


def stretch_of_line(line: bytes | str) -> Stretch:
    """Returns the stretch of a line of `stretch_lines`."""
    recording, start_s, end_s, windows, logits = json.loads(line)
    return Stretch(recording, start_s, end_s, windows, np.array(logits, dtype=np.float64))
