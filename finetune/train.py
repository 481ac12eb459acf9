"""One member of the ensemble: from an encoder to a calibrated emotion model."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from augment.views import ViewMaker
from configs.console import say
from corpus.waveforms import WaveformStore
from finetune.calibration import tune_temperatures
from finetune.checkpoint import ModelCard, save_model
from finetune.head import fit_head, macro_auroc, positive_weights
from finetune.model import Array, EmotionModel, calibrate
from finetune.module import FinetuneModule, KeepBest
from finetune.settings import FinetuneSettings
from pretrain.callbacks import Progress
from pretrain.data import BatchOrder, ViewDataset, ViewLoader, default_workers
from pretrain.encoder import Encoder
from pretrain.trainer import fit, make_trainer
from probe.embed import embed_clips
from probe.metrics import tune_thresholds

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Task:
    """What every member of a fold learns: clips are numbers in the store, targets (corpus, emotions).

    `single_label` says whether every clip carries exactly one emotion.
    """

    store: WaveformStore
    emotions: list[str]
    targets: NDArray[np.float32]
    train: Rows
    validation: Rows
    test: Rows
    single_label: bool = False


@dataclass(frozen=True)
class Member:
    """A trained member and what it says: probabilities (clips, emotions) of validation and of test clips."""

    folder: Path
    card: ModelCard
    validation: Array
    test: Array
    head_only: Array
    head_only_thresholds: Array


def train_member(
    folder: Path,
    encoder: Encoder,
    task: Task,
    settings: FinetuneSettings,
    crop_s: float,
    started_from: str,
    *,
    heard_before: bool,
) -> Member:
    """Trains a head, then the whole network, calibrates on validation speakers, and saves into `folder`.

    The weights kept are those with the best macro AUROC on validation speakers, the head alone included: fine-tuning
    that does not help there is undone.

    Args:
        folder: gets weights and card.
        encoder: where the member begins; it is changed.
        task: what is learned.
        settings: how.
        crop_s: length of a window in s.
        started_from: for the card.
        heard_before: whether the encoder was pretrained on sound, so that its batch statistics are worth keeping.
    """
    name = folder.name
    hop_s = min(settings.hop_s or crop_s / 2, crop_s)
    model = EmotionModel(encoder, len(task.emotions))
    weights = positive_weights(torch.from_numpy(task.targets[task.train]), settings.max_positive_weight)
    heard = np.concatenate([task.train, task.validation, task.test])
    embeddings = np.zeros((len(task.store), encoder.features), dtype=np.float32)
    embeddings[heard] = embed_clips(encoder, task.store, crop_s, hop_s, heard, description=f"{name}: embedding")
    score = fit_head(model.head, embeddings, task.targets, weights, task.train, task.validation)
    say(f"{name}: head alone, validation macro AUROC {score:.3f}")

    with torch.inference_mode():
        frozen = model.head(torch.from_numpy(embeddings)).double().numpy() - np.log(weights.double().numpy())
    validation, test = frozen[task.validation], frozen[task.test]
    before = _calibrated(task, validation, test, settings)
    best, best_epoch = score, 0
    if settings.freeze == "none":
        kept = _train_network(folder, model, task, settings, crop_s, hop_s, weights, score, heard_before)
        best, best_epoch = kept.best, kept.best_epoch
    with torch.no_grad():
        # Presence counted w times: the optimum is log(w p / (1 - p)), so log w is taken back out.
        model.head.linear.bias.sub_(weights.log())
    if best_epoch:
        both = np.concatenate([task.validation, task.test])
        logits = embed_clips(model, task.store, crop_s, hop_s, both, description=f"{name}: scoring").astype(np.float64)
        validation, test = logits[: len(task.validation)], logits[len(task.validation) :]
    after = _calibrated(task, validation, test, settings)
    card = save_model(
        folder,
        model,
        emotions=task.emotions,
        single_label=task.single_label,
        thresholds=[round(float(value), 6) for value in after.thresholds],
        temperatures=[round(float(value), 6) for value in after.temperatures],
        window_s=crop_s,
        hop_s=hop_s,
        corpus_fingerprint=task.store.fingerprint,
        started_from=started_from,
        metrics={"validation_macro_auroc": round(best, 6), "best_epoch": best_epoch},
    )
    return Member(folder, card, after.validation, after.test, before.test, before.thresholds)


@dataclass(frozen=True)
class _Calibrated:
    temperatures: Array
    thresholds: Array
    validation: Array
    test: Array


def _calibrated(task: Task, validation: Array, test: Array, settings: FinetuneSettings) -> _Calibrated:
    targets = task.targets[task.validation]
    temperatures = tune_temperatures(targets, validation)
    probabilities = calibrate(validation, temperatures)
    thresholds = tune_thresholds(targets, probabilities, settings.positive_share)
    return _Calibrated(temperatures, thresholds, probabilities, calibrate(test, temperatures))


def _train_network(
    folder: Path,
    model: EmotionModel,
    task: Task,
    settings: FinetuneSettings,
    crop_s: float,
    hop_s: float,
    weights: torch.Tensor,
    start: float,
    heard_before: bool,
) -> KeepBest:
    rate = model.encoder.settings.spectrogram.sample_rate
    maker = ViewMaker(settings.augment, round(crop_s * rate), rate, settings.seed)
    batch_size = min(settings.batch_size, len(task.train))
    order = BatchOrder(task.store.speakers[task.train], batch_size, 1, settings.seed, clips=task.train)
    steps = settings.epochs * order.batches_per_epoch
    workers = default_workers() if settings.workers is None else settings.workers
    loader = ViewLoader(ViewDataset(task.store, maker, views=1), order, steps, workers)
    module = FinetuneModule(
        model, settings, torch.from_numpy(task.targets), weights, steps, loader, keep_statistics=heard_before
    )
    # Embedding has left the encoder in eval mode, and the Trainer keeps the mode that it finds.
    module.train()

    def validate() -> float:
        device = str(module.device).split(":")[0]
        logits = embed_clips(model, task.store, crop_s, hop_s, task.validation, description="validation", device=device)
        return macro_auroc(task.targets[task.validation], logits)

    keep = KeepBest(folder.name, order.batches_per_epoch, settings.patience, validate, start)
    initial = {key: value.clone() for key, value in model.state_dict().items()}
    progress = Progress(folder, max(1, order.batches_per_epoch // 2), batch_size, module.metrics)
    fit(make_trainer(folder, model.encoder.backbone, settings, crop_s), module, steps, [progress, keep])
    model.cpu()
    model.load_state_dict(keep.weights or initial)
    model.eval()
    return keep
