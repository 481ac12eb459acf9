"""The encoder: waveform, three-channel spectrogram, CNN, embedding."""

import copy
import math
from collections.abc import Sequence

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor, nn

from emoclr.augment.masks import apply_masks
from emoclr.augment.settings import CorpusSpectrogram, SpectrogramSettings
from emoclr.augment.spectrogram import Spectrogram
from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.configs.messages import one_line, perhaps
from emoclr.configs.settings import Settings
from emoclr.corpus.audio.padding import Padding
from emoclr.pretrain.networks import timm_models
from emoclr.pretrain.networks.fused import plain_layers
from emoclr.pretrain.networks.images import MIN_IMAGE_SIZE, fill_image, image_needs, with_delta, with_frequency
from emoclr.pretrain.networks.kept import architecture_key
from emoclr.pretrain.networks.quicken import quicken
from emoclr.pretrain.networks.stages import IMAGE_SIZE, stage_maps
from emoclr.pretrain.settings import READOUT, Readout


class Normalisation(Settings):
    """Mean and standard deviation of each channel over the pretraining corpus."""

    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[PositiveFloat, PositiveFloat, PositiveFloat] = (1.0, 1.0, 1.0)


class EncoderSettings(Settings):
    """All that is needed to build an encoder, but for its weights.

    Examples:
        >>> EncoderSettings(backbone="resnet10t").spectrogram.n_fft
        1024
    """

    backbone: str
    spectrogram: CorpusSpectrogram = SpectrogramSettings()
    normalisation: Normalisation = Normalisation()
    short: Padding = Field("zero", description="how what is shorter than a window fills it")
    time_masks: int = Field(0, ge=0, le=16, description="how many of the masks given to `forward` are time masks")
    readout: Readout = Field("last", description=READOUT)


