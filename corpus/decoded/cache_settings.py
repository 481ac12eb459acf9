"""The cache of decoded audio as the settings of a command have it: its folder and its size."""

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
    """Returns `open_waveforms` bound to the cache that settings name."""
    return partial(open_waveforms, cache_dir=settings.cache, cache_gb=settings.cache_gb)
