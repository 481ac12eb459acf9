"""Where weights start from: at random, from ImageNet, or from an earlier run."""

from collections.abc import Sequence
from pathlib import Path

import torch

from emoclr.configs.errors import ConfigError
from emoclr.pretrain.encoder.checkpoint import EncoderCard, load_card, load_encoder
from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings, Normalisation
from emoclr.pretrain.encoder.folders import CARD, find_run
from emoclr.pretrain.settings import PretrainSettings


def earlier_encoders(settings: PretrainSettings, names: Sequence[str]) -> dict[str, Path]:
    """Returns the folder that each of these backbones starts from; empty where `start_from` is not set.

    Raises:
        ConfigError: the earlier run lacks a backbone, or its spectrograms are others.
        CheckpointError: a card cannot be read.
    """
    if settings.start_from is None:
        return {}
    found: dict[str, Path] = {}
    run = find_run(settings.start_from) if names else settings.start_from
    for name in names:
        beside = [run / name, run]
        folder = next((path for path in beside if (path / CARD).is_file()), None)
        if folder is None:
            raise ConfigError(f"start_from: {settings.start_from}: holds no {CARD}, nor does its folder {name}")
        encoder = load_card(folder / CARD, EncoderCard).encoder
        if encoder.backbone != name:
            raise ConfigError(f"start_from: {folder}: is a {encoder.backbone}, where {name} is to be trained")
        if encoder.spectrogram != settings.spectrogram:
            raise ConfigError(f"start_from: {folder}: was trained on other spectrograms: {encoder.spectrogram!r}")
        found[name] = folder
    return found


def earlier_digests(earlier: dict[str, Path]) -> dict[str, str]:
    """Returns the SHA-256 of the weights of earlier encoders; `starting_encoder` checks that they have it."""
    return {name: load_card(folder / CARD, EncoderCard).weights_sha256 for name, folder in earlier.items()}


def starting_normalisation(earlier: dict[str, Path]) -> Normalisation | None:
    """Returns the normalisation that earlier encoders were trained with, None where there are none.

    Raises:
        ConfigError: they differ, so that one run cannot go on with all of them.
    """
    found = {load_card(folder / CARD, EncoderCard).encoder.normalisation for folder in earlier.values()}
    if len(found) > 1:
        raise ConfigError("start_from: its backbones were trained with different normalisations; train them one by one")
    return next(iter(found), None)


def starting_encoder(
    name: str, settings: PretrainSettings, normalisation: Normalisation, earlier: dict[str, Path], *, begun: bool
) -> Encoder:
    """Returns the encoder of one backbone as training begins; random weights follow from the seed.

    Args:
        name: of the backbone.
        settings: of the run.
        normalisation: of its spectrograms.
        earlier: folders of the encoders whose weights are the start, by backbone.
        begun: its weights come from a resume file, and are not fetched.

    Raises:
        ConfigError: timm has no such backbone, or its ImageNet weights cannot be downloaded.
        CheckpointError: the earlier encoder cannot be loaded.
    """
    torch.manual_seed(settings.seed)
    encoder = Encoder(
        EncoderSettings(
            backbone=name,
            spectrogram=settings.spectrogram,
            normalisation=normalisation,
            short=settings.augment.short,
            time_masks=settings.augment.masks.time_masks,
            readout=settings.readout,
        ),
        pretrained=settings.pretrained and not begun,
    )
    if name in earlier:
        encoder.load_state_dict(load_encoder(earlier[name])[0].state_dict())
    return encoder
