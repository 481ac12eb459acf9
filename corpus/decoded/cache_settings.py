"""The cache of decoded audio as the settings of a command have it: its folder and its size."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, Protocol

from pydantic import Field

from emoclr.corpus.audio.channels import ChannelChoice
from emoclr.corpus.clips.clip_table import ClipTable
from emoclr.corpus.decoded.waveforms import WaveformStore, open_waveforms

ChannelSetting = Literal["auto", "mean", "loudest"] | Annotated[int, Field(ge=1)]
"""A `ChannelChoice` as settings have it."""

CHANNELS = (
    "channels of recordings that are heard: their mean, the loudest, or a number from 1 on; `auto`: the mean, unless "
    "it loses what they hold"
)

OpenWaveforms = Callable[[ClipTable], WaveformStore]


class CacheSettings(Protocol):
    """Settings that say where decoded audio is kept."""

    @property
    def cache(self) -> Path | None:
        """Folder of decoded audio; None for the user's own."""

    @property
    def cache_gb(self) -> float | None:
        """Most that may be kept there; None for half of the free space."""

    @property
    def channels(self) -> ChannelChoice | None:
        """Channels of recordings that are heard; None for what is right for most."""


def opener(settings: CacheSettings) -> OpenWaveforms:
    """Returns `open_waveforms` bound to the cache that settings name."""
    return partial(
        open_waveforms, cache_dir=settings.cache, cache_gb=settings.cache_gb, channels=settings.channels or "auto"
    )
