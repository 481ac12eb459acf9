"""The rows of a fine-tuning report: members, every way of combining them, and the speaker probe."""

from collections.abc import Sequence

import numpy as np

from emoclr.evaluate.paired import FROM_SCRATCH
from emoclr.evaluate.scores import ENSEMBLE, Prediction, concatenate_folds
from emoclr.evaluate.speaker_probe import SpeakerProbe, VoiceTask, speaker_probe
from emoclr.finetune.data.labeled_clips import Task
from emoclr.finetune.ensemble.ensemble import ensemble_outputs, prediction_of
from emoclr.finetune.model.combination import COMBINATIONS, EnsembleMethod
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.training.member import Member
from emoclr.finetune.training.members import Members, backbone_of

BEFORE = "before fine-tuning"
SPEAKER_PROBE = {
    "none": "Each network is probed as it is and as it was before fine-tuning: the difference is what it forgot of "
    "voices. Clips that it was fine-tuned on are among them.",
    "backbone": "The networks are as they were pretrained: only heads were trained.",
    "all": "The networks are as they were finished. Clips that they were fine-tuned on may be among them.",
}
"""What the speaker probe shows, by what was frozen."""


def member_row(name: str, folds: Sequence[Member]) -> Prediction:
    """Returns the predictions of a member for the test clips of all folds."""
    return concatenate_folds(name, [(member.test, np.array(member.card.thresholds)) for member in folds])


def model_rows(members: Members, tasks: Sequence[Task], settings: FinetuneSettings) -> list[Prediction]:
    """Returns every way of combining the members, the chosen one first, and the members; one member alone."""
    rows = [member_row(name, folds) for name, folds in members.items()]
    if len(members) == 1:
        return rows
    joint = []
    for how in sorted(COMBINATIONS, key=lambda how: how != settings.ensemble):
        outputs = ensemble_outputs(members, tasks, how, settings.positive_share)
        name = ENSEMBLE if how == settings.ensemble else ensemble_name(how)
        joint.append(prediction_of(name, outputs, f"{how} of {len(members)}"))
    return [*joint, *rows]


def ensemble_name(how: EnsembleMethod) -> str:
    """Returns the row's name of an ensemble that combines its members in another way than the chosen one."""
    return f"{ENSEMBLE}, {how}"


def from_scratch(name: str) -> str:
    """Returns the row's name of a network that was trained from scratch."""
    return f"{name}, {FROM_SCRATCH}"


def speaker_rows(members: Members, task: VoiceTask | None, settings: FinetuneSettings) -> SpeakerProbe | None:
    """Returns the speaker probe of each backbone, fine-tuned and before; the mean over folds and seeds."""
    if task is None:
        return None
    hits = {}
    for backbone in dict.fromkeys(map(backbone_of, members)):
        every = [member for name, folds in members.items() if backbone_of(name) == backbone for member in folds]
        hits[backbone] = np.mean([member.voices for member in every], axis=0)
        if settings.freeze == "none":
            hits[f"{backbone}, {BEFORE}"] = np.mean([member.voices_before for member in every], axis=0)
    return speaker_probe(hits, task, SPEAKER_PROBE[settings.freeze], settings.bootstrap_resamples, settings.seed)
