"""The settings of `probe`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from emoclr.augment.settings import HopSeconds, WindowSeconds
from emoclr.configs.settings import Settings
from emoclr.corpus.decoded.cache_settings import CHANNELS, ChannelSetting
from emoclr.corpus.labels.tables.column_settings import ColumnSettings
from emoclr.evaluate.positive_share import POSITIVE_SHARE
from emoclr.evaluate.settings import PositiveShare


def _part(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        raise ValueError("a part of the labels is a number above 0 and at most 1, such as 0.1") from None


Fraction = Annotated[float, BeforeValidator(_part), Field(gt=0, le=1)]


class ProbeSettings(Settings):
    """How clips are embedded, split and scored.

    Examples:
        >>> settings = ProbeSettings(folds=5, egemaps=False)
        >>> settings.folds, settings.positive_share
        (5, 0.25)
    """

    cache: Path | None = Field(None, description="folder of decoded audio; `null` for `~/.cache/emoclr`")
    cache_gb: float | None = Field(
        None, ge=0, description="GB of decoded audio in that folder, at most; `null` for half of the disk's free space"
    )
    channels: ChannelSetting | None = Field(None, description=f"{CHANNELS}; `null`: as in pretraining")
    emotions: list[str] | None = Field(
        None, description="columns of the labels that are emotions; `null` finds them by their values"
    )
    columns: ColumnSettings = Field(
        ColumnSettings(), description="columns by their meaning, see [tables](data.md#tables-of-other-forms)"
    )
    folds: int | None = Field(
        None,
        ge=2,
        description="speaker-grouped cross-validation; `null`: the split column, or the fold column, or else 5 folds",
    )
    window_s: WindowSeconds | None = Field(
        None, description="length of a window, s; `null`: that of the views in pretraining"
    )
    hop_s: HopSeconds | None = Field(
        None, description="distance between the starts of windows, s, at most; `null`: half a window"
    )
    batch_size: int = Field(64, ge=1, description="windows embedded at once")
    positive_share: PositiveShare = Field(
        POSITIVE_SHARE, description="share of listeners from which an emotion counts as present"
    )
    bootstrap_resamples: int = Field(1000, ge=20, description="resamples of speakers behind each interval")
    stress: bool = Field(
        False,
        description="robustness: score once more in noise, over a telephone, as mp3, in a room and at other gains",
    )
    egemaps: bool = Field(True, description="eGeMAPS as a baseline, where openSMILE is installed")
    fractions: list[Fraction] | None = Field(
        None, description="label efficiency: parts of the training clips to fit to; `null`: only all of them"
    )
    fraction_seeds: int = Field(5, ge=1, description="draws of each part")
    players: bool = Field(True, description="whether the report holds the sound of the clips that it shows")
    seed: int = Field(0, ge=0, description="of folds, untrained encoders and the bootstrap")
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="device of the encoder; `auto`: a GPU where there is one"
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="`auto`: bf16 where the hardware multiplies matrices of it, else fp32"
    )
    threads: int | None = Field(None, ge=1, description="CPU threads of the encoder; `null`: torch's choice")
