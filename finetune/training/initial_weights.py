"""Initial weights of members: pretrained encoders, ImageNet, or from scratch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from emoclr.augment.views import ViewMaker
from emoclr.configs.errors import ConfigError
from emoclr.corpus.decoded.waveforms import WaveformStore
from emoclr.finetune.checks import find_members
from emoclr.finetune.data.labeled_clips import Rows
from emoclr.finetune.model.checkpoint import ModelCard, load_model
from emoclr.finetune.model.folders import CARD as MODEL_CARD
from emoclr.finetune.settings import FinetuneSettings
from emoclr.pretrain.encoder.checkpoint import EncoderCard, load_card, load_encoder, untrained_encoder
from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings, check_view_size
from emoclr.pretrain.encoder.folders import CARD
from emoclr.pretrain.encoder.normalisation import measure_normalisation

DEFAULT_CROP_S = 5.0
SCRATCH = "scratch"
PRETRAINED = "pretraining on corpus"


@dataclass(frozen=True)
class InitialWeights:
    """The initial weights of a member.

    Attributes:
        name: of the member.
        folder: of a pretrained encoder, None for a backbone without pretraining on audio.
        untrained: random weights in place of the pretrained ones, all else equal.
        finished: the folder is that of a finished emotion model, which stays as it is.
    """

    name: str
    folder: Path | None
    untrained: bool = False
    finished: bool = False

    @property
    def audio_pretrained(self) -> bool:
        """Whether the encoder was pretrained on audio."""
        if self.finished:
            return self.model_card.started_from.startswith(PRETRAINED)
        return self.folder is not None and not self.untrained

    @property
    def model_card(self) -> ModelCard:
        """The card of a finished emotion model."""
        assert self.folder is not None
        return load_card(self.folder / MODEL_CARD, ModelCard)

    def from_scratch(self) -> "InitialWeights":
        """Returns the same without any pretraining."""
        return replace(self, untrained=True)

    def source(self, settings: FinetuneSettings) -> str:
        """Returns what identifies the weights: the SHA-256 of those of an encoder or a finished model, or a word."""
        if self.finished:
            return self.model_card.weights_sha256
        if self.untrained or (self.folder is None and not settings.pretrained):
            return SCRATCH
        if self.folder is not None:
            return load_card(self.folder / CARD, EncoderCard).weights_sha256
        return "ImageNet"

    def crop_s(self, settings: FinetuneSettings) -> float:
        """Returns the length of its windows in s."""
        if self.finished:
            return self.model_card.window_s
        if settings.crop_s or self.folder is None:
            return settings.crop_s or DEFAULT_CROP_S
        return load_card(self.folder / CARD, EncoderCard).crop_s

    def check(self, settings: FinetuneSettings) -> None:
        """Raises EmoclrError where there is no such encoder or model, or its views would be too small for it."""
        if self.finished and self.folder is not None:
            load_model(self.folder)
            return
        if self.folder is not None:
            encoder, _ = load_encoder(self.folder)
        else:
            encoder = Encoder(EncoderSettings(backbone=self.name, spectrogram=settings.spectrogram))
        check_view_size(encoder, self.crop_s(settings))

    def encoder(self, settings: FinetuneSettings, store: WaveformStore, clips: Rows) -> tuple[Encoder, float, str]:
        """Returns the encoder, the length of its crops in s, and the origin of its weights."""
        if self.folder is not None:
            encoder, card = load_encoder(self.folder)
            if self.untrained:
                encoder = untrained_encoder(card, settings.seed)
            # Masks are counted by the settings of this training, not of the one before.
            changed = encoder.settings.model_copy(update={"time_masks": settings.augment.masks.time_masks})
            encoder.settings = changed
            origin = SCRATCH if self.untrained else f"{PRETRAINED} {card.corpus_fingerprint}"
            return encoder, self.crop_s(settings), origin
        crop_s = self.crop_s(settings)
        rate = settings.spectrogram.sample_rate
        maker = ViewMaker(settings.augment, round(crop_s * rate), rate, settings.seed)
        made = EncoderSettings(
            backbone=self.name,
            spectrogram=settings.spectrogram,
            normalisation=measure_normalisation(store, maker, settings.spectrogram, clips),
            time_masks=settings.augment.masks.time_masks,
        )
        torch.manual_seed(settings.seed)
        encoder = Encoder(made, pretrained=settings.pretrained and not self.untrained)
        return encoder, crop_s, self.source(settings)


def encoder_cards(initial_weights: Sequence[InitialWeights]) -> list[EncoderCard]:
    """Returns the cards of the encoders that were pretrained on audio; a finished model has another one."""
    encoders = (each.folder for each in initial_weights if not each.finished)
    return [load_card(folder / CARD, EncoderCard) for folder in encoders if folder is not None]


def find_initial_weights(sources: Sequence[Path], settings: FinetuneSettings) -> list[InitialWeights]:
    """Returns the initial weights of the members, sorted by name.

    Raises:
        ConfigError: no initial weights, a backbone that the runs do not have, one that two runs have, or encoders
            of windows of different lengths: all members of an ensemble have the same windows.
        CheckpointError: a source holds no encoder.
    """
    finished = settings.freeze == "all"
    folders = find_members(sources, settings)
    initial_weights = [InitialWeights(name, folder, finished=finished) for name, folder in folders.items()]
    lengths = {initial.name: initial.crop_s(settings) for initial in initial_weights}
    if len(set(lengths.values())) > 1:
        each = ", ".join(f"{name} {length:g} s" for name, length in lengths.items())
        if finished:
            raise ConfigError(
                f"--from: an ensemble hears the same windows in all its members, and these differ: {each}"
            )
        raise ConfigError(
            f"--from: pretrained on crops of different lengths ({each}), and an ensemble hears the same windows in all "
            f"its members; crop_s={min(lengths.values()):g} gives them all that length"
        )
    return initial_weights
