"""A second round with unlabeled recordings: what the ensemble is sure of becomes what its members learn next.

Pseudo-labels after Lee (2013), "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method", with two
differences: how sure is sure enough is measured on validation speakers, and targets are the calibrated probabilities.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from configs.console import say
from configs.errors import ConfigError
from corpus.labels import LabelTable
from corpus.splits import speaker_codes
from finetune.across import OtherCorpus
from finetune.answers import answers_of
from finetune.confidence import LEAST_CLIPS, confidence_levels, held_out_hits, surely
from finetune.members import Members
from finetune.model import Array
from finetune.pool import Pool, open_pool, with_pool
from finetune.resume import finished_member
from finetune.settings import FinetuneSettings
from finetune.train import Member, Task
from probe.cells import json_measure, number
from probe.figures import METRIC_LABELS
from probe.metrics import emotion_metrics
from probe.paired import paired_differences
from probe.scores import Prediction, Truth, score_all
from probe.sections import Section, Table

FOLDER = "unlabeled"

Train = Callable[[Path, Sequence[Task]], Members]


@dataclass(frozen=True)
class Accepted:
    """What one fold's ensemble is sure of in the pool.

    Attributes:
        rows: (accepted,) positions in the pool.
        targets: (accepted, emotions) its probabilities.
        sure: (accepted, emotions) which emotions the clips were accepted for.
        levels: (emotions,) how probable an emotion has to be.
        asked: (emotions,) validation clips that reach a level set by other speakers.
        right: (emotions,) those of them that carry the emotion.
    """

    rows: NDArray[np.int64]
    targets: NDArray[np.float32]
    sure: NDArray[np.bool_]
    levels: Array
    asked: NDArray[np.int64]
    right: NDArray[np.int64]


@dataclass(frozen=True)
class SecondRound:
    """The members of both rounds, by fold, and what lies between them.

    `auroc` holds the macro AUROC of the first and the second round's mean on validation speakers, the mean over folds.
    """

    pool: Pool
    accepted: list[Accepted]
    members: Members
    auroc: tuple[float, float]

    @property
    def better(self) -> bool:
        """Whether the second round is the better one on validation speakers."""
        return self.auroc[1] > self.auroc[0]


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
    labelled = [tasks[0].store]
    if other is not None:
        labelled.append(other.store)
        apart |= set(other.table.speakers or ())
    return open_pool(settings.unlabeled, labelled, apart)


def second_round(
    out: Path,
    members: Members,
    tasks: Sequence[Task],
    pool: Pool,
    table: LabelTable,
    settings: FinetuneSettings,
    train: Train,
) -> SecondRound:
    """Trains members again, from where they began, on labelled clips and on unlabeled ones that the first are sure of.

    Pseudo-labels are for training alone: validation and test stay as they are. Where the ensemble is sure of nothing,
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
        ConfigError: an earlier second round in `out` heard other recordings.
    """
    codes = speaker_codes(table)
    rounds = [[folds[fold] for folds in members.values()] for fold in range(len(tasks))]
    accepted = [_accept(first, task, pool, codes, settings) for first, task in zip(rounds, tasks, strict=True)]
    if not any(len(some.rows) for some in accepted):
        say("unlabeled: not sure enough of any clip; there is no second round")
        auroc = _validation_auroc(rounds, tasks)
        return SecondRound(pool, accepted, members, (auroc, auroc))
    enlarged = [_enlarged(task, table, pool, some) for task, some in zip(tasks, accepted, strict=True)]
    _refuse_others(out / FOLDER, list(members), enlarged)
    trained = train(out / FOLDER, enlarged)
    again = [[folds[fold] for folds in trained.values()] for fold in range(len(tasks))]
    found = SecondRound(pool, accepted, trained, (_validation_auroc(rounds, tasks), _validation_auroc(again, tasks)))
    first, second = found.auroc
    say(f"unlabeled: validation macro AUROC {first:.3f} without, {second:.3f} with; the better one is kept")
    return found


def _accept(
    members: Sequence[Member], task: Task, pool: Pool, codes: NDArray[np.int64], settings: FinetuneSettings
) -> Accepted:
    positive = task.targets[task.validation] >= settings.positive_share
    validation = np.mean([member.validation for member in members], axis=0)
    single, wanted = task.single_label, settings.confidence
    levels = confidence_levels(positive, validation, wanted, single)
    asked, right = held_out_hits(positive, validation, codes[task.validation], wanted, single)
    answers = answers_of(members, pool.store, "unlabeled clips").mean(axis=0)
    sure = surely(answers, levels, single)
    rows = np.flatnonzero(sure.any(axis=1))
    say(f"unlabeled: sure of {len(rows):,} of {len(answers):,} clips")
    return Accepted(rows, answers[rows].astype(np.float32), sure[rows], levels, asked, right)


def _enlarged(task: Task, table: LabelTable, pool: Pool, accepted: Accepted) -> Task:
    """Returns a task whose training clips are those of a task and the accepted ones."""
    if not len(accepted.rows):
        return task
    store = with_pool(table, pool, accepted.rows)
    added = np.arange(len(task.store), len(store))
    return replace(
        task,
        store=store,
        targets=np.concatenate([task.targets, accepted.targets]),
        train=np.concatenate([task.train, added]),
    )


def _refuse_others(folder: Path, names: Sequence[str], tasks: Sequence[Task]) -> None:
    """Raises ConfigError where a member of an earlier second round heard other recordings."""
    for fold, task in enumerate(tasks, start=1):
        for name in names:
            place = folder / name / f"fold-{fold}" if len(tasks) > 1 else folder / name
            member = finished_member(place)
            if member is not None and member.card.corpus_fingerprint != task.store.fingerprint:
                raise ConfigError(f"{place}: was trained with other unlabeled recordings; give another --out")


def _validation_auroc(rounds: Sequence[Sequence[Member]], tasks: Sequence[Task]) -> float:
    """Returns the macro AUROC of the members' mean on validation speakers, the mean over folds."""
    found = []
    for members, task in zip(rounds, tasks, strict=True):
        answers = np.mean([member.validation for member in members], axis=0)
        halves = np.full(answers.shape[1], 0.5)
        metrics = emotion_metrics(task.targets[task.validation], answers, halves, single_label=False)
        found.append(float(metrics["macro_auroc"]))
    return float(np.mean(found))


