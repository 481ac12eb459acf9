"""Recordings part by part: a part's rows are the same wherever it is worked on, since no batch goes beyond it."""

import pickle
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch

from emoclr.corpus.audio.channels import ChannelChoice
from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.corpus.decoded.decode_stream import Ended, Piece, decode_here, decode_streams
from emoclr.corpus.parallel.engines import RayEngine, ends_this_process_after
from emoclr.corpus.parallel.pool import batches_by_size
from emoclr.finetune.model import member_precision
from emoclr.finetune.model.checkpoint import EnsembleCard
from emoclr.finetune.model.emotion_model import Ensemble
from emoclr.predict.stream.batches import Batch, Place, predict_batches
from emoclr.predict.stream.rows import Over
from emoclr.pretrain.encoder.streamed_windows import RecordingEnd
from emoclr.pretrain.networks.timm_models import timm_in_part

AHEAD = 8
"""Parts a core that are handed out before the earliest is done: a long recording keeps nobody from short ones."""

_BATCHES_AT_ONCE = 32
_PART_BYTES = 16 << 20
_PART_FILES = 128
"""With fewer, the last batch of a part, which is seldom full, costs more: at 32 clips of 2.5 s 5 % of all."""

Pieces = Iterator[tuple[int, Piece]]
"""Of recordings one after the other, each with their number."""


class Unheard(NamedTuple):
    """A recording that is not heard yet, or not to its end.

    Attributes:
        number: its position among all recordings.
        path: where it is.
        channels: which of its channels are heard.
        windows: how many of its windows are done.
        voiced: in how many of these somebody speaks.
    """

    number: int
    path: Path
    channels: ChannelChoice
    windows: int = 0
    voiced: int = 0


Part = Sequence[Unheard]
"""Recordings one after the other, up to 16 MB of files or a larger one, of which none or the first is heard in part."""


def parts_from(begin: Place, paths: Sequence[Path], channels: Sequence[ChannelChoice]) -> Iterator[Part]:
    """Yields the parts of recordings that are left from a place of the work on.

    Examples:
        >>> [len(part) for part in parts_from(Place(3, windows=5), [Path("a.wav")] * 200, ["auto"] * 200)]
        [125, 72]
    """
    for first, end in batches_by_size(paths, _PART_BYTES, _PART_FILES):
        numbers = range(max(first, begin.recording), end)
        part = [Unheard(number, paths[number].absolute(), channels[number]) for number in numbers]
        if part:
            yield _from(part, begin)


def predict_parts(
    ensemble: Ensemble,
    card: EnsembleCard,
    begin: Place,
    paths: Sequence[Path],
    channels: Sequence[ChannelChoice],
    *,
    gate: bool,
    device: str,
    hear: Callable[[Pieces], Pieces] | None,
    end_s: float | None = None,
) -> Iterator[Batch]:
    """Yields the logits of the windows of recordings from a place on, batch by batch, worked on here.

    Args:
        ensemble: from `load_ensemble`.
        card: its card.
        begin: the place.
        paths: the recordings.
        channels: which channels of each are heard.
        gate: see `predict_batches`.
        device: "cpu" or "cuda".
        hear: gets the pieces of all recordings, and yields them as they are.
        end_s: what comes later in a recording is not decoded; None for all.
    """
    decoded = decode_streams(paths[begin.recording :], channels[begin.recording :], end_s)
    pieces: Pieces = ((begin.recording + position, piece) for position, piece in decoded)
    if hear:
        pieces = hear(pieces)
    for part in parts_from(begin, paths, channels):
        yield from _batches(ensemble, card, part, _until(pieces, part[-1].number), gate=gate, device=device)


def predict_parts_on_ray(
    engine: RayEngine,
    ensemble: Ensemble,
    card: EnsembleCard,
    begin: Place,
    paths: Sequence[Path],
    channels: Sequence[ChannelChoice],
    *,
    gate: bool,
) -> Iterator[Batch]:
    """Yields what `predict_parts` does, worked on by the cores of a Ray cluster.

    Where a worker is lost, its part is gone on with after the last batches that came; see `RayEngine`.
    """
    parts, work, lost = parts_from(begin, paths, channels), partial(_batches_on_ray, gate=gate), partial(_lost, card)
    with torch.inference_mode():  # bf16 or not is decided here, for all machines like this one
        ensemble(torch.zeros(1, round(card.window_s * SAMPLE_RATE)))
    for batches in engine.stream(work, parts, lost, _Networks(ensemble, card, member_precision.KEPT.known()), AHEAD):
        yield from batches


class _Networks(NamedTuple):
    """What a worker needs, which arrives there without the rest of timm."""

    ensemble: Ensemble
    card: EnsembleCard
    measured: dict[str, bool]

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (pickle.dumps(tuple(self)),)


def _unpickled(content: bytes) -> _Networks:
    with timm_in_part():
        networks = _Networks(*pickle.loads(content))
    member_precision.KEPT.take(networks.measured)
    return networks


def _batches_on_ray(loaded: _Networks, part: Part, *, gate: bool) -> Iterator[tuple[list[Batch], Part]]:
    """Yields batches, some at a time, and what is then left of the part."""
    decoded = decode_here([one.path for one in part], [one.channels for one in part])
    first = part[0].number
    pieces = ((first + position, piece) for position, piece in decoded)
    batches = _batches(loaded.ensemble, loaded.card, part, pieces, gate=gate, device="cpu")
    found: list[Batch] = []
    while part:
        with ends_this_process_after(part[0].path):
            found.append(next(batches))
        part = _from(part, found[-1])
        if len(found) == _BATCHES_AT_ONCE or not part:
            yield found, part
            found = []


def _batches(
    ensemble: Ensemble, card: EnsembleCard, part: Part, pieces: Pieces, *, gate: bool, device: str
) -> Iterator[Batch]:
    begin = Place(part[0].number, part[0].windows, part[0].voiced)
    return predict_batches(ensemble, card, pieces, gate=gate, device=device, begin=begin)


def _from(part: Part, place: Place | Batch) -> Part:
    """Returns what is left of a part at a place."""
    return [
        one._replace(windows=place.windows, voiced=place.voiced) if one.number == place.recording else one
        for one in part
        if one.number >= place.recording
    ]


def _until(pieces: Pieces, number: int) -> Pieces:
    """Yields pieces up to the end of the recording `number`."""
    for numbered in pieces:
        yield numbered
        if numbered[0] == number and isinstance(numbered[1], Ended):
            return


def _lost(card: EnsembleCard, recording: Unheard, reason: str) -> list[Batch]:
    """Returns the end of a recording that cannot be heard further."""
    number, windows = recording.number, recording.windows
    heard_s = (windows - 1) * card.hop_s + card.window_s if windows else 0.0
    end = RecordingEnd(number, round(heard_s * SAMPLE_RATE), False, Ended(failure=reason))
    items = [Over(number, heard_s)] if windows else []
    return [Batch([*items], [(end, windows, recording.voiced)], 0.0, number + 1, 0, 0)]
