"""Fine-tuning the whole network, and keeping what was best on validation speakers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from lightly.utils.scheduler import CosineWarmupScheduler
from timm.optim import param_groups_layer_decay
from torch import Tensor, nn

from emoclr.augment.background import batch_backgrounds
from emoclr.configs.console import say
from emoclr.finetune.model.model import EmotionModel
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.training.losses import EmotionLoss
from emoclr.finetune.training.mixing import combine_clips
from emoclr.pretrain.data.batches import ViewBatch, ViewLoader


class FinetuneModule(pl.LightningModule):
    """An emotion model under a loss with soft targets.

    Args:
        model: what is trained.
        settings: optimisation.
        targets: (corpus, emotions), looked up by a batch's clip numbers.
        loss: of logits and targets.
        steps: of the whole training.
        loader: the training batches, one view a clip.
        keep_statistics: leave the statistics of batch normalisation as they are: those of a pretraining on many
            clips serve better than those of a few labelled ones.
    """

    targets: Tensor

    def __init__(
        self,
        model: EmotionModel,
        settings: FinetuneSettings,
        targets: Tensor,
        loss: EmotionLoss,
        steps: int,
        loader: ViewLoader,
        *,
        keep_statistics: bool,
    ) -> None:
        super().__init__()
        self.keep_statistics = keep_statistics
        self.model = model
        self.settings = settings
        self.register_buffer("targets", targets, persistent=False)
        self.loss = loss
        self.steps = steps
        self.loader = loader
        self.latest = torch.zeros(())
        self.rate = float("nan")

    def train(self, mode: bool = True) -> "FinetuneModule":
        """Sets training mode, but for the statistics that are kept."""
        super().train(mode)
        if self.keep_statistics:
            for module in self.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        return self

    def train_dataloader(self) -> ViewLoader:
        """Returns the training batches."""
        self.loader.device = self.device
        return self.loader

    def training_step(self, batch: ViewBatch, batch_idx: int) -> Tensor:
        """Returns the loss of a batch."""
        seeds = (self.settings.seed, batch_idx)
        torch.manual_seed(int(np.random.SeedSequence(seeds).generate_state(1)[0]))
        waveforms = batch_backgrounds(batch.waveforms, self.settings.augment.background, seeds)[:, 0]
        rate = self.model.encoder.settings.spectrogram.sample_rate
        waveforms, targets = combine_clips(waveforms, self.targets[batch.clips], self.settings, rate, (*seeds, 1))
        logits = self.model(waveforms, batch.masks[:, 0])  # (B, emotions)
        loss: Tensor = self.loss(logits, targets)
        self.latest = loss.detach()
        return loss

    def metrics(self) -> dict[str, float]:
        """Returns the loss of the latest step and the head's learning rate in it."""
        return {"loss": float(self.latest), "learning_rate": self.rate}

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Keeps the learning rate of the step: the schedule has gone on before a callback could ask."""
        self.rate = max(group["lr"] for group in optimizer.param_groups)

    def configure_optimizers(self) -> Any:
        """Returns AdamW with a lower rate for each earlier layer group, under warm-up and cosine decay."""
        settings = self.settings
        groups: list[dict[str, Any]] = param_groups_layer_decay(
            self.model.encoder.backbone, settings.weight_decay, layer_decay=settings.layer_decay
        )
        groups.append({"params": list(self.model.head.parameters()), "lr_scale": 1.0, "weight_decay": 0.0})
        for group in groups:
            group["lr"] = settings.learning_rate * group["lr_scale"]
        optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate)
        warmup = round(settings.warmup * self.steps)
        schedule = CosineWarmupScheduler(optimizer, warmup_epochs=warmup, max_epochs=self.steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class KeepBest(pl.Callback):
    """Validates after every epoch, keeps the best weights, and stops when they no longer improve.

    Args:
        name: of the model, for what is said.
        model: whose weights are kept: what is trained, or its average.
        epoch_steps: steps of an epoch.
        patience: epochs without improvement before training stops.
        validate: gives the macro AUROC on validation speakers.
        start: the macro AUROC before the first step; the network must do better to replace it.
    """

    def __init__(
        self,
        name: str,
        model: EmotionModel,
        epoch_steps: int,
        patience: int,
        validate: Callable[[], float],
        start: float,
    ) -> None:
        self.name = name
        self.model = model
        self.epoch_steps = epoch_steps
        self.patience = patience
        self.validate = validate
        self.best, self.best_epoch = start, 0
        self.weights: dict[str, Tensor] | None = None

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Validates where an epoch ends."""
        if trainer.global_step % self.epoch_steps:
            return
        epoch = trainer.global_step // self.epoch_steps
        score = self.validate()
        pl_module.train()
        say(f"{self.name}: epoch {epoch}, validation macro AUROC {score:.3f} (best before {self.best:.3f})")
        for logger in trainer.loggers:
            logger.log_metrics({"validation_macro_auroc": score}, step=trainer.global_step)
        if score > self.best:
            self.best, self.best_epoch = score, epoch
            self.weights = {name: value.cpu().clone() for name, value in self.model.state_dict().items()}
        elif epoch - self.best_epoch >= self.patience:
            trainer.should_stop = True
