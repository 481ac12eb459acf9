"""Streams of recordings to the logits of their windows, batch by batch, from any place of the work on."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.corpus.decoded.decode_stream import Piece
from emoclr.finetune.model.checkpoint import EnsembleCard
from emoclr.finetune.model.emotion_model import Ensemble
from emoclr.predict.stream.rows import Over, Window
from emoclr.pretrain.encoder.embedding import WindowNetwork
from emoclr.pretrain.encoder.streamed_windows import RecordingEnd, WindowOutput, stream_windows


@dataclass(frozen=True)
class Place:
    """Where a batch ends, and what must be known to go on there: all later batches are then the same.

    Attributes:
        recording: number of the recording whose windows come next.
        windows: how many of its windows are done.
        voiced: in how many of these somebody speaks.
        state: what they say, see `RowMaker.state`.
    """

    recording: int = 0
    windows: int = 0
    voiced: int = 0
    state: dict[str, Any] | None = None


@dataclass(frozen=True)
class Batch:
    """What a batch of windows gives.

    Attributes:
        items: the windows, and the ends of recordings of which there is one, in their order.
        ends: of the recordings that are over, each with the number of its windows and how many of them have a voice.
        heard: part of the recording under way that is done, from 0 to 1.
        recording: number of the recording whose windows come next.
        windows: how many of its windows are done.
        voiced: in how many of these somebody speaks.
    """

    items: list[Window | Over]
    ends: list[tuple[RecordingEnd, int, int]]
    heard: float
    recording: int
    windows: int
    voiced: int


def predict_batches(
    ensemble: Ensemble,
    card: EnsembleCard,
    pieces: Iterable[tuple[int, Piece]],
    *,
    gate: bool,
    device: str,
    begin: Place,
) -> Iterator[Batch]:
    """Yields the logits of the windows of recordings, batch by batch.

    Args:
        ensemble: from `load_ensemble`.
        card: its card; says windows.
        pieces: of recordings from number `begin.recording` on; see `stream_windows`.
        gate: leave out windows in which nobody speaks.
        device: "cpu" or "cuda".
        begin: the place of an earlier batch, or `Place()`.
    """
    # The members choose their precision themselves.
    network = WindowNetwork(ensemble, card.window_s, device, "fp32", "predicting")
    number, windows, voiced = begin.recording, begin.windows, begin.voiced
    batches = stream_windows(network, pieces, card.window_s, card.hop_s, card.short, skipped=begin.windows, gate=gate)
    for batch in batches:
        items: list[Window | Over] = []
        ends: list[tuple[RecordingEnd, int, int]] = []
        heard = 0.0
        for item in batch:
            number = item.recording
            if isinstance(item, WindowOutput):
                parts = [(start / SAMPLE_RATE, end / SAMPLE_RATE) for start, end in item.voiced]
                start_s, end_s = item.start / SAMPLE_RATE, item.end / SAMPLE_RATE
                items.append(Window(number, start_s, end_s, parts, item.output.astype(np.float64)))
                heard = min(1.0, item.end / item.samples) if item.samples else 0.0
                windows, voiced = windows + 1, voiced + (len(item.output) > 0)
            else:
                if windows:
                    items.append(Over(number, item.samples / SAMPLE_RATE))
                ends.append((item, windows, voiced))
                number, windows, voiced, heard = number + 1, 0, 0, 0.0
        yield Batch(items, ends, heard, number, windows, voiced)
