"""The settings of `finetune`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from emoclr.augment.settings import AugmentSettings, CorpusSpectrogram, HopSeconds, SpectrogramSettings, WindowSeconds
from emoclr.configs.settings import Settings
from emoclr.corpus.decoded.cache_settings import CHANNELS, ChannelSetting
from emoclr.corpus.labels.tables.column_settings import ColumnSettings
from emoclr.evaluate.pooling import Pooling
from emoclr.evaluate.positive_share import POSITIVE_SHARE
from emoclr.evaluate.settings import PositiveShare
from emoclr.finetune.model.combination import COMBINATIONS, EnsembleMethod
from emoclr.finetune.model.losses import LOSSES, LossName
from emoclr.pretrain.settings import MAX_LOST, Accelerator
from emoclr.probe.settings import Fraction

# What may differ between a run and its resumption without changing what its members learn.
FREE_TO_CHANGE = frozenset(
    {
        "backbones",
        "bootstrap_resamples",
        "cache",
        "cache_gb",
        "channels",  # they show in the fingerprint of the recordings
        "compare_seeds",
        "fraction_seeds",
        "fractions",
        "from_scratch",
        "max_lost",
        "players",
        "stress",
        "workers",
    }
)


ABLATIONS = "see docs/ablations.md"


@dataclass(frozen=True)
class Removed:
    """A setting that was removed.

    Attributes:
        neutral: its default, under which nothing is lost without it.
        why: what the ablations showed.
    """

    neutral: object
    why: str


_NOTHING = "made no difference to macro AUROC"
_HARM = "lowered macro AUROC by 0.010"

REMOVED = {
    "mix.p": Removed(0, f"mixing two clips {_HARM}"),
    "join.p": Removed(0, f"joining two clips {_HARM}"),
    "label_smoothing": Removed(0, f"label smoothing {_NOTHING}"),
    "averaging": Removed("none", f"an exponential moving average of the weights {_NOTHING}"),
    "averaging_decay": Removed(0.99, f"an exponential moving average of the weights {_NOTHING}"),
    "focal_gamma": Removed(2.0, f"the focal loss {_NOTHING}; its gamma is 2"),
    "asymmetric_gamma": Removed(4.0, f"the asymmetric loss {_NOTHING}"),
}
"""Settings of earlier versions, by key: files that name them at their neutral values still load.

