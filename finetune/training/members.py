"""The networks of a run: initial weights, seeds and folds, and their folders; finished ones are read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emoclr.configs.console import say
from emoclr.configs.files import sweep
from emoclr.finetune.data.labeled_clips import Task
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.training.finished_models import take_member
from emoclr.finetune.training.initial_weights import InitialWeights
from emoclr.finetune.training.member import Member, train_member
from emoclr.finetune.training.resume import finished_member
from emoclr.pretrain.resume.heard_clips import copy_fingerprints
from emoclr.pretrain.resume.signals import Interrupted, StopSignals

SCRATCH_FOLDER = "from-scratch"
COMPARISON = "comparison"

Members = Mapping[str, Sequence[Member]]
"""By name, the member of each fold."""


@dataclass(frozen=True)
class Job:
    """A network to train: its initial weights, its task, and the folder that it is saved in."""

    folder: Path
    initial: InitialWeights
    task: Task
    settings: FinetuneSettings


@dataclass(frozen=True)
class SeedsOfBest:
    """Seeds of the one backbone that is best on a fold's validation speakers."""

    backbone: str
    members: Sequence[Member]


def train_members(
    out: Path, tasks: Sequence[Task], initial_weights: Sequence[InitialWeights], settings: FinetuneSettings
) -> Members:
    """Returns the members of each backbone and seed, by name.

    Args:
        out: gets `<backbone>`, `<backbone>/seed-1` and on where there are several seeds, and below these `fold-1` and
            on where there are several folds.
        tasks: of each fold.
        initial_weights: of each backbone.
        settings: of the run.

    Raises:
        Interrupted: Ctrl-C or SIGTERM; the members that are finished are saved.
    """
    named = [
        (initial.name if settings.seeds == 1 else f"{initial.name}/seed-{seed}", initial, seed)
        for initial in initial_weights
        for seed in range(1, settings.seeds + 1)
    ]
    return _in_folds(out, tasks, named, settings)


def train_from_scratch(
    out: Path, tasks: Sequence[Task], initial_weights: Sequence[InitialWeights], settings: FinetuneSettings
) -> Members:
    """Returns, by backbone, networks of the same recipe without pretraining; they are in no ensemble."""
    return _in_folds(
        out / SCRATCH_FOLDER,
        tasks,
        [(initial.name, initial.from_scratch(), 1) for initial in initial_weights],
        settings,
    )


def train_seeds_of_best(
    out: Path,
    tasks: Sequence[Task],
    initial_weights: Sequence[InitialWeights],
    settings: FinetuneSettings,
    members: Members,
    n_seeds: int,
) -> list[SeedsOfBest]:
    """Returns for each fold seeds of the backbone that is best on its validation speakers, those of `members` included.

    Chosen fold by fold: the validation speakers of one fold are scored in another.
    """
    best = [best_backbone(members, fold) for fold in range(len(tasks))]
    by_name = {initial.name: initial for initial in initial_weights}
    missing = range(settings.seeds + 1, n_seeds + 1)
    jobs = [
        Job(
            _folder(out / COMPARISON / f"{name}/seed-{seed}", fold, tasks),
            by_name[name],
            tasks[fold],
            _seeded(settings, seed),
        )
        for fold, name in enumerate(best)
        for seed in missing
    ]
    trained = iter(_train_each(jobs, "networks to compare with"))
    return [
        SeedsOfBest(name, [*seeds_of(members, name, fold)[:n_seeds], *(next(trained) for _ in missing)])
        for fold, name in enumerate(best)
    ]


def backbone_of(name: str) -> str:
    """Returns the backbone of a member's name."""
    return name.partition("/")[0]


def first_seeds(members: Members) -> Members:
    """Returns the first member of each backbone."""
    found: dict[str, Sequence[Member]] = {}
    for name, folds in members.items():
        found.setdefault(backbone_of(name), folds)
    return found


def seeds_of(members: Members, backbone: str, fold: int) -> list[Member]:
    """Returns all seeds of a backbone in a fold."""
    return [folds[fold] for name, folds in members.items() if backbone_of(name) == backbone]


def best_backbone(members: Members, fold: int) -> str:
    """Returns the backbone whose members are best on the validation speakers of a fold, by their mean macro AUROC."""
    backbones = list(dict.fromkeys(map(backbone_of, members)))
    scores = [np.mean([validation_score(member) for member in seeds_of(members, name, fold)]) for name in backbones]
    return backbones[int(np.argmax(scores))]


def best_member(members: Members, fold: int) -> str:
    """Returns the name of the member that is best on the validation speakers of a fold."""
    return max(members, key=lambda name: validation_score(members[name][fold]))


def validation_score(member: Member) -> float:
    """Returns the macro AUROC of a member on validation speakers, -1 where it is not defined."""
    score = member.card.metrics["validation_macro_auroc"]
    return score if np.isfinite(score) else -1.0


def _in_folds(
    out: Path, tasks: Sequence[Task], named: Sequence[tuple[str, InitialWeights, int]], settings: FinetuneSettings
) -> Members:
    jobs = [
        Job(_folder(out / name, fold, tasks), initial, task, _seeded(settings, seed))
        for fold, task in enumerate(tasks)
        for name, initial, seed in named
    ]
    trained = _train_each(jobs, "members")
    return {name: trained[place :: len(named)] for place, (name, _, _) in enumerate(named)}


def _folder(folder: Path, fold: int, tasks: Sequence[Task]) -> Path:
    return folder / f"fold-{fold + 1}" if len(tasks) > 1 else folder


def _seeded(settings: FinetuneSettings, seed: int) -> FinetuneSettings:
    return settings.model_copy(update={"seed": settings.seed + seed - 1})


def _train_each(jobs: Sequence[Job], what: str) -> list[Member]:
    members: list[Member] = []
    try:
        with StopSignals("stopping after this network") as signals:
            for number, job in enumerate(jobs, start=1):
                if job.folder.name != job.initial.name:
                    say(f"{number} of {len(jobs)}: {job.initial.name}, {job.folder.name}")
                members.append(_member(job))
                if signals.asked:
                    raise KeyboardInterrupt
    except KeyboardInterrupt as interrupt:
        raise Interrupted(
            f"stopped; {len(members)} of {len(jobs)} {what} are finished and saved; "
            "go on with the same command and --resume"
        ) from interrupt
    return members


def _member(job: Job) -> Member:
    member = finished_member(job.folder)
    if member is not None:
        say(f"{job.initial.name}: finished before")
        return member
    sweep(job.folder)
    initial, task, settings = job.initial, job.task, job.settings
    if initial.finished:
        return take_member(job.folder, initial, task, settings)
    encoder, crop_s, origin = initial.encoder(settings, task.store, task.train)
    if initial.folder is not None and initial.audio_pretrained:
        copy_fingerprints(initial.folder, job.folder)
    return train_member(job.folder, encoder, task, settings, crop_s, origin, audio_pretrained=initial.audio_pretrained)
