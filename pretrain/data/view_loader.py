"""All batches of views of a run, for decoded corpora and tars alike; clips that cannot be read are taken out."""

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator
from types import FrameType
from typing import Any, cast

import torch
from torch.utils.data import DataLoader

from emoclr.configs.errors import EmoclrError
from emoclr.corpus.parallel.processes import usable_cores
from emoclr.pretrain.data.batch_order import Order
from emoclr.pretrain.data.clip_readers import ClipReader
from emoclr.pretrain.data.prefetch import on_device
from emoclr.pretrain.data.unreadable_clips import UnreadableClips
from emoclr.pretrain.data.views import UNREADABLE, ViewBatch, ViewDataset, without_unreadable


class _Keys:
    """What a DataLoader takes as its batch sampler: the keys that are left.

    Attributes:
        handed_out: references to the clips of each batch that has not come back.
    """

    def __init__(self, reader: ClipReader, order: Order, step: int, steps: int) -> None:
        self.reader, self.order, self.step, self.steps = reader, order, step, steps
        self.handed_out: deque[list[Any]] = deque()

    def __iter__(self) -> Iterator[list[Any]]:
        for keys in self.order.keys_from(self.step, self.steps):
            self.handed_out.append([self.reader.reference(clip) for _, clip in keys])
            yield keys

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
        unreadable: counts the clips that turn out unreadable on the way.

    Attributes:
        device: where batches are wanted.
    """

    def __init__(
        self,
        dataset: ViewDataset,
        order: Order,
        steps: int,
        workers: int,
        unreadable: UnreadableClips | None = None,
    ) -> None:
        self.dataset = dataset
        self.order = order
        self.steps = steps
        self.workers = workers
        self.device = torch.device("cpu")
        self.consumed = 0
        self.unreadable = unreadable or UnreadableClips()

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
        keys = _Keys(self.dataset.reader, self.order, self.consumed, self.steps)
        loader: DataLoader[Any] = DataLoader(
            self.dataset,
            batch_sampler=cast(Any, keys),
            num_workers=self.workers,
            pin_memory=self.device.type == "cuda",
            prefetch_factor=3 if self.workers else None,
            worker_init_fn=_start_worker,
        )
        try:
            for step, batch in enumerate(loader, self.consumed):
                yield self._readable(batch, keys.handed_out.popleft(), step)
        except EmoclrError as error:
            if not str(error).startswith("Caught "):
                raise
            # Of a data process comes the whole of its traceback, with the error's own words last.
            raise type(error)(str(error).rpartition(f"{type(error).__name__}: ")[2].strip()) from error

    def _readable(self, batch: ViewBatch, references: list[Any], step: int) -> ViewBatch:
        """Returns the batch of a step without the clips that cannot be read, which are counted and named.

        With one rank they are left out: a clip that came twice would be its own negative. Several ranks gather batches
        of one size, so there the next readable clip takes the place.
        """
        places = (batch.clips == UNREADABLE).nonzero()[:, 0].tolist()
        if not places:
            return batch
        order = self.order
        epoch, clips_per_epoch = step // order.batches_per_epoch, order.batches_per_epoch * order.batch_size
        for place in places:
            self.unreadable.add(epoch, *self.dataset.reader.problem(references[place]))
            if order.ranks == 1:  # several count together: `UnreadableOnAllRanks`
                self.unreadable.check(epoch, self.unreadable.count(epoch), clips_per_epoch)
        if len(places) == len(batch.clips):
            raise EmoclrError(f"no clip of a batch of {len(places)} can be read; the last checkpoint is kept")
        return without_unreadable(batch, same_size=order.ranks > 1)

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
    # Ctrl-C reaches the whole process group, as SIGTERM may: the training process decides when its workers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _spare_once)
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        threading.Thread(target=_end_after, args=(parent.pid,), daemon=True).start()


def _spare_once(number: int, frame: FrameType | None) -> None:
    """Leaves the first SIGTERM to the training process, and lets the next one end this worker.

    PyTorch and then Python send one each to a worker that does not end by itself, and Python waits for its end.
    """
    signal.signal(number, signal.SIG_DFL)


def _end_after(process: int) -> None:
    """Ends this process once its parent is gone.

    Where that was killed while it handed out a batch, the worker waits for the rest of the message for ever: it holds
    the pipe's other end itself.
    """
    while os.getppid() == process:
        time.sleep(1)
    os._exit(1)
