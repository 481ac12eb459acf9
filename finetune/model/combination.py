"""Ways of combining the probabilities of an ensemble's members. A new one is a function and an entry of `COMBINATIONS`.

Arrays only: `M` stands for members, `n` for clips, `e` for emotions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from emoclr.evaluate.metrics.arrays import Array

PRIOR_CLIPS = 20.0
"""How many clips' worth of validation it takes to move weights away from equal."""
MIN_PROBABILITY = 1e-6
"""Probabilities are this far from 0 and 1 where their logarithm is taken."""


@dataclass(frozen=True)
class Combination:
    """A way of combining members.

    Attributes:
        function: gives (n, e) of probabilities (M, n, e), the members' thresholds (M, e), their weights (M,), and
            whether each clip carries exactly one emotion.
        fits_weights: whether weights are fitted on validation clips; else they are equal.
        fixed_threshold: the threshold of the combined values by the number of members; None to tune it on validation.
        description: in a few words, for the settings.
        summary: for the summary of a report; `{unit}` stands for speakers or recordings.
        calibration: which probabilities the calibration of a report compares.
    """

    function: Callable[[Array, Array, Array, bool], Array]
    fits_weights: bool
    fixed_threshold: Callable[[int], float] | None
    description: str
    summary: str
    calibration: str


def weighted_mean(probabilities: Array, weights: Array) -> Array:
    """Returns the mean (n, e) of probabilities (M, n, e) under weights (M,), at least 0 and in sum 1."""
    return np.asarray(np.tensordot(weights, probabilities, axes=1), dtype=np.float64)


def mean(probabilities: Array) -> Array:
    """Returns the mean (n, e) of probabilities (M, n, e)."""
    return np.asarray(probabilities.mean(axis=0), dtype=np.float64)


def vote(probabilities: Array, thresholds: Array, single_label: bool) -> Array:
    """Returns the share (n, e) of members whose probability reaches their threshold.

    Where there is a single label, each member votes for its likeliest emotion, and the mean counts as one voter more:
    it decides only where votes are level.
    """
    if not single_label:
        return np.asarray((probabilities >= thresholds[:, None]).mean(axis=0), dtype=np.float64)
    votes = np.eye(probabilities.shape[2])[probabilities.argmax(axis=2)].sum(axis=0)
    return np.asarray((votes + mean(probabilities)) / (len(probabilities) + 1), dtype=np.float64)


def majority(n_members: int) -> float:
    """Returns the threshold of shares of votes that more than half of the members reach, and half of them do not."""
    return (n_members // 2 + 0.5) / n_members


COMBINATIONS = {
    "mean": Combination(
        function=lambda probabilities, thresholds, weights, single_label: mean(probabilities),
        fits_weights=False,
        fixed_threshold=None,
        description="mean of probabilities",
        summary="mean of their calibrated probabilities",
        calibration="the mean of the members' probabilities",
    ),
    "weighted": Combination(
        function=lambda probabilities, thresholds, weights, single_label: weighted_mean(probabilities, weights),
        fits_weights=True,
        fixed_threshold=None,
        description="mean under weights that are fitted on validation speakers",
        summary="mean of their calibrated probabilities under weights learned on validation {unit}",
        calibration="the weighted mean of the members' probabilities",
    ),
    "vote": Combination(
        function=lambda probabilities, thresholds, weights, single_label: vote(probabilities, thresholds, single_label),
        fits_weights=False,
        fixed_threshold=majority,
        description="share of members whose threshold is reached",
        summary="share of their votes",
        calibration="the mean of the members' probabilities: the votes of the ensemble stay the same",
    ),
}

if TYPE_CHECKING:
    EnsembleMethod = str
else:
    EnsembleMethod = Literal[tuple(COMBINATIONS)]


def equal_weights(n_members: int) -> Array:
    """Returns equal weights (M,) in sum 1."""
    return np.full(n_members, 1 / n_members)


def combine(
    probabilities: Array,
    thresholds: Array,
    how: EnsembleMethod,
    weights: Array | None = None,
    single_label: bool = False,
) -> Array:
    """Returns the combined probabilities (n, e) of members.

    Args:
        probabilities: (M, n, e).
        thresholds: (M, e).
        how: a key of `COMBINATIONS`.
        weights: (M,); None for equal ones.
        single_label: whether each clip carries exactly one emotion.
    """
    chosen = equal_weights(len(probabilities)) if weights is None else weights
    return COMBINATIONS[how].function(probabilities, thresholds, chosen, single_label)


def fit_weights(targets: npt.ArrayLike, probabilities: Array) -> Array:
    """Returns the weights (M,), at least 0 and in sum 1, whose mean of probabilities has the least log loss.

    The loss is convex in the weights. A penalty of `PRIOR_CLIPS / n` times the divergence KL(weights || equal) draws
    them towards equal where validation clips are few: a mean of similar models is hard to beat, and easy to overfit.

    Args:
        targets: (n, e) shares in [0, 1], of clips that no member was fitted to.
        probabilities: (M, n, e), calibrated.
    """
    from scipy.optimize import LinearConstraint, minimize

    target = np.asarray(targets, dtype=np.float64)
    clipped = np.clip(np.asarray(probabilities, dtype=np.float64), MIN_PROBABILITY, 1 - MIN_PROBABILITY)
    n_members, prior = len(clipped), PRIOR_CLIPS / max(1, len(target))

    def loss(weights: Array) -> tuple[float, Array]:
        joint = np.tensordot(weights, clipped, axes=1)  # (n, e)
        fit = -np.mean(target * np.log(joint) + (1 - target) * np.log1p(-joint))
        slope = np.mean(((joint - target) / (joint * (1 - joint))) * clipped, axis=(1, 2))  # (M,)
        divergence = float(np.sum(weights * np.log(weights * n_members)))
        return float(fit) + prior * divergence, slope + prior * (np.log(weights * n_members) + 1)

    found = minimize(
        loss,
        equal_weights(n_members),
        jac=True,
        method="SLSQP",
        # Below this the logarithm ends, and the share of a member is none.
        bounds=[(MIN_PROBABILITY, 1.0)] * n_members,
        constraints=LinearConstraint(np.ones((1, n_members)), 1, 1),
        options={"ftol": 1e-12, "maxiter": 500},
    )
    weights = np.clip(np.asarray(found.x, dtype=np.float64), 0.0, 1.0)
    return np.asarray(weights / weights.sum(), dtype=np.float64)
