"""The rows of a fine-tuning report: members, every way of joining them, and what they have to beat."""

from collections.abc import Sequence

import numpy as np

from emoclr.evaluate.report.section import Section
from emoclr.evaluate.scores import ENSEMBLE, Prediction, SpeakerProbe, Truth
from emoclr.evaluate.speaker_probe import VoiceTask, speaker_probe
from emoclr.evaluate.studies.calibration import calibration_section
from emoclr.finetune.data.labeled_clips import LabeledClips, Task
from emoclr.finetune.ensemble.ensemble import EnsembleOutput, ensemble_outputs, prediction_of
from emoclr.finetune.model.combination import COMBINATIONS, EnsembleMethod
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.studies.baselines import DescribedClips, linear_rows
from emoclr.finetune.training.member import Member
from emoclr.finetune.training.members import Members, backbone_of
from emoclr.probe.protocol import concatenate_folds

BEFORE = "before fine-tuning"
TEMPERATURES = (
    "Members' logits are divided by a temperature for each emotion, chosen on validation clips; before and after are "
)
SPEAKER_PROBE = {
    "none": "Each network is probed as it is and as it was before fine-tuning: the difference is what it forgot of "
    "voices. Clips that it was fine-tuned on are among them.",
    "backbone": "The networks are as they were pretrained: only heads were trained.",
}
"""What the speaker probe shows, by what was frozen."""


def member_row(name: str, folds: Sequence[Member]) -> Prediction:
    """Returns what a member says of the test clips of all folds."""
    return concatenate_folds(name, [(member.test, np.array(member.card.thresholds)) for member in folds])


def model_rows(members: Members, tasks: Sequence[Task], settings: FinetuneSettings) -> list[Prediction]:
    """Returns the members and, where there are several, before them every way of joining them, the chosen one first."""
    rows = [member_row(name, folds) for name, folds in members.items()]
    if len(members) == 1:
        return rows
    joint = []
    for how in sorted(COMBINATIONS, key=lambda how: how != settings.ensemble):
        together = ensemble_outputs(members, tasks, how, settings.positive_share)
        name = ENSEMBLE if how == settings.ensemble else ensemble_name(how)
        joint.append(prediction_of(name, together, f"{how} of {len(members)}"))
    return [*joint, *rows]


def ensemble_name(how: EnsembleMethod) -> str:
    """Returns the row's name of an ensemble that combines its members in another way than the chosen one."""
    return f"{ENSEMBLE}, {how}"


def from_scratch(name: str) -> str:
    """Returns the row's name of a network that began without pretraining."""
    return f"{name}, from scratch"


def baseline_rows(
    members: Members,
    scratch: Members,
    described: DescribedClips,
    labelled: LabeledClips,
    settings: FinetuneSettings,
) -> list[Prediction]:
    """Returns what has to be beaten: heads alone, networks without pretraining, and linear models of simple features.

    Args:
        members: of the run; the first seed of each backbone stands for its head alone, which no seed changes.
        scratch: the same recipe without pretraining.
        described: the clips by simple features.
        labelled: their labels.
        settings: of the run.
    """
    heads: dict[str, Prediction] = {}
    for name, folds in members.items():
        answers = [(member.head_only, member.head_only_thresholds) for member in folds]
        heads.setdefault(backbone_of(name), concatenate_folds(f"head alone, {backbone_of(name)}", answers))
    supervised = [member_row(from_scratch(name), folds) for name, folds in scratch.items()]
    linear = linear_rows(described, labelled, labelled.division, settings)
    return [*heads.values(), *supervised, *linear]


def calibration_of(truth: Truth, together: Sequence[EnsembleOutput], settings: FinetuneSettings) -> Section:
    """Returns what temperatures did to the probabilities that the members give together."""
    before, after = (
        np.concatenate([getattr(fold, part) for fold in together]) for part in ("uncalibrated", "calibrated")
    )
    return calibration_section(truth, before, after, f"{TEMPERATURES}{COMBINATIONS[settings.ensemble].calibration}.")


def speaker_rows(members: Members, task: VoiceTask | None, settings: FinetuneSettings) -> SpeakerProbe | None:
    """Returns how well each backbone tells voices apart, and how well it did before; the mean over folds and seeds."""
    if task is None:
        return None
    hits = {}
    for backbone in dict.fromkeys(map(backbone_of, members)):
        every = [member for name, folds in members.items() if backbone_of(name) == backbone for member in folds]
        hits[backbone] = np.mean([member.voices for member in every], axis=0)
        if settings.freeze == "none":
            hits[f"{backbone}, {BEFORE}"] = np.mean([member.voices_before for member in every], axis=0)
    return speaker_probe(hits, task, SPEAKER_PROBE[settings.freeze], settings.bootstrap_resamples, settings.seed)
