"""Lightning's Trainer as every training here uses it."""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.utilities import rank_zero_only
from torch import nn

from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.pretrain.encoder.devices import choose_device
from emoclr.pretrain.encoder.folders import CheckpointError
from emoclr.pretrain.encoder.precision import choose_precision
from emoclr.pretrain.resume.signals import Handlers, current_handlers, restore_handlers
from emoclr.pretrain.training.allocator import keep_freed_memory
from emoclr.pretrain.training.gradient_cache import BatchNorm
from emoclr.pretrain.training.launcher import devices_and_nodes, launched
from emoclr.pretrain.training.progress import Progress
from emoclr.pretrain.training.saver import AtomicCheckpointIO, writing_into


class TrainerSettings(Protocol):
    """What of a command's settings concerns the Trainer."""

    @property
    def precision(self) -> Literal["auto", "fp32", "bf16"]:
        """Number format."""

    @property
    def accelerator(self) -> str:
        """Lightning's name of the kind of device, or auto."""

    @property
    def devices(self) -> int | Literal["auto"]:
        """How many devices on each node."""

    @property
    def num_nodes(self) -> int:
        """How many machines."""


def make_trainer(folder: Path, backbone: nn.Module, settings: TrainerSettings, crop_s: float) -> pl.Trainer:
    """Returns a Trainer that logs to TensorBoard in `folder` and leaves progress and saving to callbacks.

    Raises:
        ConfigError: there are no such devices, or not as many as processes that were started.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kind = choose_device(settings.accelerator)
    return _trainer(
        settings,
        default_root_dir=folder,
        sync_batchnorm=kind == "cuda" and count_ranks(settings) > 1,  # torch has none for CPUs, see unsynchronised
        precision=choose_precision(settings.precision, backbone, kind, crop_s),
        logger=TensorBoardLogger(folder, name="", version="tensorboard"),
        plugins=[AtomicCheckpointIO()],
        max_epochs=1,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def count_ranks(settings: TrainerSettings) -> int:
    """Returns how many processes will train together, before anything is made.

    Raises:
        ConfigError: there are no such devices, or not as many as processes that were started.
    """
    return int(_trainer(settings, logger=False).world_size)


def _trainer(settings: TrainerSettings, **more: Any) -> pl.Trainer:
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric")
    found = launched()
    devices, num_nodes = devices_and_nodes(settings.devices, settings.num_nodes, found)
    place: dict[str, Any] = {"accelerator": settings.accelerator, "devices": devices, "num_nodes": num_nodes}
    try:
        trainer = pl.Trainer(**place, enable_checkpointing=False, **more)
    except (MisconfigurationException, ValueError, ImportError) as error:  # the last of tpu without torch_xla
        asked = " ".join(f"{key}={value}" for key, value in place.items())
        raise ConfigError(f"{asked}: {' '.join(str(error).split())}") from error
    ranks = trainer.num_devices * trainer.num_nodes
    # Each of them would train by itself, and write into the same folder.
    if found and found.processes != ranks:
        raise ConfigError(
            f"devices={settings.devices} num_nodes={settings.num_nodes}: {found.launcher} has started "
            f"{found.processes} processes, and Lightning would have {ranks} of them train together"
        )
    return trainer


def unsynchronised(trainer: pl.Trainer, module: nn.Module, clips: int) -> str | None:
    """Returns what to know of a network whose batch norms are not synchronised over ranks, None where nothing.

    Args:
        trainer: which has the ranks.
        module: the network.
        clips: what each rank's batch norms see at once.
    """
    on_cpus = trainer.world_size > 1 and trainer.strategy.root_device.type == "cpu"
    if not on_cpus or not any(isinstance(part, BatchNorm) for part in module.modules()):
        return None
    return (
        f"batch norms are not synchronised: torch can do that on GPUs only, and each of the {trainer.world_size} CPU "
        f"ranks normalises by its own {clips} clips; one rank with the batches of all would learn something else"
    )


def is_first_rank() -> bool:
    """Returns whether this process is the one that writes what all of a run's processes share."""
    return int(getattr(rank_zero_only, "rank", 0)) == 0


class KeptHandlers(pl.Callback):
    """Keeps the signal handlers that were there before a training in place of Lightning's own.

    Args:
        handlers: of `current_handlers`.

    Attributes:
        started: whether training has begun, after all that a resume file holds is restored.
    """

    def __init__(self, handlers: Handlers) -> None:
        self.handlers = handlers
        self.started = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Installs them once Lightning has installed its own."""
        self.started = True
        restore_handlers(self.handlers)


def fit(
    trainer: pl.Trainer,
    module: pl.LightningModule,
    steps: int,
    callbacks: Sequence[pl.Callback],
    resume_file: Path | None = None,
) -> None:
    """Trains a module for `steps` steps, from a resume file on where one is given (nothing in it is unpickled).

    Raises:
        KeyboardInterrupt: the training was told to stop at once.
        CheckpointError: the resume file lacks something, or was changed.
        EmoclrError: another rank or a data process is gone, or there is not enough memory.
    """
    if trainer.strategy.root_device.type == "cpu":
        keep_freed_memory()
    # It follows from the number of ranks, which only the Trainer knows.
    trainer.fit_loop.epoch_loop.max_steps = steps
    # Lightning leaves a process deaf to Ctrl-C after one, and to SIGTERM after any training.
    handlers = current_handlers()
    kept = KeptHandlers(handlers)
    closing = [callback.closing for callback in callbacks if isinstance(callback, Progress)]
    trainer.callbacks.extend([kept, *callbacks, *closing])  # type: ignore[attr-defined]
    try:
        trainer.fit(module, ckpt_path=resume_file, weights_only=True)
    except SystemExit as exit:  # which is how it answers a KeyboardInterrupt
        raise KeyboardInterrupt from exit
    except ConnectionError as error:  # a data process was killed while it handed over a batch
        raise _data_process_ended(f"DataLoader worker: {error.strerror or error}") from error
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        if resume_file is None or kept.started:
            raise
        raise CheckpointError(
            f"{resume_file}: lacks what a training goes on from ({type(error).__name__}: {error}); put its own file "
            "back, or remove this one: without it, --resume starts this backbone anew"
        ) from error
    except OSError:  # of TensorBoard, whose thread may tell only when the run ends
        with writing_into(Path(trainer.default_root_dir)):
            raise
    except RuntimeError as error:
        told = str(error).split("\n")[0]
        if isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in told:
            raise EmoclrError(
                f"out of memory: {told}; a smaller batch_size takes less, or in pretraining chunk_size; the last "
                "checkpoint is kept"
            ) from error
        if "DataLoader worker" in told:
            raise _data_process_ended(told) from error
        if "closed by peer" not in told and not isinstance(error, torch.distributed.DistError):
            raise
        raise EmoclrError(f"rank {trainer.global_rank}: another rank has ended, and will have said why") from error
    finally:
        restore_handlers(handlers)


def _data_process_ended(reason: str) -> EmoclrError:
    return EmoclrError(
        f"a data process has ended, which happens where memory runs out: {reason}; fewer workers take less; the last "
        "checkpoint is kept, and --resume goes on from it"
    )
