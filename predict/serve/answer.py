"""From an upload to the rows that `predict` gives of it."""

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np

from emoclr.configs.messages import perhaps, readable
from emoclr.corpus.audio.channels import ChannelChoice
from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.corpus.decoded.decode_stream import Opened, separate_channels
from emoclr.finetune.model.checkpoint import EnsembleCard
from emoclr.finetune.model.emotion_model import Ensemble
from emoclr.predict.options import SEPARATE, RowKind
from emoclr.predict.output.screen import clock
from emoclr.predict.output.tables import Columns
from emoclr.predict.run import progress_of
from emoclr.predict.serve.limits import Limits, Refused
from emoclr.predict.serve.upload import Upload
from emoclr.predict.stream.batches import Batch, Place
from emoclr.predict.stream.parts import Pieces, predict_parts
from emoclr.predict.stream.remarks import Remark
from emoclr.predict.stream.rows import Row, RowMaker

AnswerForm = Literal["json", "csv"]

_CLAIMED_MORE = 2.0
"""A header may be wrong about a length; where it says this much more than what is taken, nothing is decoded."""
_SPARE_S = 1.0
"""So much more than what is taken is decoded: enough to see that there is more."""


class Network(NamedTuple):
    """What hears.

    Attributes:
        ensemble: the network.
        card: all about it but its weights.
        name: as it was given, to be shown.
        device: "cpu" or "cuda".
    """

    ensemble: Ensemble
    card: EnsembleCard
    name: str
    device: str


@dataclass(frozen=True)
class Asked:
    """What an answer is to hold; the options of the command.

    Attributes:
        rows: what a row is of.
        gate: name no emotion where nobody speaks.
        separate: hear each channel alone.
        form: of the answer.
    """

    rows: RowKind = "recording"
    gate: bool = True
    separate: bool = False
    form: AnswerForm = "json"

    @classmethod
    def read(cls, query: Mapping[str, str]) -> "Asked":
        """Returns what the query of an address asks for.

        Raises:
            Refused: there is no such option, or no such value.

        Examples:
            >>> Asked.read({"rows": "segment", "format": "csv"})
            Asked(rows='segment', gate=True, separate=False, form='csv')
        """
        for key, value in query.items():
            if key not in CHOICES:
                raise Refused(400, f"{readable(key)}: no such option{perhaps(key, CHOICES)}")
            if value not in CHOICES[key]:
                raise Refused(400, f"{key}={readable(value)}: is none of {', '.join(CHOICES[key])}")
        rows: RowKind = query.get("rows", "recording")  # type: ignore[assignment]
        form: AnswerForm = query.get("format", "json")  # type: ignore[assignment]
        return cls(rows, query.get("gate", "voice") == "voice", query.get("channels", "mixed") == SEPARATE, form)


CHOICES = {
    "rows": get_args(RowKind),
    "gate": ("voice", "none"),
    "channels": ("mixed", SEPARATE),
    "format": get_args(AnswerForm),
}
"""Options, and the values of each; the first one holds where it is not given."""


@dataclass(frozen=True)
class Answer:
    """What `predict` says of a recording.

    Attributes:
        columns: of the rows.
        rows: of the recording.
        remarks: what there is to say of it.
    """

    columns: Columns
    rows: list[Row]
    remarks: list[Remark]


def answer_of(network: Network, upload: Upload, asked: Asked, limits: Limits, stop: threading.Event) -> Answer:
    """Returns the rows that the command gives of a file of the upload's name.

    Raises:
        Refused: it is too long, or nothing that can be read.
        Stopped: `stop` was set.
    """
    card = network.card
    numbers = separate_channels([upload.path])[1] if asked.separate else None
    shown = [Path(upload.name)] * len(numbers or [0])
    maker = RowMaker(network.ensemble, card, shown, asked.rows, channels=numbers)
    rows: list[Row] = []
    remarks: list[Remark] = []
    hear = within(limits, stop)
    for batch in batches_of(network, upload.path, numbers or [card.channels], hear, limits, gate=asked.gate):
        found = progress_of(batch, shown, maker, numbers)
        rows += found.rows
        remarks += found.remarks
    check_readable(remarks)
    return Answer(Columns.of(card, asked.rows, channel=asked.separate), rows, remarks)


def batches_of(
    network: Network,
    path: Path,
    channels: list[ChannelChoice] | list[int],
    hear: Callable[[Pieces], Pieces],
    limits: Limits,
    *,
    gate: bool,
) -> Iterator[Batch]:
    """Yields the batches of a recording, once for each of some channels; `hear` gets its pieces."""
    yield from predict_parts(
        network.ensemble,
        network.card,
        Place(),
        [path] * len(channels),
        channels,
        gate=gate,
        device=network.device,
        hear=hear,
        end_s=limits.max_s + _SPARE_S,
    )


class Stopped(Exception):
    """Nobody wants the answer any more."""


def within(limits: Limits | None, stop: threading.Event) -> Callable[[Pieces], Pieces]:
    """Returns what yields pieces as they are, and ends where there are too many, or `stop` is set."""
    max_samples = limits.max_s * SAMPLE_RATE if limits else math.inf

    def hear(pieces: Pieces) -> Pieces:
        samples = 0
        for number, piece in pieces:
            if stop.is_set():
                raise Stopped
            if isinstance(piece, np.ndarray):
                samples += len(piece)
                if limits and samples > max_samples:
                    raise _too_long(limits)
            elif limits and isinstance(piece, Opened) and piece.samples > _CLAIMED_MORE * max_samples:
                raise _too_long(limits)
            yield number, piece

    return hear


def check_readable(remarks: list[Remark]) -> None:
    """Checks that a recording could be read.

    Raises:
        Refused: it could not.
    """
    for remark in remarks:
        if remark.status == "unreadable":
            raise Refused(422, remark.reason)


def _too_long(limits: Limits) -> Refused:
    return Refused(413, f"is longer than {clock(limits.max_s)}, which is what is taken (--max-s); cut it into parts")
