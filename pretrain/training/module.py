"""The training step: two views in, one contrastive loss out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from lightly.utils.lars import LARS
from lightly.utils.scheduler import CosineWarmupScheduler, cosine_warmup_schedule
from safetensors.torch import save_file
from timm.optim import param_groups_weight_decay
from torch import Tensor, nn

from emoclr.augment.background import batch_backgrounds
from emoclr.configs.console import say
from emoclr.configs.errors import EmoclrError
from emoclr.configs.files import write_atomically
from emoclr.pretrain.data.functionals.functionals import FUNCTIONALS
from emoclr.pretrain.data.view_loader import ViewLoader
from emoclr.pretrain.data.views import VIEWS, ViewBatch
from emoclr.pretrain.encoder.encoder import Encoder
from emoclr.pretrain.encoder.folders import CheckpointError
from emoclr.pretrain.objectives.functionals_regression import FunctionalsRegression
from emoclr.pretrain.objectives.registry import OBJECTIVES, make_loss
from emoclr.pretrain.objectives.supervised import supervised_contrast
from emoclr.pretrain.settings import PretrainSettings
from emoclr.pretrain.training.contrastive_metrics import (
    alignment,
    contrastive_accuracy,
    effective_rank,
    embedding_std,
    uniformity,
)
from emoclr.pretrain.training.gradient_cache import BatchNorm, gradient_cached
from emoclr.pretrain.training.saver import DIVERGED, writing_into

END = 0.001
"""Share of the learning rate that the cosine ends with."""


class ContrastiveModule(pl.LightningModule):
    """An encoder with its projection head under a contrastive objective.

    Args:
        encoder: what is trained.
        settings: objective and optimisation.
        steps: optimiser steps of the whole run.
        make_loader: called with this process's rank and the number of ranks once they are known.
        labels: (clips, emotions) of the whole corpus, NaN where unknown, for joint training.
    """

    labels: Tensor | None

    def __init__(
        self,
        encoder: Encoder,
        settings: PretrainSettings,
        steps: int,
        make_loader: Callable[[int, int], ViewLoader],
        labels: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        make_head = OBJECTIVES[settings.objective].load_head()
        self.projection = make_head(encoder.trained_features, settings.projection_hidden, settings.projection_size)
        self.functionals: FunctionalsRegression | None = None
        if settings.functionals_weight:
            self.functionals = FunctionalsRegression(
                encoder.trained_features, settings.projection_hidden, len(FUNCTIONALS)
            )
        self.settings = settings
        self.steps = steps
        self.make_loader = make_loader
        self.register_buffer("labels", labels, persistent=False)
        self.loss: nn.Module | None = None
        self.latest: dict[str, Tensor] = {}
        self.rate = float("nan")
        self.bad_steps = 0

    def setup(self, stage: str) -> None:
        """Builds the loss once it is known whether there are other ranks to gather negatives from."""
        self.loss = make_loss(self.settings.objective, self.settings.temperature, self.trainer.world_size > 1)

    def train_dataloader(self) -> ViewLoader:
        """Returns this rank's batches."""
        loader = self.make_loader(self.trainer.global_rank, self.trainer.world_size)
        loader.device = self.device
        return loader

    def training_step(self, batch: ViewBatch, batch_idx: int) -> Tensor | None:
        """Returns the loss of a batch, None where the step is skipped; what is displayed stays in `latest`.

        Raises:
            EmoclrError: the loss is no number, more often than `max_bad_steps` allows; the batch is saved.
        """
        # Stochastic layers, too, follow from the place in the run and not from what came before.
        torch.manual_seed(int(np.random.SeedSequence((self.settings.seed, batch_idx)).generate_state(1)[0]))
        background = self.settings.augment.background
        mixed = batch_backgrounds(batch.waveforms, background, (self.settings.seed, batch_idx, self.global_rank))
        batch = batch._replace(waveforms=mixed)
        averages = self._running_averages() if self.settings.max_bad_steps else {}
        embeddings = self.embed(batch)
        first, second = self.project(embeddings)
        assert self.loss is not None
        # Autocast would round similarities to bf16, eight bits of which have to tell one negative from another.
        with torch.autocast(first.device.type, enabled=False):
            loss: Tensor = self.loss(first, second)
            if self.labels is not None:
                temperature, weight = self.settings.temperature, self.settings.supervised_weight
                loss = loss + weight * supervised_contrast(first, second, self.labels[batch.clips], temperature)
            if self.functionals is not None:
                regression = self.functionals(embeddings, batch.functionals.transpose(0, 1).flatten(0, 1))
                loss = loss + self.settings.functionals_weight * regression
        if not torch.isfinite(loss):
            self._set_aside(batch, batch_idx, loss.item())
            # Batch norms have taken the values that are no numbers into their averages.
            for buffer, before in averages.items():
                buffer.copy_(before)
            self.latest = {}
            return None
        self.latest = {"loss": loss.detach(), "first": first.detach(), "second": second.detach()}
        if self.functionals is not None:
            self.latest["functionals_loss"] = regression.detach()
        return loss

    def embed(self, batch: ViewBatch) -> Tensor:
        """Returns the embeddings of all first and then of all second views, float32 (2B, trained_features)."""
        waveforms = batch.waveforms.transpose(0, 1).flatten(0, 1)  # (2B, samples)
        masks = batch.masks.transpose(0, 1).flatten(0, 1)  # (2B, masks, 2)
        chunk = VIEWS * (self.settings.chunk_size or len(batch.clips))
        return gradient_cached(self.encoder.pooled, self.encoder, chunk, (waveforms, masks))

    def project(self, embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the projections of the first and of the second views, float32 (B, D) each."""
        # The head is small enough for the whole batch, and its batch norms want it.
        first, second = self.projection(embeddings).float().chunk(2)  # (B, D) each
        return first, second

    def _running_averages(self) -> dict[Tensor, Tensor]:
        """Returns copies of what the batch norms have averaged so far, by the buffer."""
        norms = [part for part in self.modules() if isinstance(part, BatchNorm)]
        return {buffer: buffer.clone() for norm in norms for buffer in norm.buffers()}

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Keeps the learning rate of the step: the schedule has gone on before a callback could ask."""
        self.rate = optimizer.param_groups[0]["lr"]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keeps the schedule of these settings: a run may go on towards another end, or with another learning rate.

        Raises:
            CheckpointError: the checkpoint is of another network.
        """
        saved, own = (
            {name: tensor.shape for name, tensor in state.items()}
            for state in (checkpoint["state_dict"], self.state_dict())
        )
        if saved != own:
            raise CheckpointError(
                f"{self.trainer.ckpt_path}: was saved by another network than {self.encoder.settings.backbone}; put "
                "its own file back, or remove this one: without it, --resume starts this backbone anew"
            )
        # Saved after its last batch, a run would otherwise be taken for done, however many steps are asked for now.
        checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]["is_last_batch"] = False
        # Otherwise Lightning restores those that were saved, and the ones asked for would be ignored.
        rate = self.settings.learning_rate
        decays = [group["weight_decay"] for group in param_groups_weight_decay(self, self.settings.weight_decay)]
        warmup = round(self.settings.warmup * self.steps)
        (optimizer,), (schedule,) = checkpoint["optimizer_states"], checkpoint["lr_schedulers"]
        now = rate * cosine_warmup_schedule(schedule["last_epoch"], self.steps, 1.0, END, warmup, 0.0)
        for group, decay in zip(optimizer["param_groups"], decays, strict=True):
            group.update(lr=now, initial_lr=rate, weight_decay=decay)
        schedule.update(max_epochs=self.steps, warmup_epochs=warmup, base_lrs=[rate] * len(decays))

    def _set_aside(self, batch: ViewBatch, batch_idx: int, loss: float) -> None:
        """Saves a batch whose loss is no number, and ends the run where there were too many of them."""
        several = self.trainer.world_size > 1
        whose = f"-rank-{self.global_rank}" if several else ""
        path = Path(self.trainer.default_root_dir) / f"bad-step-{batch_idx + 1}{whose}.safetensors"
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in batch._asdict().items()}
        with writing_into(path.parent):
            write_atomically(path, lambda temporary: save_file(tensors, temporary))
        self.bad_steps += 1
        told = f"the loss of step {batch_idx + 1} is {loss}; its views are in {path}"
        # With several ranks the others would wait for this one's gradients.
        if self.bad_steps > self.settings.max_bad_steps or several:
            raise EmoclrError(f"{told}. The last checkpoint is kept; {DIVERGED}")
        say(f"warning: {told}. Skipped, {self.bad_steps} of at most {self.settings.max_bad_steps}")

    def metrics(self) -> dict[str, float]:
        """Returns the metrics of the latest step, none where it was skipped; see `contrastive_metrics`."""
        if not self.latest:
            return {}
        losses = {name: value.item() for name, value in self.latest.items() if name.endswith("loss")}
        first, second = self.latest["first"], self.latest["second"]
        return {
            **losses,
            "contrastive_accuracy": contrastive_accuracy(first, second).item(),
            "alignment": alignment(first, second).item(),
            "uniformity": uniformity(first).item(),
            "embedding_std": embedding_std(first).item(),
            "effective_rank": effective_rank(first).item(),
            "learning_rate": self.rate,
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
        schedule = CosineWarmupScheduler(optimizer, warmup_epochs=warmup, max_epochs=self.steps, end_value=END)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
