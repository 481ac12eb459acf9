"""Label efficiency: the same training with parts of the labels, pretrained and from scratch."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from emoclr.configs.console import say
from emoclr.configs.errors import EmoclrError
from emoclr.corpus.clips.sources import clips_of
from emoclr.corpus.decoded.cache_settings import opener
from emoclr.corpus.labels.division import Division, inner_folds, train_validation_test
from emoclr.corpus.labels.label_subset import TooFewClips, label_subset
from emoclr.evaluate.report.section import Section
from emoclr.evaluate.scores import CHANCE, Prediction, concatenate_folds
from emoclr.evaluate.studies.label_efficiency import Trial, efficiency_section
from emoclr.finetune.data.labeled_clips import LabeledClips, Rows, Task
from emoclr.finetune.ensemble.baselines import SimpleFeatures, linear_rows
from emoclr.finetune.ensemble.ensemble import ensemble_outputs, prediction_of
from emoclr.finetune.ensemble.report_rows import from_scratch
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.studies.context import Context
from emoclr.finetune.training.initial_weights import InitialWeights
from emoclr.finetune.training.members import Members, train_from_scratch, train_members

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


def parts_of(labeled: LabeledClips, settings: FinetuneSettings) -> tuple[list[Part], dict[float, str]]:
    """Returns every draw of every fraction, small ones first, and for each fraction that is too small why it is.

    Training and validation clips are drawn alike: who has few labels has few to choose by.

    Raises:
        EmoclrError: all fractions are too small.
    """
    table, share = labeled.table, settings.positive_share
    folds = [train_validation_test(table, labeled.division, fold) for fold in range(len(labeled.tasks))]
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
        except TooFewClips as error:
            too_small[fraction] = str(error)
        else:
            parts += drawn
    if not parts:
        reasons = "; ".join(f"{fraction:g}: {why}" for fraction, why in too_small.items())
        raise EmoclrError(f"{table.source}: every part of the labels is too small ({reasons})")
    return parts, too_small


def label_efficiency(context: Context) -> Section | None:
    """Trains with every part of the labels, with and without pretraining; None where no fractions are asked for.

    Networks land in `fractions/` below the run, and those that are finished there are not trained again. The first draw
    of all labels is the run itself: its members of one seed, and those from scratch where it has some.
    """
    settings, labeled = context.settings, context.labeled
    if not settings.fractions:
        return None
    parts, too_small = parts_of(labeled, settings)
    trials = [trial for part in parts for trial in _linear_trials(part, labeled, context.features, settings)]
    began, done = time.monotonic(), 0.0
    costs = [_cost(part, labeled, settings) for part in parts]
    for number, (part, cost) in enumerate(zip(parts, costs, strict=True), start=1):
        trials += _network_trials(part, context)
        done += cost
        left_min = (time.monotonic() - began) / done * (sum(costs) - done) / 60
        say(f"label efficiency: {number} of {len(parts)} draws, about {left_min:.0f} min left")
    text = _text(len(context.inputs.initial_weights), labeled, settings)
    return efficiency_section(context.truth, list(_by_line(trials)), too_small, text)


def announce(initial_weights: Sequence[InitialWeights], labeled: LabeledClips, settings: FinetuneSettings) -> None:
    """Says how many networks there are to train before the first one is.

    Raises:
        EmoclrError: all fractions are too small.
    """
    parts, _ = parts_of(labeled, settings)
    networks = 2 * len(initial_weights) * len(labeled.tasks) * len(parts)
    of_run = settings.epochs * min(len(task.train) for task in labeled.tasks)
    work = 2 * sum(_steps(part, labeled, settings) * _batch(part, settings) for part in parts) / of_run
    say(
        f"label efficiency: {len(parts)} draws of the labels, so up to {networks:,} more networks, half of them from "
        f"scratch; in steps, up to {work:.1f} times the run itself"
    )


def _network_trials(part: Part, context: Context) -> Iterator[Trial]:
    """Yields networks that are trained on a part, pretrained and from scratch."""
    labeled, initial_weights = context.labeled, context.inputs.initial_weights
    tasks = [_task_of(part, fold, labeled, context.settings) for fold in range(len(labeled.tasks))]
    folder = context.out / FOLDER / f"{part.fraction:g}" / f"seed-{part.draw + 1}"
    chosen = settings_of(part, labeled, context.settings)
    members, scratch = _networks_of_run(part, context)
    members = members or train_members(folder, tasks, initial_weights, chosen)
    scratch = scratch or train_from_scratch(folder, tasks, initial_weights, chosen)
    single = len(initial_weights) == 1
    if single:
        (name, folds), *_ = members.items()
        heads = concatenate_folds(name, [(member.head_only, member.head_only_thresholds) for member in folds])
        yield _trial(part, f"head alone, {name}", heads, model=True)
    for pretrained, networks in ((True, members), (False, scratch)):
        name = initial_weights[0].name if single else f"{len(initial_weights)} networks"
        outputs = ensemble_outputs(networks, tasks, chosen.ensemble, chosen.positive_share)
        prediction = prediction_of(name, outputs)
        yield _trial(part, name if pretrained else from_scratch(name), prediction, model=pretrained)


def _networks_of_run(part: Part, context: Context) -> tuple[Members, Members]:
    """Returns the run's own networks, pretrained and from scratch, for the first draw of all labels; else none."""
    if part.fraction == 1 and part.draw == 0:
        return context.networks.different_backbones, context.networks.from_scratch
    return {}, {}


