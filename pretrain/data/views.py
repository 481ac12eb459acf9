"""The views of clips, made on CPU workers."""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from emoclr.augment.views import ViewMaker
from emoclr.augment.waveform import generators_restored
from emoclr.corpus.audio.decoder import AudioError
from emoclr.pretrain.data.clip_readers import ClipReader, Waveform
from emoclr.pretrain.data.functionals.functionals import functionals

VIEWS = 2
UNREADABLE = -1
"""In the place of the number of a clip that cannot be read."""


class ViewBatch(NamedTuple):
    """V views of a batch of clips: waveforms (B, V, samples), masks (B, V, masks, 2), clips (B,).

    `functionals` (B, V, functionals) are of the clean crops that the views were made of; none where not asked for.
    """

    waveforms: Tensor
    masks: Tensor
    clips: Tensor
    functionals: Tensor = torch.empty(0)


class ViewDataset(Dataset[ViewBatch]):
    """The views of a clip, looked up by (epoch, clip): a `ViewBatch` without its first axis.

    A DataLoader's own collation stacks them, and in a worker straight into the memory that it shares with training.
    A clip that cannot be read gives views of silence under the number `UNREADABLE`, which `ViewLoader` replaces.

    Args:
        reader: reads clips.
        maker: makes views of them.
        views: of each clip.
        with_functionals: whether to measure functionals of the crops.
    """

    def __init__(
        self, reader: ClipReader, maker: ViewMaker, views: int = VIEWS, *, with_functionals: bool = False
    ) -> None:
        self.reader = reader
        self.maker = maker
        self.views = views
        self.with_functionals = with_functionals

    def __getitem__(self, key: tuple[int, Any]) -> ViewBatch:
        epoch, clip = key
        number = self.reader.number(clip)

        def starts_of(samples: int) -> list[int]:
            return [self.maker.crop_start(samples, epoch, number, view) for view in range(self.views)]

        label = number
        try:
            crops = self.reader.crops(clip, starts_of, self.maker.crop_samples)
        except AudioError:
            crops = [np.zeros(self.maker.crop_samples, dtype=np.float32)] * self.views
            label = UNREADABLE
        views = [self.maker.make(crop, epoch, number, view) for view, crop in enumerate(crops)]
        waveforms, masks = (torch.from_numpy(np.stack(parts)) for parts in zip(*views, strict=True))
        return ViewBatch(waveforms, masks, torch.tensor(label), self._functionals(crops))

    def _functionals(self, crops: list[Waveform]) -> Tensor:
        """Returns functionals of crops, (V, functionals), or (V, 0) where they are not asked for."""
        if not self.with_functionals:
            return torch.empty(len(crops), 0)
        found: list[Waveform] = []
        for crop in crops:
            # Both views of a clip that is no longer than a view are of the same crop.
            same = bool(found) and np.array_equal(crop, crops[0])
            found.append(found[0] if same else functionals(crop))
        return torch.from_numpy(np.stack(found))

    def __getitems__(self, keys: list[tuple[int, Any]]) -> list[ViewBatch]:
        """Returns the views of each clip of a batch; it is what a DataLoader asks for."""
        self.reader.expect([clip for _, clip in keys])
        with generators_restored():
            return [self[key] for key in keys]


def without_unreadable(batch: ViewBatch, *, same_size: bool) -> ViewBatch:
    """Returns a batch without the clips that cannot be read.

    Args:
        batch: at least one of its clips can be read.
        same_size: keep the size, since other ranks have batches of it: the next readable clip takes the place.
    """
    readable = (batch.clips != UNREADABLE).nonzero()[:, 0]
    if same_size:
        places = torch.arange(len(batch.clips))
        readable = readable[torch.searchsorted(readable, places) % len(readable)]
    return ViewBatch(*(part[readable] for part in batch))
