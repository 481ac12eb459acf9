"""Robustness: members and ensemble scored once more under noise, over a telephone, in a room."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from emoclr.augment.robustness import CONDITIONS, Condition, DegradedWaveforms, say_cost
from emoclr.configs.console import say
from emoclr.evaluate.report.section import Section
from emoclr.evaluate.studies.robustness import robustness_section
from emoclr.finetune.data.labeled_clips import Task
from emoclr.finetune.ensemble.member_probabilities import member_probabilities
from emoclr.finetune.ensemble.report_rows import model_rows
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.studies.context import Context
from emoclr.finetune.training.member import Member
from emoclr.finetune.training.members import Members
from emoclr.pretrain.encoder.devices import choose_device


def robustness(context: Context) -> Section | None:
    """Returns how far the headline model and each member fall; thresholds, temperatures and weights stay as tuned."""
    settings, tasks, models = context.settings, context.tasks, context.models
    if not settings.stress:
        return None
    say_cost(tasks[0].store, np.concatenate([task.test for task in tasks]))
    degraded = []
    for condition in CONDITIONS:
        say(f"stress: {condition.label}")
        members = _under(condition, context.members, tasks, settings)
        degraded.append((condition, model_rows(members, tasks, settings)))
    compared = {models[0].name, *context.members}
    return robustness_section(context.truth, [model for model in models if model.name in compared], degraded)


def _under(condition: Condition, members: Members, tasks: Sequence[Task], settings: FinetuneSettings) -> Members:
    """Returns the members with their predictions for the test clips under a condition."""
    found: dict[str, list[Member]] = {name: [] for name in members}
    for fold, task in enumerate(tasks):
        of_fold = [folds[fold] for folds in members.values()]
        store = DegradedWaveforms(task.store, task.test, condition, settings.seed)
        # (members, clips, emotions)
        probabilities = member_probabilities(of_fold, store, condition.label, choose_device(settings.accelerator))
        for name, member, test in zip(members, of_fold, probabilities, strict=True):
            found[name].append(replace(member, test=test))
    return found
