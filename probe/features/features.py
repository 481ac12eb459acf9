"""What a probe is fitted to: ways to describe a clip by numbers, those to be judged and those to be beaten."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from emoclr.configs.errors import ConfigError
from emoclr.corpus.decoded.waveforms import Waveforms
from emoclr.pretrain.encoder.checkpoint import EncoderCard, untrained_encoder
from emoclr.pretrain.encoder.devices import choose_device
from emoclr.pretrain.encoder.embedding import Embeddings, embed_clips
from emoclr.pretrain.encoder.encoder import Encoder
from emoclr.probe.features.egemaps import EGEMAPS, MISSING, NOTE, egemaps, egemaps_installed
from emoclr.probe.features.logmel import logmel_statistics
from emoclr.probe.settings import ProbeSettings

UNTRAINED = "untrained"
LOGMEL = "log-mel mean and deviation"


@dataclass(frozen=True)
class Features:
    """One way to describe clips.

    Attributes:
        name: of its row in reports.
        describe: gives float32 (clips, features) of all clips of a store.
        note: a few words beside the name.
        trained: whether it is an encoder that is judged; the others are baselines.
    """

    name: str
    describe: Callable[[Waveforms], Embeddings]
    note: str = ""
    trained: bool = False


def features_of(encoders: dict[str, tuple[Encoder, EncoderCard]], settings: ProbeSettings) -> list[Features]:
    """Returns each encoder, each followed by its untrained twin, then what takes no encoder."""
    device = choose_device(settings.device)
    if settings.device == "cuda" != device:
        raise ConfigError("device: cuda: torch finds no GPU on this machine; device=cpu works everywhere")
    found = []
    for name, (encoder, card) in encoders.items():
        window_s = settings.window_s or card.crop_s
        hop_s = min(settings.hop_s or window_s / 2, window_s)
        for title, module in ((name, encoder), (f"{UNTRAINED} {name}", untrained_encoder(card, settings.seed))):
            describe = partial(
                embed_clips,
                module,
                window_s=window_s,
                hop_s=hop_s,
                batch_size=settings.batch_size,
                description=f"embedding: {title}",
                device=device,
                precision=settings.precision,
                short=encoder.settings.short,
            )
            found.append(Features(title, describe, _size_note(module), trained=title == name))
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


def _size_note(encoder: Encoder) -> str:
    weights = sum(parameter.numel() for parameter in encoder.backbone.parameters())
    return f"{weights / 1e6:.1f} M weights, {encoder.features:,} features"
