"""One member of the ensemble: from an encoder to a calibrated emotion model."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from emoclr.augment.views import ViewMaker
from emoclr.configs.console import say, track
from emoclr.corpus.decoded.waveforms import WaveformStore
from emoclr.evaluate.metrics.multilabel import tune_thresholds
from emoclr.evaluate.speaker_probe import VoiceTask, voice_hits
from emoclr.finetune.model.checkpoint import ModelCard, save_model
from emoclr.finetune.model.model import Array, EmotionModel, calibrate
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.training.averaging import WeightAverage
from emoclr.finetune.training.batch_norm_statistics import settle_statistics
from emoclr.finetune.training.head import fit_head, macro_auroc, positive_weights
from emoclr.finetune.training.losses import EmotionLoss
from emoclr.finetune.training.module import FinetuneModule, KeepBest
from emoclr.finetune.training.temperatures import tune_shifts, tune_temperatures
from emoclr.pretrain.data.batches import BatchOrder, ViewDataset, ViewLoader, default_workers
from emoclr.pretrain.data.unreadable import UnreadableClips
from emoclr.pretrain.encoder.checkpoint import save_tensors
from emoclr.pretrain.encoder.devices import choose_device
from emoclr.pretrain.encoder.embedding import Embeddings, embed_clips
from emoclr.pretrain.encoder.encoder import Encoder
from emoclr.pretrain.training.callbacks import Progress
from emoclr.pretrain.training.trainer import fit, make_trainer

ANSWERS = "answers.safetensors"

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Task:
    """What every member of a fold learns: clips are numbers in the store, targets (corpus, emotions).

    `single_label` says whether every clip carries exactly one emotion; `voices`, over the whole store, is what the
    speaker probe asks, None where speakers are not known.
    """

    store: WaveformStore
    emotions: list[str]
    targets: NDArray[np.float32]
    train: Rows
    validation: Rows
    test: Rows
    single_label: bool = False
    voices: VoiceTask | None = None


@dataclass(frozen=True)
class Member:
    """A trained member and what it says.

    Attributes:
        folder: holds its files.
        card: temperatures and thresholds among them.
        validation: (clips, emotions) probabilities of the validation clips.
        test: the same of the test clips.
        uncalibrated: the same before temperatures.
        head_only: of the test clips, by the head on the frozen encoder.
        head_only_thresholds: (emotions,).
        voices: (clips,) the hits of the speaker probe on its embeddings, none where speakers are not known.
        voices_before: the same of the encoder that it began as.
    """

    folder: Path
    card: ModelCard
    validation: Array
    test: Array
    uncalibrated: Array
    head_only: Array
    head_only_thresholds: Array
    voices: Array
    voices_before: Array


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
    loss = EmotionLoss(settings, weights)
    hear = functools.partial(
        embed_clips,
        store=task.store,
        window_s=crop_s,
        hop_s=hop_s,
        device=choose_device(settings.accelerator),
        short=settings.augment.short,
    )
    if settings.freeze == "none" and not heard_before:
        settle_statistics(encoder, task.store, task.train, _views(encoder, settings, crop_s), settings.batch_size)
    embeddings = [hear(encoder, description=f"{name}: embedding")]
    score = fit_head(model.head, embeddings[0], task.targets, loss, task.train, task.validation)
    say(f"{name}: head alone, validation macro AUROC {score:.3f}")

    def logits_of(clips: Embeddings) -> Array:
        """Returns (clips, emotions): of a linear head, their mean over windows is that of the mean embedding."""
        with torch.no_grad():
            logits: Array = model.head(torch.from_numpy(clips)).double().numpy()
        return logits

    def member_probabilities(clips: Embeddings, shift: torch.Tensor) -> Array:
        """Returns the logits (clips, emotions) of the model without the shift."""
        with torch.no_grad():
            model.head.linear.bias.sub_(shift)
            if settings.windows == "mean":
                logits = logits_of(clips)
            else:
                joined = hear(model, description=f"{name}: windows", pooling=settings.windows)
                logits = joined.astype(np.float64)
                model.cpu()
            model.head.linear.bias.add_(shift)
        return logits

    shift = _shift_of(loss, task, logits_of(embeddings[0]))
    before = after = _calibrated(task, member_probabilities(embeddings[0], shift), settings)
    best, best_epoch = score, 0
    if settings.freeze == "none":
        kept = _train_network(folder, model, task, settings, crop_s, hop_s, loss, score, heard_before)
        best, best_epoch = kept.best, kept.best_epoch
    if best_epoch:
        embeddings.append(hear(encoder, description=f"{name}: scoring"))
        shift = _shift_of(loss, task, logits_of(embeddings[1]), combined=settings.combines)
        after = _calibrated(task, member_probabilities(embeddings[1], shift), settings)
    model.cpu()
    with torch.no_grad():
        model.head.linear.bias.sub_(shift)
    voices = _voices(task, embeddings, settings.seed, name)
    answers = {
        "validation": after.validation,
        "test": after.test,
        "uncalibrated": after.uncalibrated,
        "head_only": before.test,
        "head_only_thresholds": before.thresholds,
        "voices": voices[-1],
        "voices_before": voices[0],
    }
    # The card comes last: where it stands, the member is finished.
    digest = save_tensors(folder / ANSWERS, {key: torch.tensor(value) for key, value in answers.items()})
    card = save_model(
        folder,
        model,
        emotions=task.emotions,
        single_label=task.single_label,
        thresholds=[round(float(value), 6) for value in after.thresholds],
        temperatures=[round(float(value), 6) for value in after.temperatures],
        window_s=crop_s,
        hop_s=hop_s,
        short=settings.augment.short,
        windows=settings.windows,
        corpus_fingerprint=task.store.fingerprint,
        started_from=started_from,
        answers_sha256=digest,
        metrics={"validation_macro_auroc": round(best, 6), "best_epoch": best_epoch},
    )
    return Member(folder, card, **answers)


@dataclass(frozen=True)
class _Calibrated:
    temperatures: Array
    thresholds: Array
    validation: Array
    test: Array
    uncalibrated: Array


def _shift_of(loss: EmotionLoss, task: Task, logits: Array, *, combined: bool = False) -> torch.Tensor:
    """Returns what is to be taken out of the bias, (emotions,): known where the loss and natural clips alone raise it.

    Clips that were mixed or joined carry more emotions than those that will be heard.
    """
    if loss.shift is not None and not combined:
        return loss.shift
    return torch.from_numpy(tune_shifts(task.targets[task.validation], logits[task.validation])).float()


def _calibrated(task: Task, logits: Array, settings: FinetuneSettings) -> _Calibrated:
    """Returns what logits (corpus, emotions) come to, tuned on validation clips."""
    targets = task.targets[task.validation]
    temperatures = tune_temperatures(targets, logits[task.validation])
    validation, test = (calibrate(logits[rows], temperatures) for rows in (task.validation, task.test))
    return _Calibrated(
        temperatures=temperatures,
        thresholds=tune_thresholds(targets, validation, settings.positive_share),
        validation=validation,
        test=test,
        uncalibrated=calibrate(logits[task.test], np.ones_like(temperatures)),
    )


def _voices(task: Task, embeddings: Sequence[Embeddings], seed: int, name: str) -> list[Array]:
    if task.voices is None:
        return [np.zeros(0) for _ in embeddings]
    return [voice_hits(some, task.voices, seed) for some in track(embeddings, f"{name}: speaker probe")]


def _views(encoder: Encoder, settings: FinetuneSettings, crop_s: float) -> ViewMaker:
    rate = encoder.settings.spectrogram.sample_rate
    return ViewMaker(settings.augment, round(crop_s * rate), rate, settings.seed)


def _train_network(
    folder: Path,
    model: EmotionModel,
    task: Task,
    settings: FinetuneSettings,
    crop_s: float,
    hop_s: float,
    loss: EmotionLoss,
    start: float,
    heard_before: bool,
) -> KeepBest:
    maker = _views(model.encoder, settings, crop_s)
    batch_size = min(settings.batch_size, len(task.train))
    order = BatchOrder(task.store.speakers[task.train], batch_size, 1, settings.seed, clips=task.train)
    steps = settings.epochs * order.batches_per_epoch
    workers = default_workers() if settings.workers is None else settings.workers
    loader = ViewLoader(
        ViewDataset(task.store, maker, views=1), order, steps, workers, UnreadableClips(settings.max_lost)
    )
    module = FinetuneModule(
        model, settings, torch.from_numpy(task.targets), loss, steps, loader, keep_statistics=heard_before
    )
    # Embedding has left the encoder in eval mode, and the Trainer keeps the mode that it finds.
    module.train()
    average = WeightAverage(model, settings.averaging_decay) if settings.averaging == "ema" else None
    kept = average.model if average else model

    def validate() -> float:
        device = str(module.device).split(":")[0]
        logits = embed_clips(
            kept,
            task.store,
            crop_s,
            hop_s,
            task.validation,
            description="validation",
            device=device,
            short=settings.augment.short,
            pooling=settings.windows,
        )
        return macro_auroc(task.targets[task.validation], logits)

    keep = KeepBest(folder.name, kept, order.batches_per_epoch, settings.patience, validate, start)
    initial = {key: value.clone() for key, value in model.state_dict().items()}
    progress = Progress(folder, max(1, order.batches_per_epoch // 2), batch_size, module.metrics)
    callbacks = [progress, *([average] if average else []), keep]
    fit(make_trainer(folder, model.encoder.backbone, settings, crop_s), module, steps, callbacks)
    module.cpu()
    model.load_state_dict(keep.weights or initial)
    model.eval()
    return keep
