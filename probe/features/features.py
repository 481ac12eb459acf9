"""What a probe is fitted to: ways to describe a clip by numbers, those to be judged and those to be beaten."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from emoclr.configs.errors import ConfigError
from emoclr.corpus.decoded.waveforms import Waveforms
from emoclr.evaluate.paired import UNTRAINED
from emoclr.pretrain.encoder.checkpoint import EncoderCard, untrained_encoder
from emoclr.pretrain.encoder.devices import choose_device
from emoclr.pretrain.encoder.embedding import Embeddings, embed_clips
from emoclr.pretrain.encoder.encoder import Encoder
from emoclr.probe.features.egemaps import EGEMAPS, MISSING, NOTE, egemaps, egemaps_installed
from emoclr.probe.features.logmel import logmel_statistics
from emoclr.probe.settings import ProbeSettings

LOGMEL = "log-mel mean and deviation"


@dataclass(frozen=True)
class Features:
    """One way to describe clips.

    Attributes:
        name: of its row in reports.
        describe: gives float32 (clips, features) of all clips of a store; (folds, clips, features) where each fold has
            an encoder of its own.
        note: a few words beside the name.
        trained: whether it is an encoder that is judged; the others are baselines.
    """

    name: str
    describe: Callable[[Waveforms], Embeddings]
    note: str = ""
    trained: bool = False


def of_fold(matrix: Embeddings, fold: int) -> Embeddings:
    """Returns the features (clips, features) that a fold is fitted to and scored by; see `Features.describe`."""
    return matrix[fold] if matrix.ndim == 3 else matrix


def features_of(encoders: dict[str, list[tuple[Encoder, EncoderCard]]], settings: ProbeSettings) -> list[Features]:
    """Returns each encoder, each followed by its untrained twin, then what takes no encoder.

    Args:
        encoders: by name, one for all folds or one for each.
        settings: how clips are embedded.
    """
    device = choose_device(settings.device)
    if settings.device == "cuda" != device:
        raise ConfigError("device: cuda: torch finds no GPU on this machine; device=cpu works everywhere")
    found = []
    for name, of_folds in encoders.items():
        encoder, card = of_folds[0]
        window_s = settings.window_s or card.crop_s
        hop_s = min(settings.hop_s or window_s / 2, window_s)
        twin = f"{UNTRAINED} {name}"
        modules = {name: [encoder for encoder, _ in of_folds], twin: [untrained_encoder(card, settings.seed)]}
        for title, encoders_of_title in modules.items():
            embed = partial(
                embed_clips,
                window_s=window_s,
                hop_s=hop_s,
                batch_size=settings.batch_size,
                description=f"embedding: {title}",
                device=device,
                precision=settings.precision,
                short=encoder.settings.short,
            )
            describe = partial(_of_all_folds, encoders_of_title, embed)
            found.append(Features(title, describe, _size_note(encoder), trained=title == name))
    found.append(Features(LOGMEL, logmel_statistics))
    if settings.egemaps and egemaps_installed():
        found.append(Features(EGEMAPS, partial(egemaps, cache_dir=settings.cache), NOTE))
    return found


def missing_features(settings: ProbeSettings) -> list[str]:
    """Returns what a report says of a baseline that is wanted and not installed."""
    return [MISSING] if settings.egemaps and not egemaps_installed() else []


def twins_of(features: Sequence[Features]) -> list[Features]:
    """Returns the untrained encoders among them."""
    return [described for described in features if described.name.startswith(f"{UNTRAINED} ")]


def _of_all_folds(encoders: Sequence[Encoder], embed: Callable[..., Embeddings], store: Waveforms) -> Embeddings:
    if len(encoders) == 1:
        return embed(encoders[0], store)
    return np.stack([embed(encoder, store) for encoder in encoders])


def _size_note(encoder: Encoder) -> str:
    weights = sum(parameter.numel() for parameter in encoder.backbone.parameters())
    return f"{weights / 1e6:.1f} M weights, {encoder.features:,} features"
