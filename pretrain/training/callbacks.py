"""What happens around the steps: progress, metrics, checkpoints, and a clean stop on a signal."""

import contextlib
import io
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins import TorchCheckpointIO

from emoclr.configs.console import console, say
from emoclr.configs.errors import EmoclrError
from emoclr.configs.files import write_atomically
from emoclr.pretrain.encoder.checkpoint import CheckpointError
from emoclr.pretrain.training.metrics_log import RowLog

RESUME = "resume.ckpt"
METRICS = "metrics.csv"
GONE_ASTRAY = "start anew in another out= with a lower learning_rate or precision=fp32"


@contextlib.contextmanager
def writing_into(folder: Path) -> Iterator[None]:
    """Says of what cannot be written into a run how the run can go on.

    Raises:
        EmoclrError: the folder is gone, the disk is full, or the permissions are.
    """
    try:
        # Made anew it might lie on another disk, where one was mounted, and hold nothing of the run.
        if not folder.is_dir():
            raise EmoclrError(f"{folder}: the folder was removed while the run was writing into it")
        yield
    except (EmoclrError, OSError) as error:
        told = str(error)
        if isinstance(error, OSError):  # TensorBoard's writer names no file
            told = f"{error.filename or folder}: cannot be written: {error.strerror or error}"
        raise EmoclrError(
            f"{told}\nthe checkpoint saved before it is untouched: free some space or "
            "mend the permissions, then go on with --resume"
        ) from error


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoint file, written atomically and read without running what it holds."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Writes the checkpoint to a temporary file that then takes its place."""
        content = io.BytesIO()
        torch.save(checkpoint, content)
        write_atomically(Path(path), lambda temporary: temporary.write_bytes(content.getbuffer()))

    def load_checkpoint(self, path: Any, map_location: Any = "cpu", weights_only: bool | None = True) -> dict[str, Any]:
        """Returns the checkpoint.

        Raises:
            CheckpointError: it is truncated, or no checkpoint of tensors and plain values.
        """
        try:
            loaded: dict[str, Any] = torch.load(path, map_location=map_location, weights_only=True)
        except Exception as error:  # torch's own words advise to unpickle it all the same
            raise CheckpointError(
                f"{path}: is not the resume file that was saved here: it was truncated or changed, or holds more than "
                "tensors and plain values; without it, --resume starts this backbone anew"
            ) from error
        return loaded


class Progress(pl.Callback):
    """Shows and records metrics every few steps.

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

            columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self.bar = Bar(*columns, TextColumn("{task.fields[told]}"), console=console())
            self.bar.start()
            self.task = self.bar.add_task(self.name, total=trainer.max_steps, told="")

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Counts how long the step had to wait for its batch."""
        self.begun = time.monotonic()
        self.waited_s += self.begun - self.left

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Moves the bar; every few steps, records the metrics."""
        step = trainer.global_step
        due = step % self.every == 0 or step == trainer.max_steps
        # Waits for what a GPU has still to do of the step, which is a part of it.
        found = self.metrics() if due else {}
        self.trained_s += time.monotonic() - self.begun
        if self.bar:
            self.bar.update(self.task, completed=step)
        if due:
            self.record(trainer, step, found)

    def record(self, trainer: pl.Trainer, step: int, found: dict[str, float]) -> None:
        """Writes and shows the metrics of a step, and how fast the steps since the record before it were."""
        passed_s = max(self.trained_s + self.waited_s, 1e-9)
        rate = (step - self.since_step) * self.views_per_step / passed_s
        speed = {"views_per_s": rate, "waiting_share": self.waited_s / passed_s}
        self.since_step, self.trained_s, self.waited_s = step, 0.0, 0.0
        if not found or not trainer.is_global_zero:
            return
        metrics = {"step": step, **found, **speed}
        with writing_into(self.records.path.parent):
            self.records.append(metrics)
            for logger in trainer.loggers:
                logger.log_metrics({key: value for key, value in metrics.items() if key != "step"}, step=step)
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


def tell_of_contrast(metrics: dict[str, float]) -> str:
    """Returns what of contrastive training is shown beside its loss and its speed."""
    return (
        f"accuracy {metrics['contrastive_accuracy']:.2f}  spread {metrics['embedding_std']:.2f}  "
        f"rank {metrics['effective_rank']:.0f}  rate {metrics['learning_rate']:.1e}  "
    )


class Saver(pl.Callback):
    """Saves every few steps, at the end, and when Ctrl-C or SIGTERM asks to stop.

    Args:
        folder: the backbone's folder, where the resume file goes.
        every: steps between saves.
        save_encoder: called with the step, on the first rank, to write the encoder beside the resume file.
    """

    def __init__(self, folder: Path, every: int, save_encoder: Callable[[int], object]) -> None:
        self.path = folder / RESUME
        self.every = every
        self.save_encoder = save_encoder
        self.stopped = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Takes over Ctrl-C and SIGTERM; `fit` gives them back."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.ask_to_stop)

    def ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        """Lets the step in progress finish; a second signal no longer waits."""
        if self.stopped:
            raise KeyboardInterrupt
        self.stopped = True
        say(f"{signal.Signals(number).name}: saving after this step (again to stop at once)")

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Saves where it is due."""
        step = trainer.global_step
        # A signal may reach one rank alone, or each at another step; a save takes all of them.
        stop = trainer.strategy.reduce_boolean_decision(self.stopped, all=False)
        if stop:
            self.stopped = True
        if stop or step % self.every == 0 or step == trainer.max_steps:
            if not all(bool(tensor.isfinite().all()) for tensor in pl_module.state_dict().values()):
                raise EmoclrError(
                    f"a weight is no longer finite after step {step}, and nothing was saved; {GONE_ASTRAY}"
                )
            with writing_into(self.path.parent):
                # The resume file comes last: killed in between, --resume goes back a little and saves both again.
                if trainer.is_global_zero:
                    self.save_encoder(step)
                trainer.save_checkpoint(self.path)
        if stop:
            trainer.should_stop = True
