"""The settings of spectrograms, masks and waveform augmentations."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from emoclr.augment.safety import refusal
from emoclr.configs.settings import Settings, load_settings
from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.corpus.audio.padding import Padding

WindowSeconds = Annotated[float, Field(ge=0.05, le=120)]
"""Length of what an encoder looks at at once."""
HopSeconds = Annotated[float, Field(ge=0.01, le=120)]
"""Distance between windows."""


AddedChannel = Literal["delta", "frequency"]


class SpectrogramSettings(Settings):
    """One STFT and what is drawn from it.

    Examples:
        >>> SpectrogramSettings(hop_length=160).bands
        128
    """

    sample_rate: int = Field(16_000, ge=4_000, le=96_000, description="Hz; recordings are decoded to 16,000")
    n_fft: int = Field(1024, ge=64, le=16_384, multiple_of=2, description="samples in a frame")
    hop_length: int = Field(320, ge=1, description="samples between frames; 320 is 20 ms at 16 kHz")
    bands: int = Field(128, ge=12, le=512, description="rows of each channel, and mel bands")
    chroma: Literal["power", "peak"] = Field(
        "power",
        description="`power`: the logarithm of each pitch class's power; `peak`: the strongest class of each frame is "
        "1, as librosa's `chroma_stft` has it by default, so that silence is as bright as a voice",
    )
    added_channels: tuple[AddedChannel, ...] = Field(
        ("delta", "frequency"),
        max_length=2,
        description="channels that networks get beside the three: `delta`, how fast each mel band changes; "
        "`frequency`, how high each row lies, which convolutions and pooling lose",
    )
    log_offset: float = Field(1e-4, ge=1e-20, le=1, description="added to a power before its logarithm")

    @model_validator(mode="after")
    def _hop_within_frame(self) -> "SpectrogramSettings":
        if self.hop_length > self.n_fft:
            raise ValueError(f"hop_length {self.hop_length} leaves gaps between frames of n_fft {self.n_fft}")
        if self.bands > self.n_fft // 4:
            raise ValueError(f"bands {self.bands} is more than n_fft / 4: some mel bands would be empty")
        if len(set(self.added_channels)) < len(self.added_channels):
            raise ValueError(f"added_channels [{', '.join(self.added_channels)}]: each of them once")
        return self


IMAGE_BEFORE: dict[str, Any] = {"chroma": "peak", "added_channels": []}
"""What the image was before there were settings for it; cards without them mean this."""


def image_as_begun(now: SpectrogramSettings, then: SpectrogramSettings) -> SpectrogramSettings:
    """Returns settings for a run that goes on, maybe of an earlier version: what nobody names now is as it was then.

    Examples:
        >>> then = SpectrogramSettings(chroma="peak", added_channels=())
        >>> image_as_begun(SpectrogramSettings(), then) == then
        True
        >>> image_as_begun(SpectrogramSettings(chroma="power"), then).chroma
        'power'
    """
    unnamed = IMAGE_BEFORE.keys() - now.model_fields_set
    return now.model_copy(update={key: getattr(then, key) for key in unnamed})


def _of_decoded_audio(settings: SpectrogramSettings) -> SpectrogramSettings:
    if settings.sample_rate != SAMPLE_RATE:
        raise ValueError(f"sample_rate {settings.sample_rate}: all audio is decoded to {SAMPLE_RATE} Hz")
    return settings


CorpusSpectrogram = Annotated[SpectrogramSettings, AfterValidator(_of_decoded_audio)]
"""Of recordings as they are decoded; the module itself takes any rate."""


class MaskSettings(Settings):
    """Masks on the spectrogram; widths are drawn uniformly up to their maximum.

    Examples:
        >>> MaskSettings(time_masks=1).max_time_s
        0.2
    """

    time_masks: int = Field(2, ge=0, le=16, description="time masks of a view")
    max_time_s: float = Field(0.2, ge=0, description="width of a time mask, s, at most")
    frequency_masks: int = Field(1, ge=0, le=16, description="frequency masks of a view")
    max_frequency: float = Field(
        0.12, ge=0, le=0.5, description="width of a frequency mask as a share of the mel axis, at most"
    )


class BackgroundSettings(Settings):
    """Other clips of the batch as background. A folder of backgrounds is audiomentations' `AddBackgroundNoise`."""

    p: float = Field(
        0.0, ge=0, le=1, description="probability that a view gets another clip of the batch as background"
    )
    min_snr_db: float = Field(5.0, ge=-20, le=100, description="lowest signal-to-noise ratio, dB")
    max_snr_db: float = Field(20.0, ge=-20, le=100, description="highest signal-to-noise ratio, dB")

    @model_validator(mode="after")
    def _ordered(self) -> "BackgroundSettings":
        if self.min_snr_db > self.max_snr_db:
            raise ValueError(f"min_snr_db {self.min_snr_db} is above max_snr_db {self.max_snr_db}")
        return self


