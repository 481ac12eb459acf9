"""A second round of training with pseudo-labels: the ensemble's confident predictions for unlabeled recordings.

Pseudo-labels after Lee (2013), "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method", with two
differences: the confidence level is measured on validation speakers, and targets are the calibrated probabilities.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.console import say
from emoclr.configs.errors import ConfigError
from emoclr.corpus.decoded.cache_settings import opener
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.splits import speaker_codes
from emoclr.evaluate.metrics.arrays import Array
from emoclr.evaluate.metrics.ranking import macro_auroc
from emoclr.finetune.data.labeled_clips import Task
from emoclr.finetune.data.other_corpus import OtherCorpus
from emoclr.finetune.ensemble.member_probabilities import member_probabilities
from emoclr.finetune.pseudo_labels.confidence_levels import confidence_levels, confident, held_out_hits
from emoclr.finetune.pseudo_labels.unlabeled_pool import Pool, open_pool, with_pool
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.training.member import Member
from emoclr.finetune.training.members import Members
from emoclr.finetune.training.resume import finished_member
from emoclr.pretrain.encoder.devices import choose_device

FOLDER = "unlabeled"

Train = Callable[[Path, Sequence[Task]], Members]


@dataclass(frozen=True)
class Accepted:
    """The pseudo-labels of a fold.

    Attributes:
        rows: (accepted,) positions in the pool.
        targets: (accepted, emotions) its probabilities.
        confident: (accepted, emotions) which emotions the clips were accepted for.
        levels: (emotions,) the least probability that is accepted.
        validation_clips: (emotions,) validation clips that reach a level set by other speakers.
        validation_right: (emotions,) those of them that carry the emotion.
    """

    rows: NDArray[np.int64]
    targets: NDArray[np.float32]
    confident: NDArray[np.bool_]
    levels: Array
    validation_clips: NDArray[np.int64]
    validation_right: NDArray[np.int64]


@dataclass(frozen=True)
class SecondRound:
    """The second round of training.

    Attributes:
        pool: the unlabeled clips.
        accepted: of each fold.
        members: of the second round.
        auroc: of each fold, the macro AUROC of the first and the second round's mean on its validation speakers.
    """

    pool: Pool
    accepted: list[Accepted]
    members: Members
    auroc: list[tuple[float, float]]

    @property
    def second_is_better(self) -> list[bool]:
        """In which folds the second round is the better one on validation speakers."""
        return [second > first for first, second in self.auroc]

    def best(self, first: Members) -> Members:
        """Returns the members of the ensemble: of each fold those of the better round.

        Chosen fold by fold: the validation speakers of one fold are scored in another.
        """
        return {
            name: [
                again if better else once
                for once, again, better in zip(folds, self.members[name], self.second_is_better, strict=True)
            ]
            for name, folds in first.items()
        }


def pool_for(
    tasks: Sequence[Task], table: LabelTable, settings: FinetuneSettings, other: OtherCorpus | None = None
) -> Pool:
    """Returns the unlabeled clips that tasks may train on.

    Args:
        tasks: of each fold.
        table: the clips of their store, in its order.
        settings: of the run.
        other: a corpus that will be scored, too.

    Raises:
        EmoclrError: the recordings cannot be found, or none of them is new.
    """
    held = {clip for task in tasks for clip in (*task.validation.tolist(), *task.test.tolist())}
    apart = {table.speakers[clip] for clip in held} if table.speakers is not None else set()
    labeled = [tasks[0].store]
    if other is not None:
        labeled.append(other.store)
        apart |= set(other.table.speakers or ())
    return open_pool(settings.unlabeled, labeled, apart, opener(settings), settings.columns.given)


def second_round(
    out: Path,
    members: Members,
    tasks: Sequence[Task],
    pool: Pool,
    table: LabelTable,
    settings: FinetuneSettings,
    train: Train,
) -> SecondRound:
    """Trains members again, from their initial weights, on labeled clips and on unlabeled ones with pseudo-labels.

    Pseudo-labels are for training alone: validation and test stay as they are. Where no prediction is confident,
    the members of the first round are those of the second.

    Args:
        out: of the run; the members land in `unlabeled/` below it.
        members: of the first round.
        tasks: of each fold.
        pool: the unlabeled clips.
        table: the clips of the tasks' store, in its order.
        settings: those of the first round.
        train: gives the members of some tasks, in a folder.

    Raises:
        ConfigError: an earlier second round in `out` was trained with other recordings.
    """
    codes, share = speaker_codes(table), settings.positive_share
    rounds = [[folds[fold] for folds in members.values()] for fold in range(len(tasks))]
    accepted = [_accept(first, task, pool, codes, settings) for first, task in zip(rounds, tasks, strict=True)]
    before = [_validation_auroc(first, task, share) for first, task in zip(rounds, tasks, strict=True)]
    if not any(len(some.rows) for some in accepted):
        say("unlabeled: not sure enough of any clip; there is no second round")
        return SecondRound(pool, accepted, members, list(zip(before, before, strict=True)))
    enlarged = [_enlarged(task, table, pool, some, settings) for task, some in zip(tasks, accepted, strict=True)]
    _refuse_others(out / FOLDER, list(members), enlarged)
    trained = train(out / FOLDER, enlarged)
    again = [[folds[fold] for folds in trained.values()] for fold in range(len(tasks))]
    after = [_validation_auroc(second, task, share) for second, task in zip(again, tasks, strict=True)]
    for first, second in zip(before, after, strict=True):
        say(f"unlabeled: validation macro AUROC {first:.3f} without, {second:.3f} with; the better one is kept")
    return SecondRound(pool, accepted, trained, list(zip(before, after, strict=True)))


def _accept(
    members: Sequence[Member], task: Task, pool: Pool, codes: NDArray[np.int64], settings: FinetuneSettings
) -> Accepted:
    positive = task.targets[task.validation] >= settings.positive_share
    validation = np.mean([member.validation for member in members], axis=0)
    single, wanted = task.single_label, settings.confidence
    levels = confidence_levels(positive, validation, wanted, single)
    clips, right = held_out_hits(positive, validation, codes[task.validation], wanted, single)
    device = choose_device(settings.accelerator)
    probabilities = member_probabilities(members, pool.store, "unlabeled clips", device).mean(axis=0)
    accepted = confident(probabilities, levels, single)
    rows = np.flatnonzero(accepted.any(axis=1))
    say(f"unlabeled: sure of {len(rows):,} of {len(probabilities):,} clips")
    return Accepted(rows, probabilities[rows].astype(np.float32), accepted[rows], levels, clips, right)


def _enlarged(task: Task, table: LabelTable, pool: Pool, accepted: Accepted, settings: FinetuneSettings) -> Task:
    """Returns a task whose training clips are those of a task and the accepted ones."""
    if not len(accepted.rows):
        return task
    store = with_pool(table, pool, accepted.rows, opener(settings))
    added = np.arange(len(task.store), len(store))
    return replace(
        task,
        store=store,
        targets=np.concatenate([task.targets, accepted.targets]),
        train=np.concatenate([task.train, added]),
    )


def _refuse_others(folder: Path, names: Sequence[str], tasks: Sequence[Task]) -> None:
    """Raises ConfigError where a member of an earlier second round was trained with other recordings."""
    for fold, task in enumerate(tasks, start=1):
        for name in names:
            place = folder / name / f"fold-{fold}" if len(tasks) > 1 else folder / name
            member = finished_member(place)
            if member is not None and member.card.corpus_fingerprint != task.store.fingerprint:
                raise ConfigError(f"{place}: was trained with other unlabeled recordings; give another --out")


def _validation_auroc(members: Sequence[Member], task: Task, positive_share: float) -> float:
    """Returns the macro AUROC of the members' mean on the validation speakers of a fold."""
    mean = np.mean([member.validation for member in members], axis=0)
    return macro_auroc(task.targets[task.validation], mean, positive_share)