def unlabeled_section(
    truth: Truth, first: Prediction, second: Prediction, found: SecondRound, confidence: float
) -> Section:
    """Returns what the second round bought, for a report.

    Args:
        truth: the scored clips.
        first: the ensemble of the first round.
        second: the ensemble of the second.
        found: what lies between them.
        confidence: the precision that was asked for.
    """
    pool = found.pool
    accepted = sum(len(some.rows) for some in found.accepted)
    sure = np.sum([some.sure.sum(axis=0) for some in found.accepted], axis=0)
    asked = np.sum([some.asked for some in found.accepted], axis=0)
    right = np.sum([some.right for some in found.accepted], axis=0)
    levels = [[_finite(some.levels[emotion]) for some in found.accepted] for emotion in range(len(truth.emotions))]
    per_emotion = Table(
        ["emotion", "sure from", "right of validation clips, level set by other speakers", "clips accepted"],
        [
            [
                emotion,
                " / ".join("never" if level is None else number(level) for level in levels[place]),
                f"{number(right[place] / asked[place])} ({right[place]} of {asked[place]})" if asked[place] else "–",
                f"{sure[place]:,}",
            ]
            for place, emotion in enumerate(truth.emotions)
        ],
        title="What was accepted",
    )
    scores = [
        row.metrics for row in score_all(truth, [replace(first, name="first"), replace(second, name="second")]).models
    ]
    differences = paired_differences(truth, second, first)
    bought = Table(
        ["", "first round", "second round", "difference"],
        [[METRIC_LABELS[name], scores[0][name], scores[1][name], differences[name]] for name in differences],
        title="What it bought, on the scored clips",
    )
    return Section(
        FOLDER,
        "Unlabeled recordings",
        _words(found, accepted, confidence),
        [per_emotion, bought],
        data={
            "clips": len(pool.store),
            "found": pool.found,
            "dropped_as_labelled": pool.labelled,
            "dropped_speakers": pool.known_speakers,
            "confidence": confidence,
            "accepted": accepted,
            "held": "second" if found.better else "first",
            "validation_macro_auroc": [round(value, 6) for value in found.auroc],
            "emotions": {
                emotion: {
                    "levels": levels[place],
                    "accepted": int(sure[place]),
                    "validation_clips": int(asked[place]),
                    "validation_right": int(right[place]),
                }
                for place, emotion in enumerate(truth.emotions)
            },
            "differences": {name: json_measure(found) for name, found in differences.items()},
        },
    )


def _words(found: SecondRound, accepted: int, confidence: float) -> str:
    pool, folds = found.pool, len(found.accepted)
    in_folds = f" (in {folds} folds together)" if folds > 1 else ""
    heard = (
        f"After the first round the ensemble answered for {len(pool.store):,} unlabeled clips. {accepted:,} of them"
        f"{in_folds} reached, for some emotion, the probability from which on it is right for {confidence:.0%} of the "
        f"validation clips (at least {LEAST_CLIPS} of them)"
    )
    trained = (
        "; with its calibrated probabilities as targets they joined the training clips, and every network was trained "
        "once more from where it had begun. "
        if accepted
        else ": there was no second round. "
    )
    dropped = (
        f"Of {pool.found:,} readable clips, {pool.labelled:,} had been dropped as recordings that the labels have, and "
        f"{pool.known_speakers:,} because they are of validation or test speakers; where speakers are not named, "
        "voices of the test may be among the rest."
    )
    first, second = found.auroc
    which = "second" if found.better else "first"
    kept = (
        f" On validation speakers the macro AUROC of the mean is {first:.3f} after the first and {second:.3f} after "
        f"the second round: the ensemble holds the networks of the {which}."
    )
    return heard + trained + dropped + (kept if accepted else "")


def _finite(value: float) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None
