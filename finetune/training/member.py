"""One member of the ensemble: from an encoder to a calibrated emotion model."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from emoclr.configs.console import say, track
from emoclr.corpus.audit.clip_fingerprints import clip_fingerprints
from emoclr.evaluate.metrics.arrays import Array
from emoclr.evaluate.speaker_probe import voice_hits
from emoclr.finetune.data.labeled_clips import Task
from emoclr.finetune.model.checkpoint import ModelCard, save_model
from emoclr.finetune.model.emotion_model import EmotionModel
from emoclr.finetune.model.folders import TRAINED, VALIDATED
from emoclr.finetune.model.losses import LOSSES
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.training.batch_norm_statistics import estimate_statistics
from emoclr.finetune.training.calibration import CalibratedPredictions, calibrated_predictions, without_shift
from emoclr.finetune.training.head import fit_head, positive_weights
from emoclr.finetune.training.network import Embed, train_network, view_maker
from emoclr.pretrain.encoder.devices import choose_device
from emoclr.pretrain.encoder.embedding import Embeddings, embed_clips
from emoclr.pretrain.encoder.encoder import Encoder
from emoclr.pretrain.encoder.tensors import save_tensors
from emoclr.pretrain.encoder.windows import window_counts
from emoclr.pretrain.resume.heard_clips import write_fingerprints

ANSWERS = "answers.safetensors"


@dataclass(frozen=True)
class Member:
    """A trained member and its predictions.

    Attributes:
        folder: holds its files.
        card: temperatures and thresholds among them.
        validation: (clips, emotions) probabilities of the validation clips.
        test: the same of the test clips.
        uncalibrated: the same before temperatures.
        head_only: of the test clips, by the head on the frozen encoder; none of a member that was finished before.
        head_only_thresholds: (emotions,).
        voices: (clips,) the hits of the speaker probe on its embeddings, none where speakers are not known.
        voices_before: the same of its initial encoder; none of a member that was finished before.
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
    audio_pretrained: bool,
) -> Member:
    """Trains a head, then the whole network, calibrates on validation speakers, and saves into `folder`.

    The saved weights are those with the best macro AUROC on validation speakers, the head alone included: fine-tuning
    that does not help there is undone.

    Args:
        folder: gets weights and card.
        encoder: with its initial weights; it is changed.
        task: what is learned.
        settings: how.
        crop_s: length of a window in s.
        started_from: for the card.
        audio_pretrained: whether the encoder was pretrained on audio: its batch statistics then stay as they are.
    """
    name = folder.name
    hop_s = min(settings.hop_s or crop_s / 2, crop_s)
    weights = positive_weights(torch.from_numpy(task.targets[task.train]), settings.max_positive_weight)
    loss = LOSSES[settings.loss]
    shift = loss.shift(weights)
    embed = embedder(task, settings, crop_s, hop_s)
    model = EmotionModel(encoder, len(task.emotions))

    # The head alone, on the frozen encoder.
    if settings.freeze == "none" and not audio_pretrained:
        maker = view_maker(encoder, settings, crop_s)
        estimate_statistics(encoder, task.store, task.train, maker, settings.batch_size)
    embeddings = [embed(encoder, description=f"{name}: embedding")]
    score = fit_head(
        model.head,
        embeddings[0],
        task.targets,
        loss.weighted(weights),
        task.train,
        task.validation,
        settings.positive_share,
    )
    say(f"{name}: head alone, validation macro AUROC {score:.3f}")
    with without_shift(model.head, shift):
        logits = clip_logits(model, embeddings[0], embed, settings, name)
    head_only = final = calibrated_predictions(task, logits, settings.positive_share)

    # The whole network.
    best_epoch = 0
    if settings.freeze == "none":
        score, best_epoch = train_network(
            folder, model, task, settings, crop_s, weights, embed, score, freeze_statistics=audio_pretrained
        )
    with torch.no_grad():
        model.head.linear.bias.sub_(shift)
    if best_epoch:
        embeddings.append(embed(encoder, description=f"{name}: scoring"))
        logits = clip_logits(model, embeddings[1], embed, settings, name)
        final = calibrated_predictions(task, logits, settings.positive_share)
    model.cpu()

    for part, rows in ((TRAINED, task.train), (VALIDATED, task.validation)):
        write_fingerprints(folder, clip_fingerprints(task.store, rows), part)
    voices = voices_of(task, embeddings, settings.seed, name)
    return save_member(
        folder,
        model,
        task,
        settings,
        logits,
        final,
        window_s=crop_s,
        hop_s=hop_s,
        started_from=started_from,
        metrics={"validation_macro_auroc": round(score, 6), "best_epoch": best_epoch},
        head_only=head_only.test,
        head_only_thresholds=head_only.thresholds,
        voices=voices[-1],
        voices_before=voices[0],
    )


