"""What an ensemble is worth: paired differences from its members, and different backbones against seeds of the best."""

from collections.abc import Sequence

import numpy as np

from emoclr.configs.console import track
from emoclr.evaluate.metrics.registry import METRICS, comparison_columns
from emoclr.evaluate.paired import paired_differences
from emoclr.evaluate.report.formatting import in_words, json_metrics, number
from emoclr.evaluate.report.section import Section, Table
from emoclr.evaluate.scores import ENSEMBLE, Prediction, Truth, concatenate_folds
from emoclr.finetune.data.labeled_clips import Task
from emoclr.finetune.ensemble.ensemble import combine_members, ensemble_outputs, prediction_of
from emoclr.finetune.ensemble.report_rows import ensemble_name, member_row
from emoclr.finetune.model.combination import COMBINATIONS, fit_weights
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.studies.best_epochs import best_epoch, same_networks
from emoclr.finetune.studies.context import Context
from emoclr.finetune.training.members import Members, SeedsOfBest, backbone_of, best_member, seeds_of

BEST = "the best single network"

Pair = tuple[Prediction, Prediction]


def ensemble_comparison(context: Context) -> Section | None:
    """Returns what the ensemble is worth; None where there is one member."""
    if len(context.members) == 1:
        return None
    networks = context.networks
    return ensemble_section(
        context.truth,
        context.members,
        context.tasks,
        context.settings,
        networks.different_backbones,
        networks.seeds_of_best,
    )


def ensemble_section(
    truth: Truth,
    members: Members,
    tasks: Sequence[Task],
    settings: FinetuneSettings,
    different: Members | None = None,
    seeds: Sequence[SeedsOfBest] | None = None,
) -> Section:
    """Returns paired differences of the ensemble to all it could be replaced by, each with its interval over speakers.

    Args:
        truth: the scored clips.
        members: of the ensemble, several.
        tasks: of each fold.
        settings: of the run.
        different: the first seed of each backbone, and ...
        seeds: ... of each fold the seeds of its best one, to be compared with that.
    """
    outputs = ensemble_outputs(members, tasks, settings.ensemble, settings.positive_share)
    ensemble = prediction_of(ENSEMBLE, outputs)
    best = [best_member(members, fold) for fold in range(len(tasks))]
    chosen = [members[name][fold] for fold, name in enumerate(best)]
    single = concatenate_folds(BEST, [(member.test, np.array(member.card.thresholds)) for member in chosen])
    others = [
        prediction_of(ensemble_name(how), ensemble_outputs(members, tasks, how, settings.positive_share))
        for how in COMBINATIONS
        if how != settings.ensemble
    ]
    pairs: list[Pair] = [(ensemble, other) for other in (single, *others)]
    pairs += [(ensemble, member_row(name, folds)) for name, folds in members.items()]
    if different is not None and seeds is not None:
        pairs.insert(1, (_different(different, tasks, settings), _same(seeds, tasks, settings)))
    found = [
        (f"{first.name} − {second.name}", paired_differences(truth, first, second))
        for first, second in track(pairs, "differences")
    ]
    columns = comparison_columns(truth.single_label)
    metric = truth.headline[0]
    judged = pairs[: 2 if seeds else 1]
    n_speakers = len(set(truth.speakers))
    verdicts = [
        f"{first.name.capitalize()} against {second.name}: {in_words(found[place][1][metric], n_speakers, metric)}."
        for place, (first, second) in enumerate(judged)
    ]
    weights = _weights(members, tasks)
    return Section(
        name="ensemble",
        title="What the ensemble is worth",
        text=" ".join([_how(best, len(tasks), settings), *verdicts, *_copies(members, seeds, len(tasks))]),
        tables=[
            Table(
                ["difference", *(METRICS[name].label for name in columns)],
                [[label, *(metrics[name] for name in columns)] for label, metrics in found],
                "Differences",
            ),
            Table(["network", "weight"], [[name, number(weight)] for name, weight in weights.items()], "Weights"),
        ],
        data={
            "how": settings.ensemble,
            "best": best,
            "seeds_of": [fold.backbone for fold in seeds] if seeds else None,
            "seeds_best_epochs": [[best_epoch(member) for member in fold.members] for fold in seeds or []],
            "weights": {name: round(weight, 6) for name, weight in weights.items()},
            "differences": {label: json_metrics(metrics) for label, metrics in found},
        },
    )


def _different(members: Members, tasks: Sequence[Task], settings: FinetuneSettings) -> Prediction:
    outputs = ensemble_outputs(members, tasks, settings.ensemble, settings.positive_share)
    return prediction_of(f"{len(members)} different backbones", outputs)


def _same(seeds: Sequence[SeedsOfBest], tasks: Sequence[Task], settings: FinetuneSettings) -> Prediction:
    outputs = [
        combine_members(
            fold.members,
            task.targets[task.validation],
            settings.ensemble,
            settings.positive_share,
            task.single_label,
        )
        for fold, task in zip(seeds, tasks, strict=True)
    ]
    named = " or ".join(dict.fromkeys(fold.backbone for fold in seeds))
    return prediction_of(f"{len(seeds[0].members)} seeds of {named}", outputs)


def _copies(members: Members, seeds: Sequence[SeedsOfBest] | None, n_folds: int) -> list[str]:
    """Returns, in sentences, how many of the seeds that are set against each other are copies of one network."""
    found = []
    for fold in range(n_folds):
        backbones = list(dict.fromkeys(map(backbone_of, members)))
        groups = {f"seeds of {name} in the ensemble": seeds_of(members, name, fold) for name in backbones}
        if seeds:
            groups[f"seeds of {seeds[fold].backbone} to compare with"] = list(seeds[fold].members)
        where = f"Fold {fold + 1}: " if n_folds > 1 else ""
        found += [f"{where}{told}." for what, some in groups.items() if (told := same_networks(what, some))]
    return found


def _weights(members: Members, tasks: Sequence[Task]) -> dict[str, float]:
    """Returns the weight of each member that is fitted on validation speakers, the mean over folds."""
    weights = [
        fit_weights(task.targets[task.validation], np.stack([folds[fold].validation for folds in members.values()]))
        for fold, task in enumerate(tasks)
    ]
    return dict(zip(members, np.mean(weights, axis=0).tolist(), strict=True))


def _how(best: Sequence[str], n_folds: int, settings: FinetuneSettings) -> str:
    names = list(dict.fromkeys(best))
    in_folds = ", fold by fold" if n_folds > 1 else ""
    return (
        "Both sides of a difference are measured on the same resamples of speakers; an interval that does not hold 0 "
        "is a difference that these trained networks would show again in other speakers like these. Networks of "
        f"another seed may differ otherwise. {BEST.capitalize()} is the one with the highest macro AUROC on validation "
        f"speakers{in_folds}: {' or '.join(names)}. Weights are those with the "
        "least log loss on validation speakers, drawn towards equal where their clips are few."
    )
