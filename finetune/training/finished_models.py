"""Finished emotion models as members of an ensemble: nothing is trained, they are calibrated anew."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emoclr.configs.console import say
from emoclr.configs.errors import ConfigError
from emoclr.corpus.audit.clip_fingerprints import clip_fingerprints
from emoclr.evaluate.metrics.ranking import macro_auroc
from emoclr.evaluate.report.sentence import Caution
from emoclr.finetune.data.labeled_clips import LabeledClips, Task
from emoclr.finetune.data.learned_before import learned_before
from emoclr.finetune.model.checkpoint import load_model
from emoclr.finetune.model.folders import TRAINED, VALIDATED
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.training.calibration import calibrated_predictions
from emoclr.finetune.training.initial_weights import InitialWeights
from emoclr.finetune.training.member import Member, clip_logits, embedder, save_member, voices_of
from emoclr.pretrain.encoder.folders import FINGERPRINTS
from emoclr.pretrain.resume.heard_clips import copy_fingerprints, read_fingerprints, write_fingerprints

ALIKE = ("emotions", "window_s", "hop_s", "short", "windows", "channels")
"""What of their cards the models of an ensemble share."""


def as_they_listen(models: Sequence[InitialWeights], settings: FinetuneSettings) -> FinetuneSettings:
    """Returns settings with the emotions, the windows and the channels of finished models.

    Raises:
        ConfigError: models differ in them, or the settings name other emotions.
        CheckpointError: a card is missing or damaged.
    """
    cards = {model.name: model.model_card for model in models}
    first_name, first = next(iter(cards.items()))
    for name, card in cards.items():
        for key in ALIKE:
            one, other = getattr(first, key), getattr(card, key)
            if one != other:
                raise ConfigError(
                    f"--from: models of one ensemble have the same {key}: {first_name} has {_told(one)}, {name} has "
                    f"{_told(other)}"
                )
    if settings.emotions is not None and set(settings.emotions) != set(first.emotions):
        raise ConfigError(f"emotions: {_told(settings.emotions)}; these models name {_told(first.emotions)}")
    update = {
        "emotions": first.emotions,
        "crop_s": first.window_s,
        "hop_s": first.hop_s,
        "windows": first.windows,
        "channels": first.channels,
        "augment": settings.augment.model_copy(update={"short": first.short}),
    }
    return settings.model_copy(update=update)


def notes_on(models: Sequence[InitialWeights], labeled: LabeledClips) -> list[str]:
    """Returns what is to be said of finished models beside labels that are to calibrate and to score them.

    Raises:
        ConfigError: there are folds, or labels that cannot calibrate one of their emotions.
        LabelsError: a model learned from voices that are scored or that calibrate it.
    """
    source = labeled.table.source
    if len(labeled.tasks) > 1:
        raise ConfigError(
            f"{source}: names folds, and finished models have learned already: give a column `split` in place of `fold`"
        )
    (card, *_) = (model.model_card for model in models)
    if lacking := [emotion for emotion in card.emotions if emotion not in labeled.table.emotions]:
        why = "; ".join(f"{emotion}: {labeled.left_out.get(emotion, 'not there')}" for emotion in lacking)
        raise ConfigError(f"{source}: cannot calibrate all emotions of these models ({why})")
    said = dict.fromkeys(caution for model in models for caution in model.model_card.cautions)
    folders = {model.name: model.folder for model in models if model.folder is not None}
    return [*map(Caution, said), *learned_before(folders, labeled)]


def take_member(folder: Path, initial: InitialWeights, task: Task, settings: FinetuneSettings) -> Member:
    """Returns a finished model as a member, with temperatures and thresholds by the validation clips of a task.

    Args:
        folder: gets its weights, its card, and the fingerprints of what it has heard and learned.
        initial: the finished model.
        task: whose clips it answers.
        settings: of the run, as `as_they_listen` gives them.
    """
    assert initial.folder is not None
    model, card = load_model(initial.folder)
    name = initial.name
    embed = embedder(task, settings, card.window_s, card.hop_s)
    embeddings = embed(model.encoder, description=f"{name}: embedding")
    logits = clip_logits(model, embeddings, embed, settings, name)
    model.cpu()
    score = macro_auroc(task.targets[task.validation], logits[task.validation], settings.positive_share)
    say(f"{name}: as it is, validation macro AUROC {score:.3f}")
    copy_fingerprints(initial.folder, folder, FINGERPRINTS, TRAINED)
    now = clip_fingerprints(task.store, task.validation).ravel()
    before = read_fingerprints(initial.folder, VALIDATED)
    write_fingerprints(folder, now if before is None else np.concatenate([before, now]), VALIDATED)
    none = np.zeros(0)
    return save_member(
        folder,
        model,
        task,
        settings,
        logits,
        calibrated_predictions(task, logits, settings.positive_share),
        window_s=card.window_s,
        hop_s=card.hop_s,
        started_from=card.started_from,
        metrics={**card.metrics, "validation_macro_auroc": round(score, 6)},
        head_only=none,
        head_only_thresholds=none,
        voices=voices_of(task, [embeddings], settings.seed, name)[0],
        voices_before=none,
    )


def _told(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
