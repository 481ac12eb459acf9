"""The settings of a pretraining run."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from emoclr.augment.settings import ViewSettings
from emoclr.corpus.decoded.cache_settings import CHANNELS, ChannelSetting
from emoclr.corpus.labels.tables.column_settings import ColumnSettings
from emoclr.evaluate.positive_share import POSITIVE_SHARE
from emoclr.evaluate.settings import PositiveShare
from emoclr.pretrain.objectives.registry import OBJECTIVES

Split = Literal["train", "validation", "test"]
Accelerator = Literal["auto", "cpu", "gpu", "cuda", "mps", "tpu"]
if TYPE_CHECKING:
    ObjectiveName = str
else:
    ObjectiveName = Literal[tuple(OBJECTIVES)]

MAX_LOST = 0.01
"""Share of an epoch's clips."""


def _place(value: object) -> object:
    """Leaves a URL as it is; a path would lose one of its slashes."""
    return Path(value) if isinstance(value, str) and "://" not in value else value


OWN_RATES = {
    "adamw": {"learning_rate": 1e-3, "weight_decay": 0.05},
    "sgd": {"learning_rate": 0.03, "weight_decay": 1e-4},
    "lars": {"learning_rate": 0.3, "weight_decay": 1e-6},
}
"""Of batches of 256: of SGD as in MoCo (He et al. 2020), of LARS as in SimCLR (Chen et al. 2020)."""

Readout = Literal["last", "stages"]
READOUT = (
    "embeddings: `stages`: mean and mean absolute delta over time of the last three stages' feature maps; "
    "`last`: mean and max of the last one's. Training is the same"
)

Place = Annotated[Path | str, BeforeValidator(_place)]