class Encoder(nn.Module):
    """A timm CNN on normalised three-channel spectrograms, its feature maps pooled over frequency and time.

    Where the backbone takes images of multiples of 32 only (DLA, HRNet, TResNet, Inception), silence fills the image:
    frames at its end, bands above its own.

    `spectrogram.added_channels` follow the three: `delta`, the change of the mel channel; `frequency`, which rises from
    band to band, alike in all frames (Koutini et al. 2019, "Receptive-field-regularized CNN variants for acoustic scene
    classification"; one axis of Liu et al. 2018, CoordConv). Masks hide the first as they hide mel, and never the
    second.

    `forward` takes waveforms, float32 (batch, samples) in [-1, 1] at the spectrogram's sample rate, and optionally
    masks (batch, masks, 2); it returns embeddings, float32 (batch, features): with the readout `last` of the last
    feature maps (see `pool`), with `stages` of those of the last three stages (see `mean_and_delta`).

    Args:
        settings: backbone, spectrogram, normalisation and readout.
        pretrained: start the backbone from timm's ImageNet weights, which are downloaded.

    Attributes:
        features: size of an embedding.
        trained_features: size of what `pooled` gives.

    Raises:
        ConfigError: timm has no such backbone, or it is no CNN that gives feature maps.

    Examples:
        >>> encoder = Encoder(EncoderSettings(backbone="test_resnet")).eval()
        >>> encoder(torch.zeros(2, 16_000)).shape, encoder.features
        (torch.Size([2, 192]), 192)
        >>> Encoder(EncoderSettings(backbone="test_resnet", readout="stages")).features  # 2 * (48 + 192 + 96)
        672
    """

    mean: Tensor
    std: Tensor
    silence: Tensor

    def __init__(self, settings: EncoderSettings, *, pretrained: bool = False) -> None:
        super().__init__()
        self.settings = settings
        self.spectrogram = Spectrogram(settings.spectrogram)
        self.register_buffer("mean", torch.tensor(settings.normalisation.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(settings.normalisation.std).view(1, 3, 1, 1), persistent=False)
        in_chans = 3 + len(settings.spectrogram.added_channels)
        self.backbone = make_backbone(settings.backbone, in_chans, pretrained=pretrained)
        channels, self.image_multiple, stages = image_needs(self.backbone, settings.backbone, in_chans)
        silence = self.spectrogram(torch.zeros(1, settings.spectrogram.n_fft))[..., :1, :1]  # (1, 3, 1, 1)
        self.register_buffer("silence", self._with_delta((silence - self.mean) / self.std), persistent=False)
        self.trained_features = 2 * channels
        earlier = stages if settings.readout == "stages" else []
        self._has_stages = bool(earlier)
        self.features = 2 * (channels + sum(earlier))

    def forward(self, waveforms: Tensor, masks: Tensor | None = None) -> Tensor:
        """Returns embeddings (batch, features); masks hide parts of the spectrogram."""
        return self.embed(self.spectrograms(waveforms), masks)

    def spectrograms(self, waveforms: Tensor) -> Tensor:
        """Returns spectrograms (B, 3, bands, N), which follow from `settings.spectrogram` alone."""
        # The power of a spectrum spans more than half precision can hold.
        with torch.autocast(waveforms.device.type, enabled=False):
            found: Tensor = self.spectrogram(waveforms.float())
        return found

    def embed(self, spectrograms: Tensor, masks: Tensor | None = None) -> Tensor:
        """Returns embeddings (B, features) of what `spectrograms` gives."""
        return self.embed_images(self.images(spectrograms, masks))

    def embed_images(self, images: Tensor) -> Tensor:
        """Returns embeddings (B, features) of what `images` gives."""
        if self.settings.readout == "last":
            return pool(self.backbone(images).float())
        maps = stage_maps(self.backbone, images) if self._has_stages else [self.backbone(images)]
        return torch.cat([mean_and_delta(of_stage) for of_stage in maps], dim=1)

    def pooled(self, waveforms: Tensor, masks: Tensor | None = None) -> Tensor:
        """Returns what pretraining trains, (batch, trained_features): the last feature maps, whatever the readout."""
        return pool(self.maps(self.spectrograms(waveforms), masks).float())

    def maps(self, spectrograms: Tensor, masks: Tensor | None = None) -> Tensor:
        """Returns the backbone's last feature maps (B, C, F', N') of what `spectrograms` gives."""
        maps: Tensor = self.backbone(self.images(spectrograms, masks))
        return maps

    def fold(self, digest: str | None = None) -> None:
        """Makes an encoder that learns no more quicker; see `quicken`. By the digest of its weights it is kept how."""
        spectrograms = torch.randn(1, 3, self.spectrogram.bands, IMAGE_SIZE, generator=torch.Generator().manual_seed(0))
        key = digest and architecture_key(self.settings.backbone, self.settings.readout, digest)
        quicken(self.backbone, lambda: self.embed(spectrograms), key)

    def in_bf16(self) -> "Encoder":
        """Returns what computes the same in inference by `torch.autocast`, without converting weights for each batch.

        That is a copy, or this encoder where all its layers keep converted weights themselves.
        """
        if not plain_layers(self.backbone):
            return self
        found = copy.deepcopy(self).requires_grad_(False)
        for layer in plain_layers(found.backbone):
            layer.to(torch.bfloat16)
        return found

    def images(self, spectrograms: Tensor, masks: Tensor | None = None) -> Tensor:
        """Returns what the backbone takes, of what `spectrograms` gives: normalised and masked, of its sizes and
        channels."""
        with torch.autocast(spectrograms.device.type, enabled=False):
            images = self._with_delta((spectrograms - self.mean) / self.std)
            if masks is not None and masks.shape[1] > 0:
                axes = self.spectrogram.mel_axis, self.spectrogram.stft_axis
                images = apply_masks(images, masks, self.settings.time_masks, *axes)
            images = fill_image(images, self.silence, self.image_multiple)
            if "frequency" in self.settings.spectrogram.added_channels:
                images = with_frequency(images, self.settings.spectrogram.bands)
            return images.contiguous(memory_format=torch.channels_last)

    def _with_delta(self, images: Tensor) -> Tensor:
        return with_delta(images) if "delta" in self.settings.spectrogram.added_channels else images


def embed_together(encoders: Sequence[tuple[Encoder, bool]], waveforms: Tensor) -> list[Tensor]:
    """Returns the embeddings of each encoder, float32 (B, features); what several of them take is computed once.

    Args:
        encoders: in eval mode, and whether each computes in bf16.
        waveforms: float32 (B, samples).

    Examples:
        >>> encoder = Encoder(EncoderSettings(backbone="test_resnet")).eval()
        >>> [found.shape for found in embed_together([(encoder, False), (encoder, True)], torch.zeros(2, 16_000))]
        [torch.Size([2, 192]), torch.Size([2, 192])]
    """
    spectrograms: dict[SpectrogramSettings, Tensor] = {}
    images: dict[tuple[SpectrogramSettings, Normalisation, int, bool], Tensor] = {}
    found = []
    for encoder, half in encoders:
        settings = encoder.settings.spectrogram
        if settings not in spectrograms:
            spectrograms[settings] = encoder.spectrograms(waveforms)
        taken = settings, encoder.settings.normalisation, encoder.image_multiple, half
        if taken not in images:
            images[taken] = encoder.images(spectrograms[settings]).to(torch.bfloat16 if half else torch.float32)
        with torch.autocast(waveforms.device.type, dtype=torch.bfloat16, enabled=half):
            found.append(encoder.embed_images(images[taken]).float())
    return found


def check_view_size(encoder: Encoder, crop_s: float) -> None:
    """Sends one silent view of `crop_s` through an encoder, before any work is put into it.

    Raises:
        ConfigError: its image is too small for the backbone; the message names the setting, and how much would do.
    """
    sizes = encoder.settings.spectrogram
    silence = torch.zeros(1, round(crop_s * sizes.sample_rate))
    bands, frames = encoder.spectrogram(silence).shape[2:]
    training = encoder.training
    encoder.eval()
    if not _takes(encoder, bands, frames):
        wide, high = max(frames, MIN_IMAGE_SIZE), max(bands, MIN_IMAGE_SIZE)
        bands_needed = next((n for n in range(bands, high) if _takes(encoder, n, wide)), high)
        frames_needed = next((n for n in range(frames, wide) if _takes(encoder, high, n)), wide)
        problems = []
        if bands_needed > bands:
            problems.append(f"spectrogram.bands={bands} is too small for it, {bands_needed} would do")
        if frames_needed > frames:
            least_s = math.ceil((frames_needed - 1) * sizes.hop_length / sizes.sample_rate * 100) / 100
            problems.append(f"crop_s={crop_s:g} ({frames} frames) is too small for it, {least_s:g} would do")
        if not problems:
            problems.append(f"takes no images of {bands} bands and {frames} frames, though it takes smaller ones")
        raise ConfigError(f"backbone {encoder.settings.backbone}: {'; '.join(problems)}")
    encoder.train(training)


def _takes(encoder: Encoder, bands: int, frames: int) -> bool:
    """Returns whether an encoder, in eval mode, takes images of this size."""
    try:
        with torch.no_grad():
            encoder.maps(torch.zeros(1, 3, bands, frames))
    except RuntimeError:
        return False
    return True


def pool(maps: Tensor) -> Tensor:
    """Returns (B, 2C): the mean over frequency of (B, C, F, N) maps, then its mean and its max over time.

    As in BYOL-A (Niizumi et al. 2021).
    """
    frames = _frames(maps)
    return torch.cat([frames.mean(dim=1), frames.amax(dim=1)], dim=1)


def mean_and_delta(maps: Tensor) -> Tensor:
    """Returns (B, 2C): the mean over frequency of (B, C, F, N) maps, then its mean and its mean absolute delta.

    A delta is the difference between a frame and the one before; of a single frame it is 0.

    Examples:
        >>> mean_and_delta(torch.tensor([1.0, 3.0, 2.0]).view(1, 1, 1, 3)).tolist()
        [[2.0, 1.5]]
    """
    frames = _frames(maps)
    deltas = frames.diff(dim=1).abs().sum(dim=1) / max(1, frames.shape[1] - 1)
    return torch.cat([frames.mean(dim=1), deltas], dim=1)


def _frames(maps: Tensor) -> Tensor:
    """Returns (B, N, C), float32: the mean over frequency of (B, C, F, N) maps, in whose layout (channels last) it is
    quick."""
    dtype = torch.promote_types(maps.dtype, torch.float32)
    frames = maps.permute(0, 2, 3, 1)
    return frames[:, 0].to(dtype) if frames.shape[1] == 1 else frames.mean(dim=1, dtype=dtype)


def check_backbone_name(name: str) -> None:
    """Raises ConfigError where timm has no such model; the message names near ones."""
    if not timm_models.is_model(name.split(".")[0]):
        import timm

        raise ConfigError(f"backbone {name}: timm has no such model{perhaps(name, timm.list_models(), shown=5)}")


def make_backbone(name: str, in_chans: int = 3, *, pretrained: bool = False) -> nn.Module:
    """Returns timm's backbone `name` for images of so many channels, without classifier and pooling, channels last.

    Raises:
        ConfigError: timm has no such model, it is no CNN, or its weights cannot be downloaded.
    """
    check_backbone_name(name)
    try:
        backbone = timm_models.create_model(
            name, pretrained=pretrained, in_chans=in_chans, num_classes=0, global_pool=""
        )
    except EmoclrError:
        raise
    except Exception as error:
        if not pretrained or isinstance(error, TypeError | AssertionError):
            raise ConfigError(f"backbone {name}: is no CNN that gives feature maps: {one_line(error)}") from error
        raise ConfigError(
            f"backbone {name}: its ImageNet weights cannot be had ({type(error).__name__}: {one_line(error)}); "
            "`pretrained: false` starts without them"
        ) from error
    if type(backbone).__name__ == "VGG":
        backbone.pre_logits = nn.Identity()  # 120 M weights of a classifier, which would come before the pooling
    for weights in backbone.parameters():
        if weights.dim() == 4:  # lambda layers have others
            weights.data = weights.data.to(memory_format=torch.channels_last)
    return backbone
