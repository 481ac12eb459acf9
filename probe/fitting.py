"""Linear probes of all features in all folds, and what they answer."""

from collections.abc import Mapping, Sequence

import numpy as np

from emoclr.configs.console import track
from emoclr.corpus.labels.division import Division
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.evaluate.linear_probe import LinearProbe
from emoclr.evaluate.metrics.arrays import Array
from emoclr.evaluate.metrics.thresholds import tune_thresholds
from emoclr.evaluate.paired import UNTRAINED
from emoclr.evaluate.scores import CHANCE, ENSEMBLE, Prediction, concatenate_folds
from emoclr.pretrain.encoder.embedding import Embeddings
from emoclr.probe.features.features import Features, of_fold, twins_of
from emoclr.probe.features.logmel import chance_probabilities

Fits = dict[str, list[LinearProbe]]
"""For each features' name its probe of each fold."""


def fit_probes(
    matrices: Mapping[str, Embeddings], table: LabelTable, division: Division, positive_share: float
) -> Fits:
    """Returns a probe for each features and fold.

    Args:
        matrices: for each features' name float32 (clips, features), rows as in the table; or of each fold.
        table: labels of the clips.
        division: which clips each fold fits to.
        positive_share: the share from which an emotion is there.
    """
    fits: Fits = {name: [] for name in matrices}
    for name, fold in track([(name, fold) for name in matrices for fold in range(len(division.folds))], "fitting"):
        fits[name].append(fit_probe(matrices[name], table, division, fold, positive_share))
    return fits


def fit_probe(
    matrix: Embeddings, table: LabelTable, division: Division, fold: int, positive_share: float
) -> LinearProbe:
    """Returns the probe of one fold; see `fit_probes`."""
    train, _ = division.folds[fold]
    probe = LinearProbe(table.single_label, positive_share)
    return probe.fit(of_fold(matrix, fold)[train], table.targets[train], division.inner[fold])


def scored_rows(matrices: Mapping[str, Embeddings], division: Division) -> list[dict[str, Embeddings]]:
    """Returns for each fold the features (clips, features) of the clips that it scores, by name."""
    return [
        {name: of_fold(matrix, fold)[test] for name, matrix in matrices.items()}
        for fold, (_, test) in enumerate(division.folds)
    ]


def predictions_of(
    features: Sequence[Features],
    fits: Fits,
    scored: Sequence[Mapping[str, Embeddings]],
    table: LabelTable,
    division: Division,
) -> tuple[list[Prediction], list[Prediction]]:
    """Returns the models' predictions and the baselines', each with its ensemble where there are several encoders.

    Args:
        features: what the probes were fitted to.
        fits: the probes.
        scored: for each fold the clips to answer for: (n, features) by features' name.
        table: labels of the clips that were fitted to.
        division: which clips each fold fitted to.
    """
    trained = [described for described in features if described.trained]
    twins = twins_of(features)
    others = [described for described in features if not described.trained and described not in twins]

    def alone(described: Features) -> list[tuple[Array, Array]]:
        probes = fits[described.name]
        return [
            (probe.predict_proba(rows[described.name]), probe.thresholds_)
            for probe, rows in zip(probes, scored, strict=True)
        ]

    def together(members: Sequence[Features]) -> list[tuple[Array, Array]]:
        answers = [alone(member) for member in members]
        return [
            (
                np.mean([folds[fold][0] for folds in answers], axis=0),
                _joint_thresholds([fits[member.name][fold] for member in members], table.targets[train]),
            )
            for fold, (train, _) in enumerate(division.folds)
        ]

    models = [concatenate_folds(described.name, alone(described), described.note) for described in trained]
    baselines = [concatenate_folds(twin.name, alone(twin)) for twin in twins]
    if len(trained) > 1:
        note = f"mean of {len(trained)} probabilities"
        models.insert(0, concatenate_folds(ENSEMBLE, together(trained), note))
        if twins:
            baselines.insert(0, concatenate_folds(f"{UNTRAINED} {ENSEMBLE}", together(twins), note))
    baselines += [concatenate_folds(other.name, alone(other), other.note) for other in others]
    prior = chance_probabilities(table.targets[division.fitted], sum(len(next(iter(rows.values()))) for rows in scored))
    baselines.append(Prediction(CHANCE, prior, prior, "the shares of the clips fitted to"))
    return models, baselines


def models_to_compare(models: Sequence[Prediction], baselines: Sequence[Prediction]) -> list[Prediction]:
    """Returns the headline model and the baselines that its studies set against it: all but chance.

    Of untrained twins, that of the headline model stands for all.
    """
    headline = models[0]
    twin = f"{UNTRAINED} {headline.name}"
    others = [
        baseline
        for baseline in baselines
        if baseline.name != CHANCE and (baseline.name == twin or not baseline.name.startswith(f"{UNTRAINED} "))
    ]
    return [headline, *others]


def _joint_thresholds(probes: Sequence[LinearProbe], targets: np.typing.NDArray[np.float32]) -> Array:
    out_of_fold = np.mean([probe.out_of_fold_ for probe in probes], axis=0)
    return tune_thresholds(targets, out_of_fold, probes[0].positive_share)
