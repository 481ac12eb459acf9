"""A recording as it is made, from standard input: rows come as its windows end."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from emoclr.configs.errors import ConfigError
from emoclr.predict.options import SEPARATE

if TYPE_CHECKING:
    from emoclr.corpus.audio.formats.pipe import Pipe
    from emoclr.finetune.model.checkpoint import EnsembleCard
    from emoclr.finetune.model.emotion_model import Ensemble
    from emoclr.predict.run import Progress
    from emoclr.predict.stream.rows import RowKind

STANDARD_OUTPUT = "-"


def standard_input(arguments: argparse.Namespace) -> "Pipe | None":
    """Returns standard input, where that is the recording.

    Raises:
        ConfigError: it is not alone, is a terminal, or comes with options that are of files, or files with its own.
    """
    if Path("-") not in arguments.recordings:
        for name in ("rate", "channels"):
            if getattr(arguments, name) not in (None, SEPARATE):
                raise ConfigError(
                    f"--{name}: is of raw samples on standard input, which is the recording -; files say it themselves"
                )
        return None
    if len(arguments.recordings) > 1:
        raise ConfigError("-: standard input is one recording; leave the others to another command")
    if arguments.out not in (None, STANDARD_OUTPUT):
        raise ConfigError(
            f"--out {arguments.out}: rows of standard input go to standard output; write > {arguments.out}"
        )
    if arguments.page is not None:
        raise ConfigError("--page: is of recordings in files; write standard input into a file first, and give that")
    if arguments.engine != "local":
        raise ConfigError(f"--engine {arguments.engine}: is of files; standard input is heard on this machine")
    if arguments.speaker is not None:
        raise ConfigError(
            "--speaker: is of recordings that can be heard to their end, not of standard input; leave it out"
        )
    if arguments.channels == SEPARATE:
        raise ConfigError(f"--channels {SEPARATE}: is of files; write standard input into a file first, and give that")
    from emoclr.corpus.audio.formats.pipe import Pipe, RawPcm

    if arguments.rate is not None:
        return Pipe(sys.stdin.buffer, RawPcm(arguments.rate, arguments.channels or 1))
    if arguments.channels is not None:
        raise ConfigError("--channels: is of raw samples; give their --rate, too")
    return Pipe(sys.stdin.buffer)


def predict_live(
    ensemble: "Ensemble",
    card: "EnsembleCard",
    pipe: "Pipe",
    device: str,
    kind: "RowKind" = "window",
    *,
    gate: bool = True,
) -> "Iterator[Progress]":
    """Yields the emotions of a recording, those of each window as soon as its last sample is there.

    Whether somebody speaks in it is known 0.2 s later.

    Args:
        ensemble: from `load_ensemble`.
        card: its card.
        pipe: where the recording comes from.
        device: "cpu" or "cuda".
        kind: what a row is of.
        gate: name no emotion where nobody speaks.
    """
    from emoclr.corpus.decoded.decode_stream import STANDARD_INPUT, live_stream
    from emoclr.predict.run import progress_of
    from emoclr.predict.stream.batches import Place, predict_batches
    from emoclr.predict.stream.rows import RowMaker

    maker = RowMaker(ensemble, card, [STANDARD_INPUT], kind)
    pieces = live_stream(pipe, card.channels)
    for batch in predict_batches(ensemble, card, pieces, gate=gate, device=device, begin=Place()):
        yield progress_of(batch, [STANDARD_INPUT], maker)
