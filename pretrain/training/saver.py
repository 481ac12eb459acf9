"""Saves of a training: every few steps, at the end, and when a signal asks to stop."""

import contextlib
import hashlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins import TorchCheckpointIO

from emoclr.configs.errors import EmoclrError
from emoclr.configs.files import write_atomically
from emoclr.pretrain.encoder.folders import CheckpointError
from emoclr.pretrain.resume.signals import StopSignals

RESUME = "resume.ckpt"
SEAL = b"sha256:"
NO_COMMENT = b"\0\0"
"""How a zip without a comment ends: the length of its comment."""

DIVERGED = "start anew in another --out with a lower learning_rate or precision=fp32"
"""What to do about a training that has diverged."""


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
            f"{told}; the checkpoint saved before it is untouched: free some space or "
            "mend the permissions, then go on with --resume"
        ) from error


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoint file, written atomically, sealed with its SHA-256 and read without running what it holds.

    The file is a zip, and the seal its comment: `torch.load` reads it as any other.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Writes the checkpoint to a temporary file that then takes its place."""
        content = io.BytesIO()
        torch.save(checkpoint, content)
        seal = SEAL + hashlib.sha256(content.getbuffer()).hexdigest().encode()
        content.seek(-len(NO_COMMENT), io.SEEK_END)
        content.write(len(seal).to_bytes(len(NO_COMMENT), "little") + seal)
        write_atomically(Path(path), lambda temporary: temporary.write_bytes(content.getbuffer()))

    def load_checkpoint(self, path: Any, map_location: Any = "cpu", weights_only: bool | None = True) -> dict[str, Any]:
        """Returns the checkpoint.

        Raises:
            CheckpointError: it is truncated or changed, or no checkpoint of tensors and plain values.
        """
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise CheckpointError(f"{path}: cannot be read: {error.strerror or error}") from error
        try:
            if not _is_whole(content):
                raise ValueError("its SHA-256 differs")
            loaded: dict[str, Any] = torch.load(io.BytesIO(content), map_location=map_location, weights_only=True)
        except Exception as error:  # torch's own words advise to unpickle it all the same
            raise CheckpointError(
                f"{path}: is not the resume file that was saved here: it was truncated or changed, or holds more than "
                "tensors and plain values; put it back, or remove it: without it, --resume starts this backbone anew"
            ) from error
        return loaded


def _is_whole(content: bytes) -> bool:
    """Returns whether a resume file has the SHA-256 of its seal; one of an earlier version has no seal."""
    end = -len(SEAL) - hashlib.sha256().digest_size * 2
    seal, body = content[end:], memoryview(content)[: end - len(NO_COMMENT)]
    if not seal.startswith(SEAL):
        return content.endswith(NO_COMMENT)
    digest = hashlib.sha256(body)
    digest.update(NO_COMMENT)
    return seal == SEAL + digest.hexdigest().encode()


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
        self.signals = StopSignals("saving after this step")

    @property
    def stopped(self) -> bool:
        """Whether a signal to this or another rank has ended the training."""
        return self.signals.asked

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Takes over Ctrl-C and SIGTERM; `fit` gives them back."""
        self.signals.install()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Saves where it is due."""
        step = trainer.global_step
        # A signal may reach one rank alone, or each at another step; a save takes all of them.
        stop = trainer.strategy.reduce_boolean_decision(self.signals.asked, all=False)
        if stop or step % self.every == 0 or step == trainer.max_steps:
            if not all(bool(tensor.isfinite().all()) for tensor in pl_module.state_dict().values()):
                raise EmoclrError(f"a weight is no longer finite after step {step}, and nothing was saved; {DIVERGED}")
            with writing_into(self.path.parent):
                # The resume file comes last: killed in between, --resume goes back a little and saves both again.
                if trainer.is_global_zero:
                    self.save_encoder(step)
                trainer.save_checkpoint(self.path)
        if stop:
            self.signals.asked = trainer.should_stop = True
