"""The training step of the whole network, and its optimizer."""

from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from lightly.utils.scheduler import CosineWarmupScheduler
from timm.optim import param_groups_layer_decay
from torch import Tensor, nn

from emoclr.augment.background import batch_backgrounds
from emoclr.finetune.model.emotion_model import EmotionModel
from emoclr.finetune.model.losses import LOSSES
from emoclr.finetune.settings import FinetuneSettings
from emoclr.pretrain.data.view_loader import ViewLoader
from emoclr.pretrain.data.views import ViewBatch


class FinetuneModule(pl.LightningModule):
    """An emotion model under a loss with soft targets.

    Args:
        model: what is trained.
        settings: optimisation.
        targets: (corpus, emotions), looked up by a batch's clip numbers.
        weights: (emotions,) by which the loss counts an emotion's presence.
        steps: of the whole training.
        loader: the training batches, one view a clip.
        freeze_statistics: leave the statistics of batch normalisation as they are: those of a pretraining on many
            clips serve better than those of a few labeled ones.
    """

    targets: Tensor
    weights: Tensor

    def __init__(
        self,
        model: EmotionModel,
        settings: FinetuneSettings,
        targets: Tensor,
        weights: Tensor,
        steps: int,
        loader: ViewLoader,
        *,
        freeze_statistics: bool,
    ) -> None:
        super().__init__()
        self.freeze_statistics = freeze_statistics
        self.model = model
        self.settings = settings
        self.register_buffer("targets", targets, persistent=False)
        self.register_buffer("weights", weights, persistent=False)
        self.loss = LOSSES[settings.loss].function
        self.steps = steps
        self.loader = loader
        self.latest = torch.zeros(())
        self.rate = float("nan")

    def train(self, mode: bool = True) -> "FinetuneModule":
        """Sets training mode, but for frozen statistics."""
        super().train(mode)
        if self.freeze_statistics:
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
        logits = self.model(waveforms, batch.masks[:, 0])  # (B, emotions)
        loss = self.loss(logits, self.targets[batch.clips], self.weights)
        self.latest = loss.detach()
        return loss

    def metrics(self) -> dict[str, float]:
        """Returns the loss of the latest step and the head's learning rate in it."""
        return {"loss": float(self.latest), "learning_rate": self.rate}

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Stores the learning rate of the step: the schedule has gone on before a callback could ask."""
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
