"""What one sees of a training on its way: a progress bar or lines, and metrics in CSV and TensorBoard."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from emoclr.configs.console import console, say
from emoclr.configs.messages import readable
from emoclr.pretrain.training.metrics_log import METRICS, RowLog
from emoclr.pretrain.training.saver import writing_into


class Progress(pl.Callback):
    """Shows and records metrics every few steps, and shows those of the first one at once.

    A live bar where standard error is a terminal, plain lines elsewhere; always a row in `metrics.csv` and a point in
    TensorBoard. `waiting_share` is the share of the time in which training waited for its data. What other callbacks do
    after a step (looks of a monitor, saves) counts neither as that nor as training, so it comes first among them, and
    `closing` last.

    Args:
        folder: the backbone's folder.
        every: steps between records.
        views_per_step: views of all ranks in one step.
        metrics: gives the metrics of the latest step, the loss among them; none before the first good step.
        tell: what of them to show beside the loss.
    """

    def __init__(
        self,
        folder: Path,
        every: int,
        views_per_step: int,
        metrics: Callable[[], dict[str, float]],
        tell: Callable[[dict[str, float]], str] = lambda metrics: "",
    ) -> None:
        self.metrics = metrics
        self.tell = tell
        self.records = RowLog(folder / METRICS)
        self.name = folder.name
        self.every = every
        self.views_per_step = views_per_step
        self.bar: Any = None
        self.shown = False
        self.begun = self.left = 0.0
        self.closing = StepEnd(self)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Takes over the rows of the run that is continued, and opens the bar."""
        if trainer.global_step > 0 and trainer.is_global_zero:
            with writing_into(self.records.path.parent):
                self.records.take_over(trainer.global_step)
        self.since_step, self.trained_s, self.waited_s = trainer.global_step, 0.0, 0.0
        if sys.stderr.isatty() and trainer.is_global_zero:
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
            )
            self.bar = Bar(*columns, TextColumn("{task.fields[told]}", markup=False), console=console())
            self.bar.start()
            self.task = self.bar.add_task(readable(self.name), total=trainer.max_steps, told="")

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Counts how long the step had to wait for its batch."""
        self.begun = time.monotonic()
        self.waited_s += self.begun - self.left

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Moves the bar; every few steps, records the metrics; after the first one, shows them."""
        step = trainer.global_step
        due = step % self.every == 0 or step == trainer.max_steps
        # Waits for what a GPU has still to do of the step, which is a part of it.
        found = {} if self.shown and not due else self.metrics()
        self.shown = self.shown or bool(found)
        self.trained_s += time.monotonic() - self.begun
        if self.bar:
            self.bar.update(self.task, completed=step)
        if due:
            self.record(trainer, step, found)
        elif found:
            self.show(trainer, step, found | self.speed(step))

    def record(self, trainer: pl.Trainer, step: int, found: dict[str, float]) -> None:
        """Writes and shows the metrics of a step, and how fast the steps since the record before it were."""
        speed = self.speed(step)
        self.since_step, self.trained_s, self.waited_s = step, 0.0, 0.0
        if not found or not trainer.is_global_zero:
            return
        metrics = {"step": step, **found, **speed}
        with writing_into(self.records.path.parent):
            self.records.append(metrics)
            for logger in trainer.loggers:
                logger.log_metrics({key: value for key, value in metrics.items() if key != "step"}, step=step)
        self.show(trainer, step, metrics)

    def speed(self, step: int) -> dict[str, float]:
        """Returns how fast the steps since the latest record were."""
        passed_s = max(self.trained_s + self.waited_s, 1e-9)
        rate = (step - self.since_step) * self.views_per_step / passed_s
        return {"views_per_s": rate, "waiting_share": self.waited_s / passed_s}

    def show(self, trainer: pl.Trainer, step: int, metrics: dict[str, float]) -> None:
        """Shows the metrics of a step beside the bar, or as a line."""
        if not trainer.is_global_zero:
            return
        rate = metrics["views_per_s"]
        told = f"loss {metrics['loss']:.3f}  {self.tell(metrics)}{rate:.0f} views/s"
        told += f"  waiting {metrics['waiting_share']:.0%}"
        if self.bar:
            self.bar.update(self.task, told=told)
        else:
            left_s = (trainer.max_steps - step) * self.views_per_step / max(rate, 1e-9)
            say(f"{self.name}: step {step} of {trainer.max_steps}  {told}  {left_s / 60:.0f} min left")

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Closes the bar."""
        if self.bar:
            self.bar.stop()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Closes the bar: Lightning tears nothing down after an error."""
        self.teardown(trainer, pl_module, "fit")


class StepEnd(pl.Callback):
    """Last of all callbacks: from here on training waits for data.

    Args:
        progress: is told so.
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Takes the time."""
        self.progress.left = time.monotonic()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Takes the time."""
        self.progress.left = time.monotonic()


def contrast_in_words(metrics: dict[str, float]) -> str:
    """Returns what of contrastive training is shown beside its loss and its speed."""
    return (
        f"accuracy {metrics['contrastive_accuracy']:.2f}  spread {metrics['embedding_std']:.2f}  "
        f"rank {metrics['effective_rank']:.0f}  rate {metrics['learning_rate']:.1e}  "
    )