def _number(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+", value):
        return float(value)
    return value


class TransformSettings(Settings):
    """One waveform augmentation: a class of audiomentations or of `emoclr.augment.transforms`, and its parameters.

    Parameters beside `name` and `p` are the class's own, with its own names and units.

    Examples:
        >>> TransformSettings(name="Gain", p=0.3, min_gain_db=-6).parameters
        {'min_gain_db': -6}
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str = Field(
        description="class of audiomentations, `Equalizer`, `AddNoise` or `RoomResponse`; other keys: its parameters"
    )
    p: float = Field(0.5, ge=0, le=1, description="probability of being applied")

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters that go to the class; YAML takes 1e-1 for a word, which here it is not."""
        return {name: _number(value) for name, value in (self.model_extra or {}).items()}

    @property
    def places(self) -> dict[str, str]:
        """The parameters that name a file or folder of recordings, such as `sounds_path`."""
        return {
            name: value for name, value in self.parameters.items() if name.endswith("_path") and isinstance(value, str)
        }


class AugmentSettings(Settings):
    """How two views of a clip are made.

    Examples:
        >>> AugmentSettings(transforms=[{"name": "Gain", "min_gain_db": -6}]).transforms[0].parameters
        {'min_gain_db': -6}
        >>> AugmentSettings(transforms=[{"name": "PitchShift"}])
        Traceback (most recent call last):
            ...
        pydantic_core._pydantic_core.ValidationError: ...
    """

    positives: Literal["same_segment", "nearby", "clip"] = Field(
        "nearby",
        description="where the second view starts: with the first, at most `nearby_s` away, or anywhere in the clip",
    )
    short: Padding = Field("zero", description="padding of a clip that is shorter than a view")
    nearby_s: float = Field(1.0, ge=0, description="distance between the starts of two `nearby` views, s, at most")
    transforms: list[TransformSettings] = Field([], description="waveform augmentations, in their order")
    background: BackgroundSettings = Field(BackgroundSettings(), description="other clips of the batch as background")
    masks: MaskSettings = Field(MaskSettings(), description="masks on the spectrogram")
    allow_unsafe: bool = Field(False, description="allow augmentations that change the emotion")

    @model_validator(mode="after")
    def _safe(self) -> "AugmentSettings":
        for transform in self.transforms:
            reason = refusal(transform.name)
            if reason and not self.allow_unsafe:
                raise ValueError(f"{transform.name} is refused: {reason}; `allow_unsafe: true` overrides this")
        return self

    @property
    def unsafe(self) -> list[str]:
        """What is asked for in spite of being unsafe, with the reason; reports carry it as a warning."""
        return [f"{transform.name}: {reason}" for transform in self.transforms if (reason := refusal(transform.name))]


class ViewSettings(Settings):
    """Everything that says what a view looks like; the settings of pretraining extend it."""

    crop_s: WindowSeconds = Field(5.0, description="length of a view, s")
    spectrogram: CorpusSpectrogram = Field(SpectrogramSettings(), description="see [the spectrogram](#spectrogram)")
    augment: AugmentSettings = Field(AugmentSettings(), description="see [augmentation](#augmentation)")


def load_view_settings(name: str, overrides: list[str]) -> ViewSettings:
    """Returns what a pretraining config says of views; its other keys are left to `pretrain` to check."""
    return load_settings(ViewSettings, name, overrides, partial=True)