def _linear_trials(
    part: Part, labeled: LabeledClips, features: SimpleFeatures, settings: FinetuneSettings
) -> Iterator[Trial]:
    """Yields linear models that are fitted to all labels of a part: they choose in folds of them."""
    table = labeled.table
    fitted = [np.sort(np.concatenate(both)) for both in zip(part.train, part.validation, strict=True)]
    inner = [inner_folds(table, rows, settings.seed) for rows in fitted]
    tests = [test for _, test in labeled.division.folds]
    division = Division(list(zip(fitted, tests, strict=True)), inner, labeled.division.given)
    for prediction in linear_rows(features, labeled, division, settings):
        if prediction.name != CHANCE:
            yield _trial(part, prediction.name, prediction, model=False)


def _trial(part: Part, name: str, prediction: Prediction, *, model: bool) -> Trial:
    return Trial(name, part.fraction, part.clips, part.draw, prediction, model)


def _by_line(trials: Sequence[Trial]) -> Iterator[Trial]:
    """Yields trials of networks before those of linear models."""
    order = list(dict.fromkeys(trial.name for trial in reversed(trials)))
    yield from sorted(trials, key=lambda trial: (not trial.model, order.index(trial.name)))


def _task_of(part: Part, fold: int, labeled: LabeledClips, settings: FinetuneSettings) -> Task:
    """Returns the task of a part, on a store that holds its clips and those to score, and no others."""
    task = labeled.tasks[fold]
    train, validation = labeled.rows[part.train[fold]], labeled.rows[part.validation[fold]]
    clips = np.unique(np.concatenate([train, validation, task.test]))
    return replace(
        task,
        store=opener(settings)(clips_of(labeled.readable.select(clips))),
        targets=task.targets[clips],
        train=np.searchsorted(clips, train),
        validation=np.searchsorted(clips, validation),
        test=np.searchsorted(clips, task.test),
        voices=None,
    )


def settings_of(part: Part, labeled: LabeledClips, settings: FinetuneSettings) -> FinetuneSettings:
    """Returns the settings that a part is trained with: seeds of its own, and epochs enough for its steps."""
    epochs = -(-_steps(part, labeled, settings) // _batches(part, settings))
    patience = max(settings.patience, round(settings.patience * epochs / settings.epochs))
    changes = {"seed": settings.seed + part.draw, "seeds": 1, "epochs": epochs, "patience": patience}
    return settings.model_copy(update=changes)


def _steps(part: Part, labeled: LabeledClips, settings: FinetuneSettings) -> int:
    whole = min(len(task.train) for task in labeled.tasks)
    of_whole = settings.epochs * (whole // min(settings.batch_size, whole))
    return max(settings.epochs * _batches(part, settings), min(MIN_STEPS, of_whole))


def _batches(part: Part, settings: FinetuneSettings) -> int:
    return min(map(len, part.train)) // _batch(part, settings)


def _batch(part: Part, settings: FinetuneSettings) -> int:
    return min(settings.batch_size, min(map(len, part.train)))


def _cost(part: Part, labeled: LabeledClips, settings: FinetuneSettings) -> float:
    """Returns roughly how many clips go through a network: three passes for a step of training, three embeddings."""
    embedded = part.clips + len(labeled.tasks[0].test)
    return 3 * _steps(part, labeled, settings) * _batch(part, settings) + 3 * embedded


def _text(n_backbones: int, labeled: LabeledClips, settings: FinetuneSettings) -> str:
    networks = "the network begins" if n_backbones == 1 else "networks begin"
    return (
        f"The same training with parts of the labels, each drawn {settings.fraction_seeds} times; smaller parts of a "
        "draw lie in its larger ones, and emotions keep their shares. Training and validation clips are drawn alike: "
        "the clips counted here are all that anything was learned from or chosen by; the scored clips are always the "
        f"same. From scratch, {networks} with random weights, and all else is equal. A part gets as many steps as the "
        f"whole, up to {MIN_STEPS}, and more only where its epochs hold more. Linear models are fitted to training "
        f"and validation clips together and choose in folds of them.{more_of_all(labeled)}"
    )


def more_of_all(labeled: LabeledClips) -> str:
    """Returns what sets a linear model of all labels apart from the baseline of the same name, empty where nothing."""
    (rows, _), *_ = labeled.division.folds
    train, validation, _ = train_validation_test(labeled.table, labeled.division, 0)
    if len(train) + len(validation) == len(rows):
        return ""
    return (
        f" So with all labels they have {len(train) + len(validation):,} clips, and the baselines of the same names in "
        f"the table of results, which are fitted to training clips alone, have {len(rows):,}: their values differ."
    )
