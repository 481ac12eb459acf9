"""Unreadable clips of several ranks, counted and named together."""

from typing import Any

import pytorch_lightning as pl
import torch
import torch.distributed as dist


class UnreadableOnAllRanks(pl.Callback):
    """Counts the unreadable clips of all ranks as one number, and gives all of them every name.

    A loader counts those of its own rank; this adds up. One rank alone has nothing to add.

    Args:
        steps_per_epoch: batches of each rank.
        clips_per_epoch: of all ranks.
    """

    def __init__(self, steps_per_epoch: int, clips_per_epoch: int) -> None:
        self.steps_per_epoch = steps_per_epoch
        self.clips_per_epoch = clips_per_epoch
        self.latest_total = (-1, 0)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Adds up.

        Raises:
            TooManyUnreadable: these are more than `max_lost` allows, on every rank.
        """
        if trainer.world_size == 1:
            return
        unreadable = trainer.train_dataloader.unreadable  # type: ignore[union-attr]
        epoch = batch_idx // self.steps_per_epoch
        here = torch.tensor(unreadable.count(epoch), device=pl_module.device)
        total = int(trainer.strategy.reduce(here, reduce_op="sum"))
        if not total or self.latest_total == (epoch, total):
            return
        self.latest_total = epoch, total
        of_each: list[Any] = [None] * trainer.world_size
        dist.all_gather_object(of_each, unreadable.reasons)
        for reasons in of_each:
            unreadable.name(reasons)
        unreadable.check(epoch, total, self.clips_per_epoch)
