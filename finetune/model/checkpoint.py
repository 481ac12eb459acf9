"""Model and ensemble checkpoints: safetensors and YAML, self-sufficient and never unpickled."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, Field, FiniteFloat, NonNegativeFloat, PositiveFloat, model_validator

from emoclr.augment.settings import HopSeconds, WindowSeconds
from emoclr.configs.errors import ConfigError
from emoclr.configs.files import write_yaml
from emoclr.configs.settings import Settings, validate
from emoclr.corpus.audio.padding import Padding
from emoclr.corpus.decoded.cache_settings import ChannelSetting
from emoclr.corpus.labels.emotion_names import check_emotion_names
from emoclr.evaluate.metrics.arrays import Array
from emoclr.evaluate.pooling import Pooling
from emoclr.finetune.model.combination import COMBINATIONS, EnsembleMethod
from emoclr.finetune.model.emotion_model import EmotionModel, Ensemble
from emoclr.finetune.model.folders import CARD, ENSEMBLE_CARD, find_card
from emoclr.pretrain.encoder.checkpoint import Metrics, load_card, package_versions
from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings
from emoclr.pretrain.encoder.folders import CheckpointError
from emoclr.pretrain.encoder.tensors import load_module, save_tensors

WEIGHTS = "model.safetensors"
WEIGHTS_SUM_WITHIN = 1e-3
"""Of one: cards hold six digits of each."""


MAX_MEMBERS = 1000


def _of_a_table(emotions: list[str]) -> list[str]:
    check_emotion_names(emotions)
    return emotions


Emotions = Annotated[list[str], Field(min_length=1), AfterValidator(_of_a_table)]
Threshold = Annotated[float, Field(ge=0, le=1)]
Limits = Annotated[str, Field(max_length=200, description="what a released model is not good for, in a line")]


class ModelCard(Settings):
    """What `model.yaml` holds: all about an emotion model but its weights.

    Examples:
        >>> card = ModelCard(
        ...     encoder={"backbone": "resnet10t"}, emotions=["joy"], thresholds=[0.4], temperatures=[1.2],
        ...     window_s=2.0, hop_s=1.0, weights_sha256="", corpus_fingerprint="", started_from="scratch",
        ... )
        >>> card.encoder.spectrogram.bands
        128
    """

    format: int = Field(1, ge=1, le=1)
    encoder: EncoderSettings
    emotions: Emotions
    single_label: bool = Field(False, description="whether every training clip carried exactly one emotion")
    thresholds: list[Threshold]
    temperatures: list[PositiveFloat]
    mean_logits: list[FiniteFloat] | None = Field(
        None, description="mean over the validation clips' windows, which `predict --speaker` brings a voice to"
    )
    window_s: WindowSeconds = Field(description="length of a window, s")
    hop_s: HopSeconds = Field(description="s between windows")
    short: Padding = Field("zero", description="how a recording shorter than a window fills it")
    channels: ChannelSetting = Field("auto", description="channels of recordings that are heard")
    windows: Pooling = Field("mean", description="pooling of the windows of a recording")
    weights_sha256: str
    corpus_fingerprint: str
    started_from: str = Field(description="the corpus fingerprint of the pretraining, ImageNet, or scratch")
    answers_sha256: str = Field("", description="SHA-256 of the file of predictions that --resume reads")
    cautions: list[str] = Field([], description="what forbids conclusions from its numbers, such as synthetic labels")
    notes: list[str] = Field([], description="on its labels and augmentations")
    metrics: Metrics = {}
    versions: dict[str, str] = {}

    @model_validator(mode="after")
    def _one_of_each(self) -> "ModelCard":
        for name in ("thresholds", "temperatures", "mean_logits"):
            found = getattr(self, name)
            if found is not None and len(found) != len(self.emotions):
                raise ValueError(f"{name}: {len(found)} for {len(self.emotions)} emotions")
        _check_windows(self.window_s, self.hop_s)
        return self


class EnsembleCard(Settings):
    """What `ensemble.yaml` holds: the members, by folder below it, and how their probabilities are combined.

    Examples:
        >>> card = EnsembleCard(members=["resnet10t"], emotions=["joy"], thresholds=[0.4], window_s=2.0, hop_s=1.0)
        >>> card.how, card.windows
        ('mean', 'mean')
    """

    format: int = Field(1, ge=1, le=1)
    members: list[str] = Field(min_length=1, max_length=MAX_MEMBERS)
    how: EnsembleMethod = "mean"
    weights: list[NonNegativeFloat] | None = Field(None, description="of the members, where they are fitted")
    emotions: Emotions
    single_label: bool = Field(False, description="whether every training clip carried exactly one emotion")
    thresholds: list[Threshold]
    window_s: WindowSeconds
    hop_s: HopSeconds
    short: Padding = Field("zero", description="how a recording shorter than a window fills it")
    channels: ChannelSetting = Field("auto", description="channels of recordings that are heard")
    windows: Pooling = Field("mean", description="pooling of the windows of a recording")
    cautions: list[str] = Field([], description="what forbids conclusions from its numbers, such as synthetic labels")
    notes: list[str] = Field([], description="on its labels and augmentations")
    limits: Limits = ""
    metrics: Metrics = {}
    versions: dict[str, str] = {}

    @model_validator(mode="after")
    def _one_of_each(self) -> "EnsembleCard":
        if len(self.thresholds) != len(self.emotions):
            raise ValueError(f"thresholds: {len(self.thresholds)} for {len(self.emotions)} emotions")
        for member in self.members:
            if Path(member).is_absolute() or ".." in Path(member).parts:
                raise ValueError(f"members: {member} lies outside the ensemble's folder")
        if len({Path(member) for member in self.members}) < len(self.members):
            raise ValueError("members: one of them stands there twice")
        if COMBINATIONS[self.how].fits_weights != (self.weights is not None):
            needed = ", ".join(name for name, combination in COMBINATIONS.items() if combination.fits_weights)
            raise ValueError(f"weights: there where, and only where, how is {needed}")
        if self.weights is not None:
            if len(self.weights) != len(self.members):
                raise ValueError(f"weights: {len(self.weights)} for {len(self.members)} members")
            if not abs(sum(self.weights) - 1) < WEIGHTS_SUM_WITHIN:
                raise ValueError(f"weights: their sum is {sum(self.weights):g}; it should be 1")
        _check_windows(self.window_s, self.hop_s)
        return self

    @property
    def limited(self) -> list[str]:
        """What its answers are not good for, and what forbids conclusions from them."""
        return [*([self.limits] if self.limits else []), *self.cautions]

    @property
    def told(self) -> list[str]:
        """What there is to say of all its answers: what they are not good for first."""
        return [*self.limited, *self.notes]


def with_windows(card: EnsembleCard, window_s: float | None, hop_s: float | None) -> EnsembleCard:
    """Returns a card with other windows; a hop that is not given is at most the window.

    Raises:
        ConfigError: they are none.

    Examples:
        >>> card = EnsembleCard(members=["a"], emotions=["joy"], thresholds=[0.4], window_s=2.0, hop_s=1.0)
        >>> with_windows(card, 0.5, None).hop_s
        0.5
    """
    window_s = card.window_s if window_s is None else window_s
    if hop_s is None:
        hop_s = min(card.hop_s, window_s) if window_s > 0 else card.hop_s
    return validate(EnsembleCard, {**card.model_dump(), "window_s": window_s, "hop_s": hop_s}, "--window, --hop")


def save_model(folder: Path, model: EmotionModel, **card: Any) -> ModelCard:
    """Writes weights and card of a model into `folder` and returns the card, whose other fields are `card`."""
    digest = save_tensors(folder / WEIGHTS, model.state_dict())
    made = ModelCard(encoder=model.encoder.settings, weights_sha256=digest, versions=package_versions(), **card)
    write_yaml(folder / CARD, made.model_dump(mode="json"))
    return made


def load_model(folder: Path) -> tuple[EmotionModel, ModelCard]:
    """Returns the emotion model of a folder, in eval mode, and its card.

    Raises:
        CheckpointError: files are missing, truncated, tampered with, or do not fit each other.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> model = EmotionModel(Encoder(EncoderSettings(backbone="test_resnet")), 2)
        >>> rest = {"emotions": ["joy", "fear"], "thresholds": [0.5, 0.5], "temperatures": [1.0, 1.0]}
        >>> _ = save_model(folder, model, window_s=2.0, hop_s=1.0, corpus_fingerprint="", started_from="", **rest)
        >>> model, card = load_model(folder)
        >>> card.emotions
        ['joy', 'fear']
    """
    card = load_card(folder / CARD, ModelCard)

    def make() -> EmotionModel:
        return EmotionModel(Encoder(card.encoder), len(card.emotions))

    try:
        model = load_module(make, folder / WEIGHTS, card.weights_sha256)
    except ConfigError as error:
        raise CheckpointError(f"{folder / CARD}: {error}") from error
    return model.eval(), card


def load_ensemble(source: str | Path, *, fold: bool = True) -> tuple[Ensemble, EnsembleCard]:
    """Returns the ensemble of a run folder, or one backbone's model as an ensemble of one, for inference alone.

    Args:
        source: the folder, or the name of a released one, such as `emoclr-small-emotions`; see `find_run`.
        fold: fold batch norms into convolutions, which is quicker; without, weights are those of the files.

    Raises:
        ConfigError: there is no such folder.
        CheckpointError: it holds none, a member is missing or damaged, or members name different emotions.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> model = EmotionModel(Encoder(EncoderSettings(backbone="test_resnet")), 2)
        >>> rest = {"emotions": ["joy", "fear"], "thresholds": [0.5, 0.5], "temperatures": [1.0, 1.0]}
        >>> _ = save_model(folder, model, window_s=2.0, hop_s=1.0, corpus_fingerprint="", started_from="", **rest)
        >>> ensemble, card = load_ensemble(folder)
        >>> len(ensemble.members), card.emotions
        (1, ['joy', 'fear'])
    """
    found = find_card(source)
    run = found.parent
    if found.name == ENSEMBLE_CARD:
        card = load_card(run / ENSEMBLE_CARD, EnsembleCard)
        for name in card.members:
            if not (run / name).resolve().is_relative_to(run.resolve()):
                raise CheckpointError(f"{run / ENSEMBLE_CARD}: members: {name} is a link out of the ensemble's folder")
        members = [load_model(run / name) for name in card.members]
    else:
        members = [load_model(run)]
        only = members[0][1]
        card = EnsembleCard(
            members=["."],
            emotions=only.emotions,
            single_label=only.single_label,
            thresholds=only.thresholds,
            window_s=only.window_s,
            hop_s=only.hop_s,
            short=only.short,
            channels=only.channels,
            windows=only.windows,
            cautions=only.cautions,
            notes=only.notes,
        )
    for name, (_, member) in zip(card.members, members, strict=True):
        if member.emotions != card.emotions:
            raise CheckpointError(
                f"{run / name / CARD}: names {', '.join(member.emotions)}; "
                f"the ensemble names {', '.join(card.emotions)}"
            )
    if fold:
        for model, member in members:
            model.encoder.fold(member.weights_sha256)
    weights = None if card.weights is None else np.array(card.weights)
    return build_ensemble(members, card.how, weights).eval(), card


def build_ensemble(
    members: Sequence[tuple[EmotionModel, ModelCard]], how: EnsembleMethod, weights: Array | None = None
) -> Ensemble:
    """Returns an ensemble of models with their temperatures and thresholds."""
    means = [card.mean_logits for _, card in members]
    return Ensemble(
        [model for model, _ in members],
        np.array([card.temperatures for _, card in members]),
        np.array([card.thresholds for _, card in members]),
        how,
        weights,
        single_label=all(card.single_label for _, card in members),
        mean_logits=None if None in means else np.array(means).ravel(),
        digests=[card.weights_sha256 for _, card in members],
    )


def _check_windows(window_s: float, hop_s: float) -> None:
    if hop_s > window_s:
        raise ValueError(f"hop_s {hop_s:g} is more than window_s {window_s:g}: parts would be skipped")
