"""Speaker known: what `predict --speaker` is worth on the test clips."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.special import logit

from emoclr.evaluate.report.section import Section
from emoclr.evaluate.scores import ENSEMBLE
from emoclr.evaluate.studies.speaker_known import speaker_known_section
from emoclr.finetune.data.labeled_clips import Task
from emoclr.finetune.ensemble.report_rows import model_rows
from emoclr.finetune.model.temperatures import calibrate
from emoclr.finetune.model.voice_shift import MIN_WINDOWS, PRIOR_WINDOWS, voice_shift
from emoclr.finetune.studies.context import Context
from emoclr.finetune.training.member import Member
from emoclr.pretrain.encoder.windows import window_counts

HOW = (
    "The same networks, temperatures, thresholds and weights. The logits of each scored speaker are moved so that "
    "their mean over all windows comes to that of the validation clips, as `predict --speaker` does. The latter counts "
    f"as {PRIOR_WINDOWS:g} windows of the speaker more; who has fewer than {MIN_WINDOWS} is heard as if not known."
)


def speaker_known(context: Context) -> Section | None:
    """Returns it where speakers are known, some have several scored clips, and members know their mean logits."""
    speakers = context.labeled.readable.speakers
    every = [member for folds in context.members.values() for member in folds]
    if speakers is None or len(set(speakers)) < 2 or len(set(context.truth.speakers)) == len(context.truth):
        return None
    if any(member.card.mean_logits is None for member in every):
        return None
    known = {
        name: [with_speaker(member, task, speakers) for member, task in zip(folds, context.tasks, strict=True)]
        for name, folds in context.members.items()
    }
    pairs = zip(context.models, model_rows(known, context.tasks, context.settings), strict=True)
    shown = {ENSEMBLE, *context.members}
    return speaker_known_section(context.truth, [pair for pair in pairs if pair[0].name in shown], HOW)


def with_speaker(member: Member, task: Task, speakers: Sequence[str]) -> Member:
    """Returns a member with its predictions for the test clips where their speakers are known.

    Args:
        member: its card has mean logits.
        task: of the fold.
        speakers: (clips of the store,) who speaks.
    """
    card = member.card
    windows = window_counts(task.store.samples[task.test], card.window_s, card.hop_s)
    heard = np.where(task.store.silent[task.test], 0, windows)
    certain = np.finfo(np.float64).eps
    logits = logit(np.clip(member.uncalibrated, certain, 1 - certain))  # (clips, emotions)
    voices = np.array(speakers)[task.test]
    moved = logits.copy()
    for voice in np.unique(voices):
        rows = np.flatnonzero(voices == voice)
        if total := int(heard[rows].sum()):
            own = heard[rows] @ logits[rows] / total
            moved[rows] += voice_shift(own, card.mean_logits or own, total)
    return replace(
        member,
        test=calibrate(moved, np.array(card.temperatures)),
        uncalibrated=calibrate(moved, np.ones(len(card.emotions))),
    )
