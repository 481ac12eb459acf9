"""The training step: two views in, one contrastive loss out."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from lightly.utils.debug import std_of_l2_normalized
from lightly.utils.lars import LARS
from lightly.utils.scheduler import CosineWarmupScheduler
from timm.optim import param_groups_weight_decay
from torch import Tensor, nn

from augment.background import batch_backgrounds
from configs.errors import EmoclrError
from pretrain.callbacks import GONE_ASTRAY
from pretrain.data import ViewBatch, ViewLoader
from pretrain.encoder import Encoder
from pretrain.objectives import OBJECTIVES, contrastive_accuracy, make_loss
from pretrain.settings import PretrainSettings


class ContrastiveModule(pl.LightningModule):
    """An encoder with its projection head under a contrastive objective.

    Args:
        encoder: what is trained.
        settings: objective and optimisation.
        steps: optimiser steps of the whole run.
        make_loader: called with this process's rank and the number of ranks once they are known.
    """

    def __init__(
        self,
        encoder: Encoder,
        settings: PretrainSettings,
        steps: int,
        make_loader: Callable[[int, int], ViewLoader],
    ) -> None:
        super().__init__()
        self.encoder = encoder
        head = OBJECTIVES[settings.objective].head
        self.projection = head(encoder.features, settings.projection_hidden, settings.projection_size)
        self.settings = settings
        self.steps = steps
        self.make_loader = make_loader
        self.loss: nn.Module | None = None
        self.latest: dict[str, Tensor] = {}

    def setup(self, stage: str) -> None:
        """Builds the loss once it is known whether there are other ranks to gather negatives from."""
        self.loss = make_loss(self.settings.objective, self.settings.temperature, self.trainer.world_size > 1)

    def train_dataloader(self) -> ViewLoader:
        """Returns this rank's batches."""
        return self.make_loader(self.trainer.global_rank, self.trainer.world_size)

    def training_step(self, batch: ViewBatch, batch_idx: int) -> Tensor:
        """Returns the loss of a batch; what the progress display needs stays in `latest`."""
        # Stochastic layers, too, follow from the place in the run and not from what came before.
        torch.manual_seed(int(np.random.SeedSequence((self.settings.seed, batch_idx)).generate_state(1)[0]))
        background = self.settings.augment.background
        mixed = batch_backgrounds(batch.waveforms, background, (self.settings.seed, batch_idx, self.global_rank))
        first, second = self.project(batch._replace(waveforms=mixed))
        assert self.loss is not None
        loss: Tensor = self.loss(first, second)
        self.latest = {"loss": loss.detach(), "first": first.detach(), "second": second.detach()}
        return loss

    def project(self, batch: ViewBatch) -> tuple[Tensor, Tensor]:
        """Returns the projections of the first and of the second views, float32 (B, D) each."""
        waveforms = batch.waveforms.transpose(0, 1).flatten(0, 1)  # (2B, samples)
        masks = batch.masks.transpose(0, 1).flatten(0, 1)  # (2B, masks, 2)
        projections = self.projection(self.encoder(waveforms, masks)).float()  # (2B, D)
        first, second = projections.chunk(2)
        return first, second

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keeps the schedule of these settings: a run may be resumed towards a nearer or a later end."""
        ends = {"max_epochs": self.steps, "warmup_epochs": round(self.settings.warmup * self.steps)}
        for schedule in checkpoint["lr_schedulers"]:
            schedule.update(ends)

    def metrics(self) -> dict[str, float]:
        """Returns the metrics of the latest step.

        `embedding_std` is the standard deviation of the normalised projections times sqrt(d): near 1 where they fill
        the sphere, near 0 where they have collapsed to a point.

        Raises:
            EmoclrError: the loss is not finite.
        """
        loss, first, second = (self.latest[name] for name in ("loss", "first", "second"))
        if not torch.isfinite(loss):
            raise EmoclrError(f"the loss is {loss.item()} after step {self.global_step}; {GONE_ASTRAY}")
        return {
            "loss": loss.item(),
            "contrastive_accuracy": contrastive_accuracy(first, second).item(),
            "embedding_std": std_of_l2_normalized(first).item() * first.shape[1] ** 0.5,
            "learning_rate": self.optimizers().param_groups[0]["lr"],  # type: ignore[union-attr]
        }

    def configure_optimizers(self) -> Any:
        """Returns the optimiser (no weight decay on biases and norms) under warm-up and cosine decay."""
        settings = self.settings
        groups = param_groups_weight_decay(self, settings.weight_decay)
        optimizer: torch.optim.Optimizer
        if settings.optimizer == "adamw":
            optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate)
        elif settings.optimizer == "sgd":
            optimizer = torch.optim.SGD(groups, lr=settings.learning_rate, momentum=0.9)
        else:
            optimizer = LARS(groups, lr=settings.learning_rate, momentum=0.9)
        warmup = round(settings.warmup * self.steps)
        schedule = CosineWarmupScheduler(optimizer, warmup_epochs=warmup, max_epochs=self.steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