def embedder(task: Task, settings: FinetuneSettings, window_s: float, hop_s: float) -> Embed:
    """Returns `embed_clips` of all clips of a task, in windows."""
    return functools.partial(
        embed_clips,
        store=task.store,
        window_s=window_s,
        hop_s=hop_s,
        device=choose_device(settings.accelerator),
        short=settings.augment.short,
    )


def save_member(
    folder: Path,
    model: EmotionModel,
    task: Task,
    settings: FinetuneSettings,
    logits: Array,
    final: CalibratedPredictions,
    *,
    window_s: float,
    hop_s: float,
    started_from: str,
    metrics: dict[str, float],
    **others: Array,
) -> Member:
    """Writes the weights, the answers and the card of a member, and returns it.

    Args:
        folder: gets them.
        model: with its weights.
        task: that it answers.
        settings: of the run.
        logits: (clips of the store, emotions).
        final: their calibrated probabilities.
        window_s: length of a window in s.
        hop_s: s between windows.
        started_from: for the card.
        metrics: for the card.
        others: the other predictions of a `Member`, by name.
    """
    predictions = {
        "validation": final.validation,
        "test": final.test,
        "uncalibrated": final.uncalibrated,
        **others,
    }
    # The card comes last: a folder with a card holds a finished member.
    digest = save_tensors(folder / ANSWERS, {key: torch.tensor(value) for key, value in predictions.items()})
    card = save_model(
        folder,
        model,
        emotions=task.emotions,
        single_label=task.single_label,
        thresholds=[round(float(value), 6) for value in final.thresholds],
        temperatures=[round(float(value), 6) for value in final.temperatures],
        mean_logits=_mean_logits(task, logits, window_s, hop_s),
        window_s=window_s,
        hop_s=hop_s,
        short=settings.augment.short,
        windows=settings.windows,
        channels=settings.channels or "auto",
        corpus_fingerprint=task.store.fingerprint,
        started_from=started_from,
        answers_sha256=digest,
        metrics=metrics,
    )
    return Member(folder, card, **predictions)


def clip_logits(
    model: EmotionModel, embeddings: Embeddings, embed: Embed, settings: FinetuneSettings, name: str
) -> Array:
    """Returns the logits of all clips, (clips, emotions), their windows pooled as the settings say."""
    if settings.windows != "mean":
        logits: Array = embed(model, description=f"{name}: windows", pooling=settings.windows).astype(np.float64)
        model.cpu()
        return logits
    # Of a linear head, the mean of the windows' logits is the logit of their mean embedding.
    with torch.no_grad():
        of_means: Array = model.head(torch.from_numpy(embeddings)).double().numpy()
    return of_means


def _mean_logits(task: Task, logits: Array, window_s: float, hop_s: float) -> list[float]:
    """Returns the mean logits of the validation clips that are heard, by their windows, (emotions,)."""
    heard = task.validation[~task.store.silent[task.validation]]
    if not len(heard):
        heard = task.validation
    windows = window_counts(task.store.samples[heard], window_s, hop_s)
    return [round(float(value), 6) for value in np.average(logits[heard], axis=0, weights=windows)]


def voices_of(task: Task, embeddings: Sequence[Embeddings], seed: int, name: str) -> list[Array]:
    """Returns the hits of the speaker probe on some embeddings, each (clips,); none where speakers are not known."""
    if task.voices is None:
        return [np.zeros(0) for _ in embeddings]
    return [voice_hits(some, task.voices, seed) for some in track(embeddings, f"{name}: speaker probe")]
