"""Some of the views that an encoder is trained on, kept as it sees them, for the report."""

from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from emoclr.augment.background import batch_backgrounds
from emoclr.augment.masks import apply_masks
from emoclr.pretrain.data.views import ViewBatch
from emoclr.pretrain.encoder.encoder import Encoder
from emoclr.pretrain.encoder.tensors import save_tensors
from emoclr.pretrain.settings import PretrainSettings
from emoclr.pretrain.training.saver import writing_into

TRAINING_VIEWS = "views.safetensors"
CLIPS = 3


class TrainingViews(pl.Callback):
    """Keeps the views of a few clips of the first batch, once a run.

    Args:
        path: where they are kept, float16 (clips, views, 3, bands, frames); NaN where they are masked.
        encoder: makes the spectrograms.
        settings: of the run.
    """

    def __init__(self, path: Path, encoder: Encoder, settings: PretrainSettings) -> None:
        self.path = path
        self.encoder = encoder
        self.settings = settings

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: ViewBatch, batch_idx: int
    ) -> None:
        """Keeps views of the first batch that comes, with its backgrounds and masks."""
        if trainer.is_global_zero and not self.path.is_file():
            seeds = (self.settings.seed, batch_idx, trainer.global_rank)
            mixed = batch_backgrounds(batch.waveforms, self.settings.augment.background, seeds)
            clips = np.linspace(0, len(mixed) - 1, min(CLIPS, len(mixed))).round().astype(int)
            views = self.images(mixed[clips], batch.masks[clips])
            with writing_into(self.path.parent):
                save_tensors(self.path, {"views": views})

    @torch.no_grad()
    def images(self, waveforms: Tensor, masks: Tensor) -> Tensor:
        """Returns what the encoder sees of views (B, V, samples) under masks (B, V, masks, 2)."""
        spectrogram = self.encoder.spectrogram
        images = spectrogram(waveforms.flatten(0, 1).float())  # (B * V, 3, bands, N)
        if masks.shape[2] > 0:
            axes = spectrogram.mel_axis, spectrogram.stft_axis
            time_masks = self.encoder.settings.time_masks
            images = apply_masks(images, masks.flatten(0, 1), time_masks, *axes, fill=torch.nan)
        seen: Tensor = images.unflatten(0, waveforms.shape[:2]).half()
        return seen
