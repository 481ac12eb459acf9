"""Training of the whole network, from a fitted head on."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from emoclr.augment.views import ViewMaker
from emoclr.evaluate.metrics.ranking import macro_auroc
from emoclr.finetune.data.labeled_clips import Task
from emoclr.finetune.model.emotion_model import EmotionModel
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.training.early_stopping import EarlyStopping
from emoclr.finetune.training.module import FinetuneModule
from emoclr.pretrain.data.batch_order import BatchOrder
from emoclr.pretrain.data.clip_readers import StoredClips
from emoclr.pretrain.data.unreadable_clips import UnreadableClips
from emoclr.pretrain.data.view_loader import ViewLoader, default_workers
from emoclr.pretrain.data.views import ViewDataset
from emoclr.pretrain.encoder.embedding import Embeddings
from emoclr.pretrain.encoder.encoder import Encoder
from emoclr.pretrain.training.progress import Progress
from emoclr.pretrain.training.trainer import fit, make_trainer

Embed = Callable[..., Embeddings]
"""`embed_clips` for the clips and the windows of a member."""


def view_maker(encoder: Encoder, settings: FinetuneSettings, crop_s: float) -> ViewMaker:
    """Returns the crops and waveform augmentations of a training."""
    rate = encoder.settings.spectrogram.sample_rate
    return ViewMaker(settings.augment, round(crop_s * rate), rate, settings.seed)


def train_network(
    folder: Path,
    model: EmotionModel,
    task: Task,
    settings: FinetuneSettings,
    crop_s: float,
    weights: Tensor,
    embed: Embed,
    head_score: float,
    *,
    freeze_statistics: bool,
) -> tuple[float, int]:
    """Trains a model and leaves it with its best weights; returns its macro AUROC on validation and its best epoch.

    Epoch 0 is the model as it was given: training that does not help on validation speakers is undone.

    Args:
        folder: gets the logs.
        model: an encoder with a fitted head.
        task: what is learned.
        settings: how.
        crop_s: length of a training crop in s.
        weights: (emotions,) by which the loss counts an emotion's presence.
        embed: gives the logits of clips for validation.
        head_score: macro AUROC of the head alone on validation.
        freeze_statistics: whether the statistics of batch normalisation stay as they are.
    """
    batch_size = min(settings.batch_size, len(task.train))
    order = BatchOrder(task.store.speakers[task.train], batch_size, 1, settings.seed, clips=task.train)
    steps = settings.epochs * order.batches_per_epoch
    workers = default_workers() if settings.workers is None else settings.workers
    dataset = ViewDataset(StoredClips(task.store), view_maker(model.encoder, settings, crop_s), views=1)
    loader = ViewLoader(dataset, order, steps, workers, UnreadableClips(settings.max_lost))
    targets = torch.from_numpy(task.targets)
    module = FinetuneModule(model, settings, targets, weights, steps, loader, freeze_statistics=freeze_statistics)
    # Embedding has left the encoder in eval mode, and the Trainer keeps the mode that it finds.
    module.train()

    def validate() -> float:
        device = str(module.device).split(":")[0]
        logits = embed(model, clips=task.validation, description="validation", device=device, pooling=settings.windows)
        return macro_auroc(task.targets[task.validation], logits, settings.positive_share)

    stopping = EarlyStopping(folder.name, model, order.batches_per_epoch, settings.patience, validate, head_score)
    initial = {key: value.clone() for key, value in model.state_dict().items()}
    progress = Progress(folder, max(1, order.batches_per_epoch // 2), batch_size, module.metrics)
    trainer = make_trainer(folder, model.encoder.backbone, settings, crop_s)
    fit(trainer, module, steps, [progress, stopping])
    module.cpu()
    model.load_state_dict(stopping.weights or initial)
    model.eval()
    return stopping.best, stopping.best_epoch
