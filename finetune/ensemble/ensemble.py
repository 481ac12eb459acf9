"""Members into one answer: the mean of their probabilities, weights learned on validation speakers, or votes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import LinearConstraint, minimize

from emoclr.evaluate.metrics.arrays import Array
from emoclr.evaluate.metrics.thresholds import tune_thresholds
from emoclr.evaluate.scores import Prediction
from emoclr.finetune.data.labeled_clips import Task
from emoclr.finetune.model.model import EnsembleMethod, combine
from emoclr.finetune.training.member import Member
from emoclr.finetune.training.members import Members
from emoclr.probe.protocol import concatenate_folds

PRIOR_CLIPS = 20.0
"""How many clips' worth of validation it takes to move weights away from equal."""
MIN_PROBABILITY = 1e-6
"""Probabilities are this far from 0 and 1 where their logarithm is taken."""


@dataclass(frozen=True)
class EnsembleOutput:
    """What the members of a fold say together of its test clips.

    Attributes:
        test: (clips, emotions) probabilities, or shares of votes.
        uncalibrated: (clips, emotions) the same of what the members say before their temperatures; of `vote`, which
            temperatures do not change, that of the mean.
        calibrated: (clips, emotions) what `uncalibrated` becomes by them.
        thresholds: (emotions,) tuned on the validation clips.
        weights: (members,) of their probabilities; equal but for `weighted`.
    """

    test: Array
    uncalibrated: Array
    calibrated: Array
    thresholds: Array
    weights: Array


def ensemble_outputs(
    members: Members, tasks: Sequence[Task], how: EnsembleMethod, positive_share: float
) -> list[EnsembleOutput]:
    """Returns what all members say together in each fold; see `combine_members`."""
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


def prediction_of(name: str, together: Sequence[EnsembleOutput], note: str = "") -> Prediction:
    """Returns what an ensemble says of the test clips of all folds, as a row of a report."""
    return concatenate_folds(name, [(fold.test, fold.thresholds) for fold in together], note)


def combine_members(
    members: Sequence[Member], targets: npt.ArrayLike, how: EnsembleMethod, positive_share: float, single_label: bool
) -> EnsembleOutput:
    """Returns what members say together; all that is chosen is chosen on validation clips.

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
    weights = np.full(len(members), 1 / len(members))
    if how == "weighted":
        weights = fit_weights(targets, validation)
    joint = combine(validation, thresholds, how, weights, single_label)
    chosen = np.full(joint.shape[1], majority(len(members)))
    if how != "vote":
        chosen = tune_thresholds(targets, joint, positive_share)
    return EnsembleOutput(
        test=combine(test, thresholds, how, weights, single_label),
        uncalibrated=combine(uncalibrated, thresholds, "weighted", weights),
        calibrated=combine(test, thresholds, "weighted", weights),
        thresholds=chosen,
        weights=weights,
    )


def majority(n_members: int) -> float:
    """Returns the threshold of shares of votes that more than half of the members reach, and half of them do not.

    There is nothing to tune about it.
    """
    return (n_members // 2 + 0.5) / n_members


def thresholds_of(together: Sequence[EnsembleOutput], how: EnsembleMethod, n_members: int) -> Array:
    """Returns the thresholds (emotions,) of all members of all folds at once: the mean over folds, or a majority.

    Args:
        together: what the members of each fold say together.
        how: the members are combined.
        n_members: of all folds.
    """
    mean = np.asarray(np.mean([fold.thresholds for fold in together], axis=0), dtype=np.float64)
    return np.full_like(mean, majority(n_members)) if how == "vote" else mean


def fit_weights(targets: npt.ArrayLike, probabilities: Array) -> Array:
    """Returns the weights (members,), at least 0 and in sum 1, whose mean of probabilities has the least log loss.

    The loss is convex in the weights. A penalty of `PRIOR_CLIPS / n` times the divergence KL(weights || equal) keeps
    them near equal where validation clips are few: a mean of similar models is hard to beat, and easy to overfit.

    Args:
        targets: (n, emotions) shares in [0, 1], of clips that no member was fitted to.
        probabilities: (members, n, emotions), calibrated.
    """
    target = np.asarray(targets, dtype=np.float64)
    answers = np.clip(np.asarray(probabilities, dtype=np.float64), MIN_PROBABILITY, 1 - MIN_PROBABILITY)
    n_members, prior = len(answers), PRIOR_CLIPS / max(1, len(target))

    def loss(weights: Array) -> tuple[float, Array]:
        joint = np.tensordot(weights, answers, axes=1)  # (n, emotions)
        fit = -np.mean(target * np.log(joint) + (1 - target) * np.log1p(-joint))
        slope = np.mean(((joint - target) / (joint * (1 - joint))) * answers, axis=(1, 2))  # (members,)
        divergence = float(np.sum(weights * np.log(weights * n_members)))
        return float(fit) + prior * divergence, slope + prior * (np.log(weights * n_members) + 1)

    found = minimize(
        loss,
        np.full(n_members, 1 / n_members),
        jac=True,
        method="SLSQP",
        # Below this the logarithm ends, and the share of a member is none.
        bounds=[(MIN_PROBABILITY, 1.0)] * n_members,
        constraints=LinearConstraint(np.ones((1, n_members)), 1, 1),
        options={"ftol": 1e-12, "maxiter": 500},
    )
    weights = np.clip(np.asarray(found.x, dtype=np.float64), 0.0, 1.0)
    return np.asarray(weights / weights.sum(), dtype=np.float64)