class PretrainSettings(ViewSettings):
    """One run: data, backbones, objective, optimisation, and where it lands.

    Examples:
        >>> settings = PretrainSettings(data=["recordings"], out="checkpoints/my-run", backbones=["resnet10t"])
        >>> settings.objective, settings.learning_rate
        ('nt_xent', 0.001)
    """

    data: list[Place] = Field(
        min_length=1, description="folders, audio files, an index, CSVs with a `path` column; or tars, files or URLs"
    )
    out: Path = Field(description="run folder")
    splits: Sequence[Split] | None = Field(
        ("train", "validation"), description="rows of a CSV with a `split` column that are used"
    )
    without_fold: str | None = Field(
        None,
        description="fold of which no row is heard, of CSVs with a `fold` column",
    )
    columns: ColumnSettings = Field(
        ColumnSettings(), description="columns by their meaning, see [tables](data.md#tables-of-other-forms)"
    )
    cache: Path | None = Field(None, description="folder of decoded audio; `null` for `~/.cache/emoclr`")
    cache_gb: float | None = Field(
        None, ge=0, description="GB of decoded audio in that folder, at most; `null` for half of the disk's free space"
    )
    channels: ChannelSetting = Field("auto", description=CHANNELS)

    backbones: list[str] = Field(min_length=1, description="timm model names, or `framewise_cnn`; each trained in turn")
    pretrained: bool = Field(False, description="start from ImageNet weights (downloaded by timm)")

    readout: Readout = Field("stages", description=READOUT)

    start_from: Path | None = Field(
        None,
        description="run or backbone folder of an earlier pretraining, or a released model; its weights are the "
        "initial weights",
    )

    objective: ObjectiveName = Field("nt_xent", description="contrastive or non-contrastive loss of two views")
    temperature: float = Field(
        0.15, gt=0, le=10, description="of the softmax over similarities, for contrastive objectives"
    )
    projection_hidden: int = Field(1024, ge=1, description="hidden units of the projection head")
    projection_size: int = Field(128, ge=2, description="outputs of the projection head")
    negatives: Literal["any", "same_speaker", "same_sentence"] = Field(
        "same_speaker",
        description="`same_speaker`: several clips of one speaker in a batch, as hard negatives; `same_sentence`: of "
        "those, clips that say the same words where a CSV has a column `sentence`; `any`: any clips",
    )
    speakers_per_batch: int = Field(8, ge=1, description="speakers in a batch, unless `negatives: any`")

    supervised: Path | None = Field(None, description="labels.csv of a part of the recordings, for joint training")
    supervised_weight: float = Field(0.5, ge=0, description="weight of the supervised loss; the objective has 1")

    functionals_weight: float = Field(
        0.0,
        ge=0,
        description="weight of a regression of the clean crop's pitch, voicing, energy and spectral shape; 0 for none",
    )

    epochs: int = Field(100, ge=1, description="passes over the clips")
    batch_size: int = Field(256, ge=2, description="clips on each device; two views each")
    chunk_size: int | None = Field(
        None,
        ge=1,
        description="gradient caching: clips whose activations are in memory at once; `null` for the whole batch",
    )
    optimizer: Literal["adamw", "sgd", "lars"] = Field("adamw", description="optimizer of the weights")
    learning_rate: float = Field(
        0.0,
        gt=0,
        validate_default=False,
        description="peak learning rate, not scaled with the batch; `null` for the optimizer's own",
    )
    weight_decay: float = Field(
        0.0, ge=0, validate_default=False, description="not on biases and norms; `null` for the optimizer's own"
    )
    warmup: float = Field(0.05, ge=0, lt=1, description="share of the steps in which the learning rate rises")
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="`auto`: bf16 where the hardware multiplies matrices of it, else fp32"
    )

    monitor: Path | None = Field(
        None,
        description="labels.csv for online probes: its training speakers are fitted to, its validation speakers scored",
    )
    monitor_every: int = Field(5, ge=1, description="epochs between two online probes")
    monitor_clips: int = Field(
        600, ge=10, description="clips that an online probe is fitted to, at most, and as many that it is scored on"
    )
    positive_share: PositiveShare = POSITIVE_SHARE

    stop_on_collapse: bool = Field(False, description="end a run whose embeddings collapse; otherwise it warns")
    max_bad_steps: int = Field(
        0, ge=0, description="steps with a loss that is NaN or infinite to skip before the run ends"
    )

    seed: int = Field(0, ge=0, description="of weights, views and the order of clips")
    max_lost: float = Field(
        MAX_LOST, ge=0, le=1, description="share of an epoch's clips that may turn out unreadable before the run ends"
    )
    shuffle_buffer: int = Field(4096, ge=1, description="with tars: clips in memory that are shuffled together")
    workers: int | None = Field(None, ge=0, description="data processes; `null` for one a spare core, at most 16")
    devices: Annotated[int, Field(ge=1)] | Literal["auto"] = Field("auto", description="devices of each machine")
    num_nodes: int = Field(1, ge=1, description="machines")
    accelerator: Accelerator = Field("auto", description="kind of device to train on")
    log_every_steps: int = Field(10, ge=1, description="steps between two rows of `metrics.csv`")
    save_every_steps: int = Field(200, ge=1, description="steps between two saves")

    @model_validator(mode="before")
    @classmethod
    def _own_rates(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        own = OWN_RATES.get(str(given.get("optimizer", "adamw")), {})
        return {**given, **{key: value for key, value in own.items() if given.get(key) is None}}

    @model_validator(mode="after")
    def _batch_holds_speakers(self) -> "PretrainSettings":
        if self.negatives != "any" and self.batch_size % self.speakers_per_batch:
            raise ValueError(
                f"batch_size {self.batch_size} is no multiple of speakers_per_batch {self.speakers_per_batch}"
            )
        return self

    @model_validator(mode="after")
    def _one_start(self) -> "PretrainSettings":
        if self.pretrained and self.start_from:
            raise ValueError("pretrained and start_from: weights start from ImageNet or from an earlier run, not both")
        return self

    @model_validator(mode="after")
    def _backbones_differ(self) -> "PretrainSettings":
        if len(set(self.backbones)) < len(self.backbones):
            raise ValueError(f"backbones: {', '.join(self.backbones)}: each has one folder, so one place in the list")
        return self
