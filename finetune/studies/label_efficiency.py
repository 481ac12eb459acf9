"""How many labels it takes: the same training with parts of the labels, with and without pretraining."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from emoclr.configs.console import say
from emoclr.configs.errors import EmoclrError
from emoclr.corpus.decoded.opener import opener
from emoclr.corpus.decoded.waveforms import clips_of
from emoclr.corpus.labels.division import INNER_FOLDS, Division, three_parts
from emoclr.corpus.labels.splits import speaker_folds
from emoclr.corpus.labels.subset import TooFew, label_subset
from emoclr.evaluate.report.section import Section
from emoclr.evaluate.scores import CHANCE, Prediction, Truth
from emoclr.evaluate.studies.label_efficiency import Trial, efficiency_section
from emoclr.finetune.data.labeled_clips import LabeledClips, Rows, Task
from emoclr.finetune.ensemble.ensemble import ensemble_outputs, prediction_of
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.studies.baselines import DescribedClips, linear_rows
from emoclr.finetune.training.initial_weights import InitialWeights
from emoclr.finetune.training.members import Members, train_from_scratch, train_members
from emoclr.probe.protocol import concatenate_folds

FOLDER = "fractions"
MIN_STEPS = 200
"""A part gets as many steps as the whole, up to this: in as many epochs, a few clips would make hardly any."""


@dataclass(frozen=True)
class Part:
    """A part of the labels: for each fold the rows of the table that it trains on and those that it validates on."""

    fraction: float
    draw: int
    train: list[Rows]
    validation: list[Rows]

    @property
    def clips(self) -> float:
        """How many labels there are, the mean over folds."""
        return sum(map(len, (*self.train, *self.validation))) / len(self.train)


def parts_of(labelled: LabeledClips, settings: FinetuneSettings) -> tuple[list[Part], dict[float, str]]:
    """Returns every draw of every fraction, small ones first, and for each fraction that is too small why it is.

    Training and validation clips are drawn alike: who has few labels has few to choose by.

    Raises:
        EmoclrError: all fractions are too small.
    """
    table, share = labelled.table, settings.positive_share
    folds = [three_parts(table, labelled.division, fold) for fold in range(len(labelled.tasks))]
    parts, too_small = [], {}
    for fraction in sorted(set(settings.fractions)):
        try:
            drawn = [
                Part(
                    fraction,
                    draw,
                    *(
                        [label_subset(table, rows[side], fraction, settings.seed + draw, share) for rows in folds]
                        for side in (0, 1)
                    ),
                )
                for draw in range(settings.fraction_seeds)
            ]
        except TooFew as error:
            too_small[fraction] = str(error)
        else:
            parts += drawn
    if not parts:
        told = "; ".join(f"{fraction:g}: {why}" for fraction, why in too_small.items())
        raise EmoclrError(f"{table.source}: every part of the labels is too small ({told})")
    return parts, too_small


def label_efficiency(
    out: Path,
    starts: Sequence[InitialWeights],
    labelled: LabeledClips,
    parts: Sequence[Part],
    too_small: Mapping[float, str],
    truth: Truth,
    described: DescribedClips,
    whole: tuple[Members, Members],
    settings: FinetuneSettings,
) -> Section:
    """Trains with every part of the labels, with and without pretraining, and returns the section of the report.

    Args:
        out: of the run; networks land in `fractions/` below it, and those that stand there are not trained again.
        starts: pretrained.
        labelled: the clips.
        parts: of their labels.
        too_small: fractions that are left out, and why.
        truth: the scored clips.
        described: the clips by simple features.
        whole: the run's own members of one seed, with pretraining and without: the first draw of all labels is theirs.
            Those that the run has not trained are none.
        settings: of the run.
    """
    trials = [trial for part in parts for trial in _linear_trials(part, labelled, described, settings)]
    began, done = time.monotonic(), 0.0
    costs = [_cost(part, labelled, settings) for part in parts]
    for number, (part, cost) in enumerate(zip(parts, costs, strict=True), start=1):
        own = whole if part.fraction == 1 and part.draw == 0 else ({}, {})
        trials += _network_trials(out, starts, part, labelled, own, settings)
        done += cost
        left_min = (time.monotonic() - began) / done * (sum(costs) - done) / 60
        say(f"label efficiency: {number} of {len(parts)} draws, about {left_min:.0f} min left")
    return efficiency_section(truth, list(_by_line(trials)), too_small, _words(len(starts), labelled, settings))


def announce(
    starts: Sequence[InitialWeights], labelled: LabeledClips, parts: Sequence[Part], settings: FinetuneSettings
) -> None:
    """Says how many networks there are to train before the first one is."""
    networks = 2 * len(starts) * len(labelled.tasks) * len(parts)
    of_run = settings.epochs * min(len(task.train) for task in labelled.tasks)
    work = 2 * sum(_steps(part, labelled, settings) * _batch(part, settings) for part in parts) / of_run
    say(
        f"label efficiency: {len(parts)} draws of the labels, so up to {networks:,} more networks, half of them from "
        f"scratch; in steps, up to {work:.1f} times the run itself"
    )


def _network_trials(
    out: Path,
    starts: Sequence[InitialWeights],
    part: Part,
    labelled: LabeledClips,
    own: tuple[Members, Members],
    settings: FinetuneSettings,
) -> Iterator[Trial]:
    tasks = [_task_of(part, fold, labelled, settings) for fold in range(len(labelled.tasks))]
    folder = out / FOLDER / f"{part.fraction:g}" / f"seed-{part.draw + 1}"
    chosen = settings_of(part, labelled, settings)
    members = own[0] or train_members(folder, tasks, starts, chosen)
    scratch = own[1] or train_from_scratch(folder, tasks, starts, chosen)
    if len(starts) == 1:
        (name, folds), *_ = members.items()
        heads = concatenate_folds(name, [(member.head_only, member.head_only_thresholds) for member in folds])
        yield _trial(part, f"head alone, {name}", heads, model=True)
    for pretrained, found in ((True, members), (False, scratch)):
        name = starts[0].name if len(starts) == 1 else f"{len(starts)} networks"
        together = prediction_of(name, ensemble_outputs(found, tasks, chosen.ensemble, chosen.positive_share))
        yield _trial(part, name if pretrained else f"{name}, from scratch", together, model=pretrained)


def _linear_trials(
    part: Part, labelled: LabeledClips, described: DescribedClips, settings: FinetuneSettings
) -> Iterator[Trial]:
    """Yields linear models that are fitted to all labels of a part: they choose in folds of them."""
    table = labelled.table
    fitted = [np.sort(np.concatenate(both)) for both in zip(part.train, part.validation, strict=True)]
    inner = []
    for rows in fitted:
        few = table.select(rows)
        speakers = len(set(few.speakers if few.speakers is not None else map(str, few.paths)))
        inner.append(speaker_folds(few, max(2, min(INNER_FOLDS, speakers)), settings.seed))
    tests = [test for _, test in labelled.division.folds]
    division = Division(list(zip(fitted, tests, strict=True)), inner, labelled.division.given)
    for prediction in linear_rows(described, labelled, division, settings):
        if prediction.name != CHANCE:
            yield _trial(part, prediction.name, prediction, model=False)


def _trial(part: Part, name: str, prediction: Prediction, *, model: bool) -> Trial:
    return Trial(name, part.fraction, part.clips, part.draw, prediction, model)


def _by_line(trials: Sequence[Trial]) -> Iterator[Trial]:
    """Yields trials of networks first, what is judged before what it is compared with."""
    order = list(dict.fromkeys(trial.name for trial in reversed(trials)))
    yield from sorted(trials, key=lambda trial: (not trial.model, order.index(trial.name)))


def _task_of(part: Part, fold: int, labelled: LabeledClips, settings: FinetuneSettings) -> Task:
    """Returns the task of a part, on a store that holds its clips and those to score, and no others."""
    task = labelled.tasks[fold]
    train, validation = labelled.rows[part.train[fold]], labelled.rows[part.validation[fold]]
    clips = np.unique(np.concatenate([train, validation, task.test]))
    return replace(
        task,
        store=opener(settings)(clips_of(labelled.readable.select(clips))),
        targets=task.targets[clips],
        train=np.searchsorted(clips, train),
        validation=np.searchsorted(clips, validation),
        test=np.searchsorted(clips, task.test),
        voices=None,
    )


def settings_of(part: Part, labelled: LabeledClips, settings: FinetuneSettings) -> FinetuneSettings:
    """Returns the settings that a part is trained with: seeds of its own, and epochs enough for its steps."""
    epochs = -(-_steps(part, labelled, settings) // _batches(part, settings))
    patience = max(settings.patience, round(settings.patience * epochs / settings.epochs))
    changes = {"seed": settings.seed + part.draw, "seeds": 1, "epochs": epochs, "patience": patience}
    return settings.model_copy(update=changes)


def _steps(part: Part, labelled: LabeledClips, settings: FinetuneSettings) -> int:
    whole = min(len(task.train) for task in labelled.tasks)
    of_whole = settings.epochs * (whole // min(settings.batch_size, whole))
    return max(settings.epochs * _batches(part, settings), min(MIN_STEPS, of_whole))


def _batches(part: Part, settings: FinetuneSettings) -> int:
    return min(map(len, part.train)) // _batch(part, settings)


def _batch(part: Part, settings: FinetuneSettings) -> int:
    return min(settings.batch_size, min(map(len, part.train)))


def _cost(part: Part, labelled: LabeledClips, settings: FinetuneSettings) -> float:
    """Returns roughly how many clips go through a network: forward and back in training, and three times to be heard.

    A step forward and back is counted as three passes.
    """
    heard = part.clips + len(labelled.tasks[0].test)
    return 3 * _steps(part, labelled, settings) * _batch(part, settings) + 3 * heard


def _words(n_starts: int, labelled: LabeledClips, settings: FinetuneSettings) -> str:
    networks = "the network begins" if n_starts == 1 else "networks begin"
    return (
        f"The same training with parts of the labels, each drawn {settings.fraction_seeds} times; smaller parts of a "
        "draw lie in its larger ones, and emotions keep their shares. Training and validation clips are drawn alike: "
        "the clips counted here are all that anything was learned from or chosen by; the scored clips are always the "
        f"same. From scratch, {networks} with random weights, and all else is equal. A part gets as many steps as the "
        f"whole, up to {MIN_STEPS}, and more only where its epochs hold more. Linear models are fitted to training "
        f"and validation clips together and choose in folds of them.{more_of_all(labelled)}"
    )


def more_of_all(labelled: LabeledClips) -> str:
    """Returns what sets a linear model of all labels apart from the baseline of the same name, empty where nothing."""
    (rows, _), *_ = labelled.division.folds
    train, validation, _ = three_parts(labelled.table, labelled.division, 0)
    if len(train) + len(validation) == len(rows):
        return ""
    return (
        f" So with all labels they have {len(train) + len(validation):,} clips, and the baselines of the same names in "
        f"the table of results, which are fitted to training clips alone, have {len(rows):,}: their values differ."
    )
