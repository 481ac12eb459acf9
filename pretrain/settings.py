"""The settings of a pretraining run."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from emoclr.augment.settings import ViewSettings
from emoclr.pretrain.objectives import OBJECTIVES

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

Place = Annotated[Path | str, BeforeValidator(_place)]


class PretrainSettings(ViewSettings):
    """One run: data, backbones, objective, optimisation, and where it lands."""

    data: list[Place] = Field(
        min_length=1, description="folders, audio files, an index, CSVs with a path column; or tars, files or URLs"
    )
    out: Path = Field(description="run folder")
    splits: Sequence[Split] | None = Field(
        ("train", "validation"), description="rows of a CSV with a split column that are used"
    )
    cache: Path | None = Field(None, description="folder of decoded audio; null for ~/.cache/emoclr")
    cache_gb: float | None = Field(
        None, ge=0, description="most that all decoded audio there may take; null for half of the disk's free space"
    )

    backbones: list[str] = Field(min_length=1, description="timm model names, trained in turn")
    pretrained: bool = Field(False, description="start from ImageNet weights (downloaded by timm)")

    start_from: Path | None = Field(
        None, description="run or backbone folder of an earlier pretraining whose weights are the start"
    )

    objective: ObjectiveName = "nt_xent"
    temperature: float = Field(0.15, gt=0, le=10)
    projection_hidden: int = Field(1024, ge=1)
    projection_size: int = Field(128, ge=2)
    negatives: Literal["any", "same_speaker"] = "same_speaker"
    speakers_per_batch: int = Field(8, ge=1, description="with negatives: same_speaker")

    supervised: Path | None = Field(None, description="labels.csv of a part of the recordings, for joint training")
    supervised_weight: float = Field(0.5, ge=0, description="of the supervised term; the objective has 1")

    epochs: int = Field(100, ge=1)
    batch_size: int = Field(256, ge=2, description="clips of one device, two views each")
    chunk_size: int | None = Field(
        None, ge=1, description="clips whose activations are in memory at once; null for the whole batch"
    )
    optimizer: Literal["adamw", "sgd", "lars"] = "adamw"
    learning_rate: float = Field(
        0.0, gt=0, validate_default=False, description="at its peak, whatever the batch; null for the optimizer's own"
    )
    weight_decay: float = Field(
        0.0, ge=0, validate_default=False, description="not on biases and norms; null for the optimizer's own"
    )
    warmup: float = Field(0.05, ge=0, lt=1, description="share of the steps")
    precision: Literal["auto", "fp32", "bf16"] = "auto"

    monitor: Path | None = Field(
        None, description="labels.csv whose training and validation speakers show what is learned, while it is learned"
    )
    monitor_every: int = Field(5, ge=1, description="epochs between two looks")
    monitor_clips: int = Field(600, ge=10, description="clips to fit to, and as many to score on, at most")

    stop_on_collapse: bool = Field(False, description="end a run whose embeddings collapse, instead of warning")
    max_bad_steps: int = Field(0, ge=0, description="steps with a loss that is no number to skip before the run ends")

    seed: int = Field(0, ge=0)
    max_lost: float = Field(
        MAX_LOST, ge=0, le=1, description="share of an epoch's clips that may turn out unreadable before the run ends"
    )
    shuffle_buffer: int = Field(4096, ge=1, description="with tars: clips in memory that are shuffled together")
    workers: int | None = Field(None, ge=0, description="data processes; null for one a spare core, at most 16")
    devices: Annotated[int, Field(ge=1)] | Literal["auto"] = Field("auto", description="on each machine")
    num_nodes: int = Field(1, ge=1, description="machines")
    accelerator: Accelerator = "auto"
    log_every_steps: int = Field(10, ge=1)
    save_every_steps: int = Field(200, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _own_rates(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        own = OWN_RATES.get(str(given.get("optimizer", "adamw")), {})
        return {**given, **{key: value for key, value in own.items() if given.get(key) is None}}

    @model_validator(mode="after")
    def _batch_holds_speakers(self) -> "PretrainSettings":
        if self.negatives == "same_speaker" and self.batch_size % self.speakers_per_batch:
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
