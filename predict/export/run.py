"""From a run to one file."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from emoclr.configs.console import say
from emoclr.configs.errors import EmoclrError
from emoclr.configs.files import write_atomically
from emoclr.configs.messages import one_line
from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.finetune.model.checkpoint import load_ensemble
from emoclr.finetune.model.emotion_model import EmotionModel
from emoclr.finetune.model.folders import find_card, holds_emotions
from emoclr.predict.export.facts import encoder_facts, ensemble_facts
from emoclr.predict.export.forms import MARK, Facts, FileForm, form_of
from emoclr.predict.export.parity import ParityError, check_parity, made_up
from emoclr.predict.export.stored_weights import halve_exact, round_to_int8, store_int8
from emoclr.predict.export.whole_network import WaveformToEmbeddings, WaveformToProbabilities
from emoclr.predict.output.out_path import check_free, check_ours
from emoclr.pretrain.encoder.checkpoint import load_encoder, only_backbone
from emoclr.pretrain.encoder.recordings import encoder_windows

Weights = Literal["exact", "int8"]
"""Of a file: as the model has them, or rounded to 8 bits."""

MIN_EXAMPLE_S = 5.0
"""Exporters take a size of 1, such as that of the last feature maps of a short waveform, for one that never changes."""


@dataclass(frozen=True)
class Exported:
    """A file that was written and compared.

    Attributes:
        path: where it is.
        output: what it gives.
        facts: its metadata.
        difference: of its outputs from those of the network whose weights it has, at most; see `check_parity`.
        rounding: the same from those of the model as it is, where weights were rounded; 0 where they were not.
    """

    path: Path
    output: Literal["probabilities", "embeddings"]
    facts: Facts
    difference: float
    rounding: float = 0.0


_Python = Callable[[torch.Tensor], NDArray[np.float64]]


@dataclass(frozen=True)
class _Model:
    """A network for the file, the same as Python runs it, which gives (B, outputs) of (B, samples), and its facts."""

    network: nn.Module
    python: _Python
    output: Literal["probabilities", "embeddings"]
    facts: Facts


def export(source: str | Path, out: Path, weights: Weights = "exact") -> Exported:
    """Writes an ensemble or an encoder into one file, from waveform to probabilities or embeddings.

    The file that was written is run, and compared with the network for several batches and lengths. Where they differ,
    there is no file. Weights that are rounded to 8 bits are so in that network, too; how far that moves what the model
    gives is told apart.

    Args:
        source: a folder of `finetune` or of one backbone in it, which gives probabilities; an encoder, which gives
            embeddings; the name of a released one.
        out: the file; its ending says the form, see `FORMS`.
        weights: `int8` rounds them, see `round_to_int8`, for a file of half the size and less.

    Raises:
        ConfigError: there is no such folder, another file is there already, or a package is missing.
        CheckpointError: the folder holds no model, several encoders, or a damaged one.
        ParityError: the file says something else than the network.
        EmoclrError: the network cannot be written in this form.

    Examples:
        >>> export("nowhere", Path("model.onnx"))
        Traceback (most recent call last):
            ...
        emoclr.configs.errors.ConfigError: nowhere: no such folder; ...
    """
    form = form_of(out)
    check_export(out, form)
    make = _probabilities if holds_emotions(source) else _embeddings
    model = make(source, weights)
    store_int8(model.network) if weights == "int8" else halve_exact(model.network)
    relative = model.output == "embeddings"
    difference = rounding = 0.0

    def write(temporary: Path) -> None:
        nonlocal difference, rounding
        window_s = float(model.facts["window_s"])
        example = torch.from_numpy(made_up(3, round(max(window_s, MIN_EXAMPLE_S) * SAMPLE_RATE)))
        try:
            form.write(model.network, example, temporary, model.output, model.facts)
        except OSError:
            raise
        except Exception as error:  # whatever an exporter raises
            raise EmoclrError(f"{source}: cannot be written as {form.ending}: {one_line(error)[:400]}") from error
        say("comparing the file with the network")
        try:
            run = form.run(temporary)
            difference = check_parity(run, model.python, window_s, relative=relative)
            if weights == "int8":
                exact = make(source, "exact").python
                rounding = check_parity(run, exact, window_s, relative=relative, tolerance=math.inf)
        except ParityError as error:
            raise ParityError(f"{out}: was not written: {error}") from error

    write_atomically(out, write)
    return Exported(out, model.output, model.facts, difference, rounding)


def check_export(out: Path, form: FileForm) -> None:
    """Checks that a file can be written without harm to one that is none of `export`.

    Raises:
        ConfigError: it is a link, no regular file, or not of `export`.
    """
    check_free([out], [])
    check_ours(out, lambda path: MARK in form.facts(path))


def _probabilities(source: str | Path, weights: Weights) -> _Model:
    ensemble, card = load_ensemble(source, fold=False)  # weights that fit into half precision take half of the file
    if weights == "int8":
        round_to_int8(ensemble)
    members = [member for member in ensemble.members if isinstance(member, EmotionModel)]

    def python(waveforms: torch.Tensor) -> NDArray[np.float64]:
        with torch.inference_mode():
            logits = torch.cat([member(waveforms) for member in members], dim=1)
        found: NDArray[np.float64] = ensemble.probabilities(logits.double().numpy())
        return found

    facts = ensemble_facts(find_card(source).parent, card, weights)
    network = WaveformToProbabilities(copy.deepcopy(ensemble)).eval().requires_grad_(False)
    return _Model(network, python, "probabilities", facts)


def _embeddings(source: str | Path, weights: Weights) -> _Model:
    encoder, card = load_encoder(source)
    if weights == "int8":
        round_to_int8(encoder)

    def python(waveforms: torch.Tensor) -> NDArray[np.float64]:
        with torch.inference_mode():
            found: NDArray[np.float64] = encoder(waveforms).double().numpy()
        return found

    facts = encoder_facts(only_backbone(source), card, encoder_windows(encoder, card), weights)
    network = WaveformToEmbeddings(copy.deepcopy(encoder)).eval().requires_grad_(False)
    return _Model(network, python, "embeddings", facts)
