"""From decoded waveforms to batches of views, in an order that only seed and epoch decide."""

import signal
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from emoclr.augment.views import ViewMaker
from emoclr.augment.waveform import generators_restored
from emoclr.configs.errors import EmoclrError
from emoclr.corpus.audio.decoder import AudioError
from emoclr.corpus.clips.speaker_groups import shuffled_groups
from emoclr.corpus.decoded.waveforms import WaveformStore
from emoclr.corpus.parallel.processes import usable_cores
from emoclr.pretrain.data.prefetch import on_device
from emoclr.pretrain.data.unreadable_clips import UnreadableClips

VIEWS = 2


class ViewBatch(NamedTuple):
    """V views of a batch of clips: waveforms (B, V, samples), masks (B, V, masks, 2), clips (B,)."""

    waveforms: Tensor
    masks: Tensor
    clips: Tensor


class ViewDataset(Dataset[ViewBatch]):
    """The views of a clip, looked up by (epoch, clip): a `ViewBatch` without its first axis.

    A DataLoader's own collation stacks them, and in a worker straight into the memory that it shares with training.
    Of a clip whose recording is lost come views of silence, with -1 - clip for its number.
    """

    def __init__(self, store: WaveformStore, maker: ViewMaker, views: int = VIEWS) -> None:
        self.store = store
        self.maker = maker
        self.views = views

    def __getitem__(self, key: tuple[int, int]) -> ViewBatch:
        epoch, clip = key
        length = int(self.store.samples[clip])
        starts = [self.maker.crop_start(length, epoch, clip, view) for view in range(self.views)]
        number = clip
        try:
            crops = [self.store.crop(clip, start, self.maker.crop_samples) for start in starts]
        except AudioError:
            crops = [np.zeros(self.maker.crop_samples, dtype=np.float32)] * self.views
            number = -1 - clip
        views = [self.maker.make(crop, epoch, clip, view) for view, crop in enumerate(crops)]
        waveforms, masks = (torch.from_numpy(np.stack(parts)) for parts in zip(*views, strict=True))
        return ViewBatch(waveforms, masks, torch.tensor(number))

    def __getitems__(self, keys: list[tuple[int, int]]) -> list[ViewBatch]:
        """Returns the views of each clip of a batch; it is what a DataLoader asks for."""
        with generators_restored():
            return [self[key] for key in keys]

    def why_lost(self, clip: int) -> tuple[str, str]:
        """Returns the recording of a lost clip, and what is wrong with it."""
        try:
            self.store.crop(clip, 0, 1)
        except AudioError as error:
            return str(error.path), error.reason
        return str(self.store.path(clip)), "could not be read for a while"


class BatchOrder:
    """Which clips make up each batch of each epoch.

    Every clip comes at most once an epoch; the clips that fill no whole batch wait for the next epoch's order. With
    `per_speaker` above 1, that many clips of one speaker stand together wherever the speaker has as many left, so that
    a batch's hard negatives share the voice and differ in what it expresses.

    Args:
        speakers: (clips,) int codes, negative where unknown.
        batch_size: clips a batch on each rank.
        per_speaker: clips of one speaker that stand together; 1 for a plain shuffle.
        seed: of the order.
        rank: this process, of `ranks`; each takes its own part of every global batch.
        ranks: how many processes train together.
        clips: (clips,) the number of each clip, where these are only some of a corpus.
    """

    def __init__(
        self,
        speakers: NDArray[np.int64],
        batch_size: int,
        per_speaker: int,
        seed: int,
        rank: int = 0,
        ranks: int = 1,
        clips: NDArray[np.int64] | None = None,
    ) -> None:
        self.clips = np.arange(len(speakers)) if clips is None else clips
        self.speakers = speakers
        self.batch_size = batch_size
        self.per_speaker = per_speaker
        self.seed = seed
        self.rank = rank
        self.ranks = ranks

    @property
    def batches_per_epoch(self) -> int:
        """How many whole batches an epoch has."""
        return len(self.speakers) // (self.batch_size * self.ranks)

    def epoch(self, epoch: int) -> NDArray[np.int64]:
        """Returns this rank's batches of an epoch, (batches, batch_size) clip numbers."""
        rng = np.random.default_rng((self.seed, epoch))
        order = shuffled_groups(self.speakers, self.per_speaker, rng)
        whole = self.batches_per_epoch * self.batch_size * self.ranks
        batches = order[:whole].reshape(-1, self.ranks, self.batch_size)
        return self.clips[batches[:, self.rank]]

    def keys_from(self, step: int, steps: int) -> Iterator[list[tuple[int, int]]]:
        """Yields the (epoch, clip) keys of each batch from step `step` up to `steps`."""
        while step < steps:
            epoch, offset = divmod(step, self.batches_per_epoch)
            for batch in self.epoch(epoch)[offset : offset + steps - step]:
                yield [(epoch, int(clip)) for clip in batch]
                step += 1


