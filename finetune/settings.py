"""The settings of `finetune`."""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from emoclr.augment.settings import AugmentSettings, CorpusSpectrogram, SpectrogramSettings
from emoclr.configs.settings import Settings
from emoclr.evaluate.metrics.multilabel import POSITIVE_SHARE
from emoclr.evaluate.pooling import Pooling
from emoclr.pretrain.data.unreadable import MAX_LOST
from emoclr.pretrain.settings import Accelerator
from emoclr.probe.settings import Fraction

# What may differ between a run and its resumption without changing what its members learn.
FREE_TO_CHANGE = frozenset(
    {
        "backbones",
        "bootstrap_resamples",
        "cache",
        "cache_gb",
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


class MixSettings(Settings):
    """Two clips of a batch at once; both emotions are heard. Quieter ones are `augment.background`, which is not."""

    p: float = Field(0.0, ge=0, le=1, description="probability that a clip gets another one mixed in")
    max_below_db: float = Field(6.0, ge=0, le=20, description="dB by which the other is quieter, at most")


class JoinSettings(Settings):
    """Two clips of a batch one after the other; both emotions are heard."""

    p: float = Field(0.0, ge=0, le=1, description="probability that another clip takes over within the window")


class FinetuneSettings(Settings):
    """What is trained from what, how, and how it is scored."""

    elsewhere: ClassVar[dict[str, str]] = {"window_s": "crop_s"}

    emotions: list[str] | None = Field(None, description="columns of the labels; None finds them by their values")
    folds: int | None = Field(None, ge=2, description="None: the split column where there is one, else one split")

    backbones: list[str] | None = Field(
        None, description="with --from: those of the run to use; without: timm names to train without pretraining"
    )
    pretrained: bool = Field(False, description="without --from: start from ImageNet weights (downloaded by timm)")
    spectrogram: CorpusSpectrogram = Field(SpectrogramSettings(), description="without --from")
    crop_s: float | None = Field(None, gt=0, description="s of a clip seen at once; None: as pretrained, or 5")
    hop_s: float | None = Field(None, gt=0, description="s between windows in evaluation; None: half a crop")
    windows: Pooling = Field("mean", description="how the windows of a recording become one answer")
    augment: AugmentSettings = AugmentSettings()
    mix: MixSettings = MixSettings()
    join: JoinSettings = JoinSettings()

    loss: Literal["bce", "focal", "asymmetric"] = Field("bce", description="bce: cross-entropy with class weights")
    max_positive_weight: float = Field(
        5.0, ge=1, description="how much more a rare emotion's presence may count, of bce"
    )
    focal_gamma: float = Field(2.0, ge=0, description="of focal: how little counts what is answered well")
    asymmetric_gamma: float = Field(4.0, ge=0, description="of asymmetric: the same of absences; of presences it is 1")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="share by which targets move towards one half")

    freeze: Literal["none", "backbone"] = Field("none", description="backbone: train the head alone")
    epochs: int = Field(10, ge=1, description="of the whole network, at most")
    patience: int = Field(6, ge=1, description="epochs without a better validation before training stops")
    batch_size: int = Field(64, ge=2)
    learning_rate: float = Field(
        3e-4, gt=0, description="of the head and the last layer group; each earlier one has less"
    )
    layer_decay: float = Field(0.7, gt=0, le=1, description="factor from one layer group to the one before it")
    weight_decay: float = Field(0.05, ge=0)
    warmup: float = Field(0.1, ge=0, lt=1, description="share of the steps")
    averaging: Literal["none", "ema"] = Field("none", description="ema: validate and keep an average of the weights")
    averaging_decay: float = Field(0.99, gt=0, lt=1, description="share of the average that a step leaves")
    precision: Literal["auto", "fp32", "bf16"] = "auto"

    unlabeled: list[Path] = Field([], description="recordings for a second round with pseudo-labels")
    confidence: float = Field(
        0.9, gt=0, lt=1, description="how often a pseudo-label has to be right on validation speakers"
    )

    seeds: int = Field(1, ge=1, description="members of each backbone, which differ in what they draw by chance")
    ensemble: Literal["mean", "weighted", "vote"] = Field(
        "mean", description="mean of probabilities, weights learned on validation speakers, or share of votes"
    )
    compare_seeds: int | None = Field(
        None, ge=2, description="compare different backbones with that many seeds of the best one"
    )
    from_scratch: bool = Field(False, description="train the same without pretraining, to compare with")
    fractions: list[Fraction] = Field([], description="parts of the labels to train with once more, in (0, 1]")
    fraction_seeds: int = Field(3, ge=1, description="how often each part is drawn")
    positive_share: float = Field(POSITIVE_SHARE, gt=0, le=1, description="the share from which an emotion is there")
    stress: bool = Field(False, description="score once more under noise, a telephone, mp3, a room, other gains")
    bootstrap_resamples: int = Field(1000, ge=20, description="resamples of speakers behind each interval")
    players: bool = Field(True, description="whether the report holds the sound of the clips that it shows")

    cache: Path | None = Field(None, description="folder of decoded audio; null for ~/.cache/emoclr")
    cache_gb: float | None = Field(
        None, ge=0, description="most that all decoded audio there may take; null for half of the disk's free space"
    )
    max_lost: float = Field(
        MAX_LOST, ge=0, le=1, description="share of an epoch's clips that may turn out unreadable before the run ends"
    )

    seed: int = Field(0, ge=0)
    workers: int | None = Field(None, ge=0, description="data processes; null for one a spare core, at most 16")
    accelerator: Accelerator = "auto"
    devices: Literal[1] = 1
    num_nodes: Literal[1] = 1

    @model_validator(mode="after")
    def _backbones_differ(self) -> "FinetuneSettings":
        names = self.backbones or []
        if len(set(names)) < len(names):
            raise ValueError(f"backbones: {', '.join(names)}: each has one folder, so one place in the list")
        return self

    @model_validator(mode="after")
    def _combined(self) -> "FinetuneSettings":
        if self.mix.p + self.join.p > 1:
            raise ValueError(f"mix.p {self.mix.p:g} and join.p {self.join.p:g} are more than 1 together")
        if self.freeze == "backbone":
            for name, asked in (("mix.p", self.mix.p), ("join.p", self.join.p), ("averaging", self.averaging == "ema")):
                if asked:
                    raise ValueError(f"{name}: is of the whole network's training, which freeze: backbone leaves out")
        return self

    @model_validator(mode="after")
    def _seeds_differ(self) -> "FinetuneSettings":
        if self.freeze == "backbone":
            asked = {"seeds": self.seeds > 1, "compare_seeds": self.compare_seeds, "from_scratch": self.from_scratch}
            for name, given in asked.items():
                if given:
                    raise ValueError(f"{name}: needs training of the whole network; no seed changes a head alone")
        return self

    @property
    def network_seeds(self) -> range:
        """The seeds of the networks of a backbone, those to compare with included; the first one is of all else."""
        return range(self.seed, self.seed + max(self.seeds, self.compare_seeds or 1))

    @property
    def combines(self) -> bool:
        """Whether training clips are mixed or joined."""
        return self.mix.p + self.join.p > 0