A group `key.p` goes with all its keys where `p` is neutral.
"""

REMOVED_LOSSES = {"asymmetric": f"the asymmetric loss {_NOTHING}"}


def without_removed(given: dict[str, Any]) -> dict[str, Any]:
    """Returns settings without the keys that were removed.

    Raises:
        ValueError: one of them is not at its neutral value, or the loss was removed.
    """
    left = dict(given)
    for name, removed in REMOVED.items():
        key, _, within = name.partition(".")
        if key not in left:
            continue
        value = left.pop(key)
        if within and isinstance(value, dict):
            value = value.get(within, removed.neutral)
        if isinstance(value, bool) or value != removed.neutral:
            raise ValueError(f"{name}: was removed: {removed.why} ({ABLATIONS}); leave it out")
    loss = left.get("loss")
    if isinstance(loss, str) and loss in REMOVED_LOSSES:
        raise ValueError(f"loss: {loss} was removed: {REMOVED_LOSSES[loss]} ({ABLATIONS}); give another one")
    return left


class FinetuneSettings(Settings):
    """What is trained from what, how, and how it is scored.

    Examples:
        >>> FinetuneSettings(ensemble="vote", seeds=3).network_seeds
        range(0, 3)
    """

    elsewhere: ClassVar[dict[str, str]] = {"window_s": "crop_s"}

    emotions: list[str] | None = Field(
        None, description="columns of the labels that are emotions; `null` finds them by their values"
    )
    columns: ColumnSettings = Field(
        ColumnSettings(), description="columns by their meaning, see [tables](data.md#tables-of-other-forms)"
    )
    folds: int | None = Field(
        None,
        ge=2,
        description="speaker-grouped folds; `null`: the split column, or the fold column, or else one split",
    )

    backbones: list[str] | None = Field(
        None,
        description="with `--from`: backbones of the run to use; without: timm models to train without pretraining",
    )
    pretrained: bool = Field(False, description="without `--from`: start from ImageNet weights, which timm downloads")
    spectrogram: CorpusSpectrogram = Field(
        SpectrogramSettings(), description="without `--from`: see [the spectrogram](pretraining.md#spectrogram)"
    )
    crop_s: WindowSeconds | None = Field(None, description="length of a window, s; `null`: as in pretraining, or 5")
    hop_s: HopSeconds | None = Field(
        None,
        description="distance between the starts of windows in evaluation, s, at most; `null`: half a window",
    )
    windows: Pooling = Field("mean", description="pooling of the windows of a recording")
    augment: AugmentSettings = Field(AugmentSettings(), description="see [augmentation](pretraining.md#augmentation)")

    loss: LossName = Field("bce", description="; ".join(f"{name}: {loss.description}" for name, loss in LOSSES.items()))
    max_positive_weight: float = Field(
        5.0, ge=1, description="largest class weight of a rare emotion's presence, of `bce`"
    )

    freeze: Literal["none", "backbone", "all"] = Field(
        "none",
        description="`backbone`: train the head alone; `all`: train nothing, see [models of several "
        "runs](finetune.md#models-of-several-runs)",
    )
    epochs: int = Field(10, ge=1, description="epochs of the whole network, at most")
    patience: int = Field(6, ge=1, description="epochs without a better validation score before training stops")
    batch_size: int = Field(64, ge=2, description="clips in a batch")
    learning_rate: float = Field(
        3e-4,
        gt=0,
        description="peak learning rate of the head and the last layer group; earlier groups have lower ones",
    )
    layer_decay: float = Field(
        0.7, gt=0, le=1, description="factor of the learning rate from one layer group to the one before it"
    )
    weight_decay: float = Field(0.05, ge=0, description="not on biases and norms")
    warmup: float = Field(0.1, ge=0, lt=1, description="share of the steps in which the learning rate rises")
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="`auto`: bf16 where the hardware multiplies matrices of it, else fp32"
    )

    unlabeled: list[Path] = Field(
        [],
        description="recordings for a second round with pseudo-labels; with 432 labels and 3,977 clips without, macro "
        "AUROC changed by -0.001 [-0.006 to 0.004]",
    )
    confidence: float = Field(
        0.9, gt=0, lt=1, description="share of a pseudo-label's decisions that have to be right on validation speakers"
    )

    seeds: int = Field(1, ge=1, description="members of each backbone, each with a seed of its own")
    ensemble: EnsembleMethod = Field(
        "mean", description="; ".join(f"{name}: {way.description}" for name, way in COMBINATIONS.items())
    )
    compare_seeds: int | None = Field(
        None, ge=2, description="compare the backbones with that many seeds of the best one"
    )
    from_scratch: bool = Field(False, description="train once more without pretraining, as a baseline")
    fractions: list[Fraction] = Field([], description="label efficiency: parts of the labels to train with once more")
    fraction_seeds: int = Field(3, ge=1, description="draws of each part")
    positive_share: PositiveShare = Field(
        POSITIVE_SHARE, description="share of listeners from which an emotion counts as present"
    )
    stress: bool = Field(
        False,
        description="robustness: score once more in noise, over a telephone, as mp3, in a room and at other gains",
    )
    bootstrap_resamples: int = Field(1000, ge=20, description="resamples of speakers behind each interval")
    players: bool = Field(True, description="whether the report holds the sound of the clips that it shows")

    cache: Path | None = Field(None, description="folder of decoded audio; `null` for `~/.cache/emoclr`")
    cache_gb: float | None = Field(
        None, ge=0, description="GB of decoded audio in that folder, at most; `null` for half of the disk's free space"
    )
    channels: ChannelSetting | None = Field(None, description=f"{CHANNELS}; `null`: as in pretraining")
    max_lost: float = Field(
        MAX_LOST, ge=0, le=1, description="share of an epoch's clips that may turn out unreadable before the run ends"
    )

    seed: int = Field(0, ge=0, description="of heads, folds, batches and augmentation")
    workers: int | None = Field(None, ge=0, description="data processes; `null` for one a spare core, at most 16")
    accelerator: Accelerator = Field("auto", description="kind of device to train on")
    devices: Literal[1] = Field(1, description="devices; fine-tuning takes one")
    num_nodes: Literal[1] = Field(1, description="machines; fine-tuning takes one")

    @model_validator(mode="before")
    @classmethod
    def _without_removed(cls, given: Any) -> Any:
        return without_removed(given) if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _backbones_differ(self) -> "FinetuneSettings":
        names = self.backbones or []
        if len(set(names)) < len(names):
            raise ValueError(f"backbones: {', '.join(names)}: each has one folder, so one place in the list")
        return self

    @model_validator(mode="after")
    def _seeds_differ(self) -> "FinetuneSettings":
        if self.freeze == "none":
            return self
        asked: dict[str, object] = {
            "seeds": self.seeds > 1,
            "compare_seeds": self.compare_seeds,
            "from_scratch": self.from_scratch,
        }
        why = "needs training of the whole network; no seed changes a head alone"
        if self.freeze == "all":
            asked |= {"fractions": self.fractions, "unlabeled": self.unlabeled, "folds": self.folds}
            why = "needs training, and freeze=all trains nothing"
        for name, given in asked.items():
            if given:
                raise ValueError(f"{name}: {why}")
        return self

    @property
    def network_seeds(self) -> range:
        """The seeds of the networks of a backbone, those to compare with included; the first one is of all else."""
        return range(self.seed, self.seed + max(self.seeds, self.compare_seeds or 1))