class Order(Protocol):
    """Which keys of a dataset make up each batch."""

    def keys_from(self, step: int, steps: int) -> Iterator[list[Any]]:
        """Yields the keys of each batch from step `step` up to `steps`."""


def without_lost(batch: ViewBatch, in_step: bool) -> ViewBatch:
    """Returns a batch without its lost clips, whose numbers are negative.

    Args:
        batch: at least one of its clips is not lost.
        in_step: keep the size, since other ranks have batches of it: the next clip that is there comes once more.
    """
    good = (batch.clips >= 0).nonzero()[:, 0]
    if in_step:
        places = torch.arange(len(batch.clips))
        good = good[torch.searchsorted(good, places) % len(good)]
    return ViewBatch(*(part[good] for part in batch))


class _Keys:
    """What a DataLoader takes as its batch sampler: the keys that are left."""

    def __init__(self, order: Order, step: int, steps: int) -> None:
        self.order, self.step, self.steps = order, step, steps

    def __iter__(self) -> Iterator[list[Any]]:
        return self.order.keys_from(self.step, self.steps)

    def __len__(self) -> int:
        return self.steps - self.step


class ViewLoader:
    """All batches of a run as one stream that remembers its place.

    Lightning stores `state_dict` with the checkpoint and hands it back on resume: since every draw follows from
    (seed, epoch, clip, view), the number of batches consumed is all there is to remember.

    Args:
        dataset: gives the views of a key.
        order: the keys of each batch.
        steps: batches of the whole run.
        workers: processes that make views.
        lost_clips: counts the clips that turn out unreadable on the way.

    Attributes:
        device: where batches are wanted.
    """

    def __init__(
        self,
        dataset: Dataset[ViewBatch],
        order: Order,
        steps: int,
        workers: int,
        lost_clips: UnreadableClips | None = None,
    ) -> None:
        self.dataset = dataset
        self.order = order
        self.steps = steps
        self.workers = workers
        self.device = torch.device("cpu")
        self.consumed = 0
        self.lost_clips = lost_clips or UnreadableClips()

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[ViewBatch]:
        """Yields the batches that are left, on `device`.

        Raises:
            EmoclrError: too many clips turn out unreadable, or all of a batch.
        """
        for batch in on_device(self.batches(), self.device):
            self.consumed += 1
            yield batch

    def batches(self) -> Iterator[ViewBatch]:
        """Yields the batches that are left; see `__iter__`."""
        keys: Any = _Keys(self.order, self.consumed, self.steps)
        loader: DataLoader[Any] = DataLoader(
            self.dataset,
            batch_sampler=keys,
            num_workers=self.workers,
            pin_memory=self.device.type == "cuda",
            prefetch_factor=3 if self.workers else None,
            worker_init_fn=_start_worker,
        )
        try:
            for step, batch in enumerate(loader, self.consumed):
                yield self._checked(batch, step)
        except EmoclrError as error:
            if not str(error).startswith("Caught "):
                raise
            # Of a data process comes the whole of its traceback, with the error's own words last.
            raise type(error)(str(error).rpartition(f"{type(error).__name__}: ")[2].strip()) from error

    def _checked(self, batch: ViewBatch, step: int) -> ViewBatch:
        """Returns the batch of a step without the clips that are lost, and counts these."""
        lost = (-1 - batch.clips[batch.clips < 0]).tolist()
        if not lost or not isinstance(self.dataset, ViewDataset) or not isinstance(self.order, BatchOrder):
            return batch
        epoch, per_epoch = step // self.order.batches_per_epoch, self.order.batches_per_epoch
        for clip in lost:
            self.lost_clips.add(epoch, *self.dataset.why_lost(clip))
            if self.order.ranks == 1:  # several count together: `UnreadableOnAllRanks`
                self.lost_clips.check(epoch, self.lost_clips.count(epoch), per_epoch * self.order.batch_size)
        if len(lost) == len(batch.clips):
            raise EmoclrError(f"no clip of a batch of {len(lost)} can be read; the last checkpoint is kept")
        return without_lost(batch, in_step=self.order.ranks > 1)

    def state_dict(self) -> dict[str, int]:
        """Returns the number of batches consumed."""
        return {"consumed": self.consumed}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continues after the batches that were consumed."""
        self.consumed = state["consumed"]


def default_workers() -> int:
    """Returns one data process a spare core, at least 1 and at most 16."""
    return max(1, min(16, usable_cores() - 1))


def _start_worker(worker: int) -> None:
    torch.set_num_threads(1)
    # Ctrl-C reaches the whole process group: the training process decides when its workers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
