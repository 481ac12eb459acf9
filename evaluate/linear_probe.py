"""The linear probe: standardised features, a ridge or a logistic regression, nothing that sees a test speaker."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from emoclr.evaluate.metrics.arrays import Array
from emoclr.evaluate.metrics.ranking import macro_auroc
from emoclr.evaluate.metrics.registry import METRICS
from emoclr.evaluate.metrics.thresholds import most_probable, tune_thresholds
from emoclr.evaluate.metrics.weighted_predictions import WeightedPredictions
from emoclr.evaluate.positive_share import POSITIVE_SHARE

Rows = npt.NDArray[np.int64]
Fold = tuple[Rows, Rows]
Weights = tuple[Array, Array]
"""Coefficients (features, e) and intercepts (e,)."""

RIDGE_STRENGTHS = tuple(float(strength) for strength in np.logspace(6, 0, 13))
LOGISTIC_STRENGTHS = tuple(float(strength) for strength in np.logspace(4, 0, 9))
"""From strong to weak: each solution is a start for the next, and the weak ones take longest."""
LOGISTIC_TOLERANCE = 2e-3
"""Of the mean gradient. On CREMA-D a sixth of it changes UAR by less than 0.001 and takes three times as long."""
PATIENCE = 2
"""Strengths without a better score after which weaker ones are not tried."""
ABSENT = -30.0
"""The intercept of a class that the clips fitted to lack: it is never predicted."""
TAIL = 0.02
"""Ridge predictions this near to 0 or 1, and beyond, are bent towards it instead of cut off."""


class LinearProbe:
    """A linear model on frozen features, for shares of several emotions or for one emotion a clip.

    Shares get a ridge regression whose predictions are brought into (0, 1) by `squash`; a single label gets a
    multinomial logistic regression. The strength of the regularisation is the one with the best macro AUROC
    (single label: UAR) on predictions for held-out speakers of the training clips, and the same predictions give
    the thresholds.

    Args:
        single_label: whether each clip carries exactly one emotion.
        positive_share: the share from which an emotion counts as there.

    Attributes:
        strength_: the regularisation that was chosen: alpha of a ridge, 1 / C of a logistic regression.
        thresholds_: (e,) of each emotion, from out-of-fold predictions.
        out_of_fold_: (n, e) the training clips' probabilities, by models that were not fitted to their speakers.

    Examples:
        >>> import numpy as np
        >>> draw = np.random.default_rng(0)
        >>> targets = draw.integers(0, 2, (40, 2))
        >>> features = targets @ draw.normal(size=(2, 8)) + 0.1 * draw.normal(size=(40, 8))
        >>> folds = [(np.arange(20), np.arange(20, 40)), (np.arange(20, 40), np.arange(20))]
        >>> probe = LinearProbe(single_label=False).fit(features, targets, folds)
        >>> bool(((probe.predict_proba(features) >= probe.thresholds_) == targets).all())
        True
    """

    def __init__(self, single_label: bool, positive_share: float = POSITIVE_SHARE) -> None:
        self.single_label = single_label
        self.positive_share = positive_share

    def fit(self, features: npt.ArrayLike, targets: npt.ArrayLike, folds: Sequence[Fold]) -> "LinearProbe":
        """Fits to clips, their shares or one-hot labels, and folds of them that no speaker crosses.

        Args:
            features: (n, features).
            targets: (n, e) in [0, 1]; each emotion with a positive and a negative clip.
            folds: (rows to fit, rows to predict) that predict each clip once, e.g. `speaker_folds`.

        Raises:
            ValueError: an emotion has no positive or no negative clip: there is nothing to fit.
        """
        matrix = np.asarray(features, dtype=np.float64)
        target = np.asarray(targets, dtype=np.float64)
        untrainable = untrainable_emotions(target, self.positive_share)
        if untrainable:
            raise ValueError(f"nothing to fit for emotions {sorted(untrainable)}")
        strengths = LOGISTIC_STRENGTHS if self.single_label else RIDGE_STRENGTHS
        best = self._choose(matrix, target, folds, strengths)
        self.thresholds_ = tune_thresholds(target, self.out_of_fold_, self.positive_share)
        self._scaler = Standardiser.of(matrix)
        path = strengths[: best + 1] if self.single_label else (self.strength_,)
        *_, self._weights = self._solve(self._scaler(matrix), target, path)
        return self

    def predict_proba(self, features: npt.ArrayLike) -> Array:
        """Returns (n, e) probabilities in (0, 1); rows sum to one where there is a single label."""
        return self._predict(self._scaler(np.asarray(features, dtype=np.float64)), self._weights)

    def _choose(self, matrix: Array, target: Array, folds: Sequence[Fold], strengths: Sequence[float]) -> int:
        """Sets `strength_` and `out_of_fold_`; returns the position of the strength."""
        scalers = [Standardiser.of(matrix[inside]) for inside, _ in folds]
        paths = [
            self._solve(scaler(matrix[inside]), target[inside], strengths)
            for scaler, (inside, _) in zip(scalers, folds, strict=True)
        ]
        outside = [scaler(matrix[rows]) for scaler, (_, rows) in zip(scalers, folds, strict=True)]
        best, best_score = 0, -np.inf
        for place, strength in enumerate(strengths):
            predictions = np.empty(target.shape)
            for path, held_out, (_, rows) in zip(paths, outside, folds, strict=True):
                predictions[rows] = self._predict(held_out, next(path))
            if (score := self._score(target, predictions)) > best_score:
                best, best_score = place, score
                self.strength_, self.out_of_fold_ = strength, predictions
            elif place - best >= PATIENCE:
                break
        return best

    def _solve(self, matrix: Array, target: Array, strengths: Sequence[float]) -> Iterator[Weights]:
        solve: Callable[[Array, Array, Sequence[float]], Iterator[Weights]]
        solve = logistic_path if self.single_label else ridge_path
        return solve(matrix, target, strengths)

    def _predict(self, matrix: Array, weights: Weights) -> Array:
        scores = matrix @ weights[0] + weights[1]
        if not self.single_label:
            return squash(scores)
        probabilities: Array = softmax(scores, axis=1)
        return probabilities

    def _score(self, target: Array, predictions: Array) -> float:
        if not self.single_label:
            return macro_auroc(target, predictions, self.positive_share)
        ones, positive = np.ones((1, len(target))), target >= self.positive_share
        clips = WeightedPredictions(target, predictions, positive, most_probable(predictions), ones)
        return float(METRICS["uar"].weighted(clips)[0])


@dataclass(frozen=True)
class Standardiser:
    """Brings features to mean 0 and standard deviation 1; a constant feature stays at 0."""

    mean: Array
    scale: Array

    @classmethod
    def of(cls, matrix: Array) -> "Standardiser":
        """Returns what standardises these rows, (n, features)."""
        mean, deviation = matrix.mean(0), matrix.std(0)
        # Rounding gives a constant feature a deviation of about epsilon times its size.
        constant = deviation <= 1e-10 * np.maximum(np.abs(mean), 1e-30)
        return cls(mean, np.where(constant, np.inf, deviation))

    def __call__(self, matrix: Array) -> Array:
        """Returns the rows, standardised."""
        return (matrix - self.mean) / self.scale


def ridge_path(matrix: Array, target: Array, strengths: Sequence[float]) -> Iterator[Weights]:
    """Yields ridge regressions of all strengths from one eigendecomposition.

    Equal to `sklearn.linear_model.Ridge(alpha=strength)`.

    Args:
        matrix: (n, features), each of mean 0.
        target: (n, e).
        strengths: alphas, each above 0.
    """
    intercept = target.mean(0)
    wide = matrix.shape[1] > len(matrix)
    sizes, axes = np.linalg.eigh(matrix @ matrix.T if wide else matrix.T @ matrix)
    turned = axes.T @ (target - intercept if wide else matrix.T @ (target - intercept))
    for strength in strengths:
        solution = axes @ (turned / (sizes + strength)[:, None])
        yield (matrix.T @ solution if wide else solution), intercept


def logistic_path(matrix: Array, target: Array, strengths: Sequence[float]) -> Iterator[Weights]:
    """Yields multinomial logistic regressions of all strengths, each started from the one before.

    Args:
        matrix: (n, features), standardised.
        target: (n, e) one-hot.
        strengths: 1 / C, from strong to weak.
    """
    from sklearn.linear_model import LogisticRegression

    truth = target.argmax(1)
    n_emotions = target.shape[1]
    model = LogisticRegression(max_iter=300, tol=LOGISTIC_TOLERANCE, warm_start=True)
    narrow = matrix.astype(np.float32)  # half the time, and digits beyond these are noise
    if len(np.unique(truth)) == 1:  # a few clips of one class: there is nothing to tell apart
        offsets = np.where(np.arange(n_emotions) == truth[0], 0.0, ABSENT)
        yield from ((np.zeros((matrix.shape[1], n_emotions)), offsets) for _ in strengths)
        return
    for strength in strengths:
        model.set_params(C=1 / strength).fit(narrow, truth)
        coefficients, intercepts = model.coef_, model.intercept_
        if len(coefficients) == 1:  # two classes: scikit-learn keeps the difference
            coefficients = np.concatenate([-coefficients / 2, coefficients / 2])
            intercepts = np.concatenate([-intercepts / 2, intercepts / 2])
        weights = np.zeros((matrix.shape[1], n_emotions))
        offsets = np.full(n_emotions, ABSENT)
        weights[:, model.classes_] = coefficients.T
        offsets[model.classes_] = intercepts
        yield weights, offsets


def squash(scores: Array) -> Array:
    """Returns scores brought into (0, 1): unchanged from `TAIL` to 1 - `TAIL`, exponentially bent outside.

    Cutting them off at 0 and 1 would tie the clips there, and ranks would be lost.
    """
    low = TAIL * np.exp((np.minimum(scores, TAIL) - TAIL) / TAIL)
    high = 1 - TAIL * np.exp((1 - TAIL - np.maximum(scores, 1 - TAIL)) / TAIL)
    return np.where(scores < TAIL, low, np.where(scores > 1 - TAIL, high, scores))


def untrainable_emotions(targets: npt.ArrayLike, positive_share: float = POSITIVE_SHARE) -> dict[int, str]:
    """Returns the emotions (columns) that no head can learn from these clips, and why."""
    positive = np.asarray(targets) >= positive_share
    reasons = {}
    for emotion in range(positive.shape[1]):
        if not positive[:, emotion].any():
            reasons[emotion] = "no positive clip to train on"
        elif positive[:, emotion].all():
            reasons[emotion] = "no negative clip to train on"
    return reasons
