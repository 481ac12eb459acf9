"""What an exported file says of itself, so that it can be used, and not be misused, without this package."""

import importlib.metadata
import json
from pathlib import Path
from typing import Any

from emoclr.configs.files import read_yaml
from emoclr.configs.settings import Settings
from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.finetune.model.checkpoint import EnsembleCard, ModelCard
from emoclr.finetune.model.folders import CARD
from emoclr.predict.export.forms import MARK, Facts
from emoclr.pretrain.encoder.checkpoint import EncoderCard, load_card
from emoclr.pretrain.encoder.folders import RELEASE
from emoclr.pretrain.encoder.recordings import Windows


def ensemble_facts(run: Path, card: EnsembleCard, weights: str = "exact") -> Facts:
    """Returns the metadata of a file of an ensemble, or of one of its members.

    Args:
        run: its folder.
        card: what `load_ensemble` gives.
        weights: `exact`, or to what they were rounded.
    """
    windows = Windows(card.window_s, card.hop_s, card.short, card.channels)
    digests = {name: load_card(run / name / CARD, ModelCard).weights_sha256 for name in card.members}
    return {
        **_facts(run, "probabilities", windows, digests, card, weights),
        "emotions": json.dumps(card.emotions),
        "thresholds": json.dumps(card.thresholds),
        "single_label": json.dumps(card.single_label),
    }


def encoder_facts(folder: Path, card: EncoderCard, windows: Windows, weights: str = "exact") -> Facts:
    """Returns the metadata of a file of an encoder.

    Args:
        folder: the backbone's.
        card: what `load_encoder` gives.
        windows: how recordings become its windows.
        weights: `exact`, or to what they were rounded.
    """
    return _facts(folder, "embeddings", windows, {".": card.weights_sha256}, card, weights)


def _facts(folder: Path, output: str, windows: Windows, digests: dict[str, str], card: Settings, weights: str) -> Facts:
    said = _said(folder)
    about = {name: said[name] for name in ("licence", "limits") if isinstance(said.get(name), str)}
    return {
        MARK: importlib.metadata.version("emoclr"),
        "name": folder.resolve().name,
        "output": output,
        "sample_rate": str(SAMPLE_RATE),
        "window_s": str(windows.window_s),
        "hop_s": str(windows.hop_s),
        "short": windows.short,
        "channels": str(windows.channels),
        **about,
        "weights": weights,
        "weights_sha256": json.dumps(digests),
        "card": card.model_dump_json(),
        **({"release": json.dumps(said)} if said else {}),
    }


def _said(folder: Path) -> dict[str, Any]:
    """Returns what the card of a release says of the model in a folder, or in a folder below it; empty without one."""
    for place in (folder, folder.resolve().parent):
        if (place / RELEASE).is_file():
            said = read_yaml(place / RELEASE).get("said")
            return said if isinstance(said, dict) else {}
    return {}
