"""Predictions of an ensemble, fold by fold: combined probabilities, thresholds and weights."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emoclr.evaluate.metrics.arrays import Array
from emoclr.evaluate.metrics.thresholds import tune_thresholds
from emoclr.evaluate.scores import Prediction, concatenate_folds
from emoclr.finetune.data.labeled_clips import Task
from emoclr.finetune.model.combination import COMBINATIONS, EnsembleMethod, equal_weights, fit_weights, weighted_mean
from emoclr.finetune.training.member import Member
from emoclr.finetune.training.members import Members


@dataclass(frozen=True)
class EnsembleOutput:
    """The predictions of the ensemble of a fold for its test clips.

    Attributes:
        test: (clips, emotions) probabilities, or shares of votes.
        uncalibrated: (clips, emotions) the weighted mean of the members' probabilities before temperatures.
        calibrated: (clips, emotions) the same after temperatures.
        thresholds: (emotions,) tuned on the validation clips, or fixed.
        weights: (members,) of their probabilities; equal where the combination fits none.
    """

    test: Array
    uncalibrated: Array
    calibrated: Array
    thresholds: Array
    weights: Array


def ensemble_outputs(
    members: Members, tasks: Sequence[Task], how: EnsembleMethod, positive_share: float
) -> list[EnsembleOutput]:
    """Returns the output of the ensemble in each fold; see `combine_members`."""
    return [
        combine_members(
            [folds[fold] for folds in members.values()],
            task.targets[task.validation],
            how,
            positive_share,
            task.single_label,
        )
        for fold, task in enumerate(tasks)
    ]


def prediction_of(name: str, outputs: Sequence[EnsembleOutput], note: str = "") -> Prediction:
    """Returns the predictions of an ensemble for the test clips of all folds, as a row of a report."""
    return concatenate_folds(name, [(fold.test, fold.thresholds) for fold in outputs], note)


def combine_members(
    members: Sequence[Member], targets: npt.ArrayLike, how: EnsembleMethod, positive_share: float, single_label: bool
) -> EnsembleOutput:
    """Returns the output of an ensemble; thresholds and weights are chosen on validation clips.

    Args:
        members: of one fold.
        targets: (validation clips, emotions) shares in [0, 1].
        how: the members are combined.
        positive_share: the share from which an emotion is there.
        single_label: whether each clip carries exactly one emotion.
    """
    validation, test, uncalibrated = (
        np.stack([getattr(member, part) for member in members]) for part in ("validation", "test", "uncalibrated")
    )
    thresholds = np.array([member.card.thresholds for member in members])
    combination = COMBINATIONS[how]
    weights = fit_weights(targets, validation) if combination.fits_weights else equal_weights(len(members))
    if combination.fixed_threshold is not None:
        chosen = np.full(validation.shape[2], combination.fixed_threshold(len(members)))
    else:
        joint = combination.function(validation, thresholds, weights, single_label)
        chosen = tune_thresholds(targets, joint, positive_share)
    return EnsembleOutput(
        test=combination.function(test, thresholds, weights, single_label),
        uncalibrated=weighted_mean(uncalibrated, weights),
        calibrated=weighted_mean(test, weights),
        thresholds=chosen,
        weights=weights,
    )


def thresholds_of(outputs: Sequence[EnsembleOutput], how: EnsembleMethod, n_members: int) -> Array:
    """Returns the thresholds (emotions,) of the ensemble of all folds: fixed ones, or the mean over folds.

    Args:
        outputs: of each fold.
        how: the members are combined.
        n_members: of all folds.
    """
    mean = np.asarray(np.mean([fold.thresholds for fold in outputs], axis=0), dtype=np.float64)
    fixed = COMBINATIONS[how].fixed_threshold
    return mean if fixed is None else np.full_like(mean, fixed(n_members))


def weights_of(outputs: Sequence[EnsembleOutput]) -> Array:
    """Returns the weights of the members of all folds, in sum 1, the folds of a member one after the other."""
    return np.stack([fold.weights for fold in outputs], axis=1).ravel() / len(outputs)
