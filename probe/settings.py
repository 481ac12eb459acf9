"""The settings of `probe`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from emoclr.configs.settings import Settings
from emoclr.evaluate.positive_share import POSITIVE_SHARE, PositiveShare


def _part(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        raise ValueError("a part of the labels is a number above 0 and at most 1, such as 0.1") from None


Fraction = Annotated[float, BeforeValidator(_part), Field(gt=0, le=1)]


class ProbeSettings(Settings):
    """How clips are embedded, split and scored."""

    cache: Path | None = Field(None, description="folder of decoded audio; null for ~/.cache/emoclr")
    cache_gb: float | None = Field(
        None, ge=0, description="most that all decoded audio there may take; null for half of the disk's free space"
    )
    emotions: list[str] | None = Field(None, description="columns of the labels; None finds them by their values")
    folds: int | None = Field(None, ge=2, description="None: the split column where there is one, else 5")
    window_s: float | None = Field(None, gt=0, description="s; None: what the encoder was trained on")
    hop_s: float | None = Field(None, gt=0, description="s between windows, at most; None: half a window")
    batch_size: int = Field(64, ge=1, description="windows embedded at once")
    positive_share: PositiveShare = POSITIVE_SHARE
    bootstrap_resamples: int = Field(1000, ge=20, description="resamples of speakers behind each interval")
    stress: bool = Field(False, description="score once more under noise, a telephone, mp3, a room, other gains")
    egemaps: bool = Field(True, description="the baseline of that name, where openSMILE is installed")
    fractions: list[Fraction] | None = Field(
        None, description="label efficiency: parts of the training clips to fit to; None: only all"
    )
    fraction_seeds: int = Field(5, ge=1, description="how often each part is drawn")
    players: bool = Field(True, description="whether the report holds the sound of the clips that it shows")
    seed: int = Field(0, ge=0, description="of folds, untrained encoders and bootstrap")
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    threads: int | None = Field(None, ge=1, description="CPU threads of the encoder; None: torch's choice")
