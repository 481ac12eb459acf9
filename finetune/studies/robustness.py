"""Robustness of fine-tuned models: members and ensemble asked again under noise, over a telephone, in a room."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from emoclr.augment.robustness import CONDITIONS, Condition, DegradedWaveforms
from emoclr.configs.console import say
from emoclr.evaluate.report.section import Section
from emoclr.evaluate.scores import Prediction, Truth
from emoclr.finetune.data.labeled_clips import Task
from emoclr.finetune.ensemble.member_probabilities import member_probabilities
from emoclr.finetune.ensemble.report_rows import model_rows
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.training.member import Member
from emoclr.finetune.training.members import Members
from emoclr.pretrain.encoder.devices import choose_device
from emoclr.probe.studies.robustness import robustness_section, tell_cost


def robustness_of_members(
    truth: Truth, members: Members, tasks: Sequence[Task], models: Sequence[Prediction], settings: FinetuneSettings
) -> Section:
    """Returns how far the headline model and each member fall; thresholds, temperatures and weights stay as tuned.

    Args:
        truth: the test clips of all folds.
        members: as they were saved.
        tasks: of each fold.
        models: what members and ensemble say of the clips as recorded, the headline one first.
        settings: of the run.
    """
    tell_cost(tasks[0].store, np.concatenate([task.test for task in tasks]))
    answers = []
    for condition in CONDITIONS:
        say(f"stress: {condition.label}")
        stressed = _stressed(members, tasks, condition, settings)
        answers.append((condition, model_rows(stressed, tasks, settings)))
    return robustness_section(truth, [model for model in models if model.name in {models[0].name, *members}], answers)


def _stressed(members: Members, tasks: Sequence[Task], condition: Condition, settings: FinetuneSettings) -> Members:
    """Returns the members with what they say of the test clips under a condition in place of what they said."""
    found: dict[str, list[Member]] = {name: [] for name in members}
    for fold, task in enumerate(tasks):
        of_fold = [folds[fold] for folds in members.values()]
        store = DegradedWaveforms(task.store, task.test, condition, settings.seed)
        # (members, clips, emotions)
        said = member_probabilities(of_fold, store, condition.label, choose_device(settings.accelerator))
        for name, member, test in zip(members, of_fold, said, strict=True):
            found[name].append(replace(member, test=test))
    return found
