"""An average of the weights that a training passes through, which errs less than where it happens to stand."""

from typing import Any

import pytorch_lightning as pl
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from emoclr.finetune.model.model import EmotionModel
from emoclr.finetune.training.module import FinetuneModule


class WeightAverage(pl.Callback):
    """Keeps an exponential moving average of a model's weights and buffers, step by step.

    Buffers are averaged with the weights: where the statistics of batch normalisation move, they belong to them.

    Args:
        model: what is trained; the average begins as it.
        decay: share of the average that a step leaves. It counts in full only once there is something to average:
            step t leaves at most (1 + t) / (10 + t), so that a short training is not held back by where it began.
    """

    def __init__(self, model: EmotionModel, decay: float) -> None:
        def average(averaged: Any, current: Any, steps: Tensor | int) -> None:
            t = int(steps)
            update = get_ema_multi_avg_fn(min(decay, (1 + t) / (10 + t)))  # type: ignore[no-untyped-call]
            update(averaged, current, steps)

        self.averaged = AveragedModel(model, multi_avg_fn=average, use_buffers=True)
        # The first update is a copy.
        self.averaged.update_parameters(model)

    @property
    def model(self) -> EmotionModel:
        """The average."""
        model = self.averaged.module
        assert isinstance(model, EmotionModel)
        return model

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Moves the average to where training happens."""
        self.averaged.to(pl_module.device)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Takes the weights after a step into the average."""
        assert isinstance(pl_module, FinetuneModule)
        self.averaged.update_parameters(pl_module.model)
