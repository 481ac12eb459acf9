"""Recordings decoded as the settings of a command say: where that is kept, and how much of it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

from emoclr.corpus.clips.clip_table import ClipTable
from emoclr.corpus.decoded.waveforms import WaveformStore, open_waveforms

OpenWaveforms = Callable[[ClipTable], WaveformStore]


class CacheSettings(Protocol):
    """Settings that say where decoded audio is kept."""

    @property
    def cache(self) -> Path | None:
        """Folder of decoded audio; None for the user's own."""

    @property
    def cache_gb(self) -> float | None:
        """Most that may be kept there; None for half of the free space."""


def opener(settings: CacheSettings) -> OpenWaveforms:
    """Returns `open_waveforms` with the cache of some settings."""
    return partial(open_waveforms, cache_dir=settings.cache, cache_gb=settings.cache_gb)
