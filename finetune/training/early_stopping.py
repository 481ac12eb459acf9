"""Early stopping: validation after every epoch, and the weights of the best one."""

from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
from torch import Tensor

from emoclr.configs.console import say
from emoclr.finetune.model.emotion_model import EmotionModel


class EarlyStopping(pl.Callback):
    """Validates after every epoch, stores the best weights, and stops training when they no longer improve.

    Args:
        name: of the model, for messages.
        model: what is trained.
        epoch_steps: steps of an epoch.
        patience: epochs without improvement before training stops.
        validate: gives the macro AUROC on validation speakers.
        initial_score: the macro AUROC before the first step; the network must do better to replace it.
    """

    def __init__(
        self,
        name: str,
        model: EmotionModel,
        epoch_steps: int,
        patience: int,
        validate: Callable[[], float],
        initial_score: float,
    ) -> None:
        self.name = name
        self.model = model
        self.epoch_steps = epoch_steps
        self.patience = patience
        self.validate = validate
        self.best, self.best_epoch = initial_score, 0
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
