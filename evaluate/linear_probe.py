"""The linear probe: standardised features, a ridge or a logistic regression, nothing that sees a test speaker."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emoclr.evaluate.metrics.arrays import Array
from emoclr.evaluate.metrics.ranking import rank_metrics
from emoclr.evaluate.metrics.thresholds import tune_thresholds
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
"""The intercept of a class that the clips fitted to lack: it is never the answer."""
TAIL = 0.02
"""Ridge answers this near to 0 or 1, and beyond, are bent towards it instead of cut off."""


class LinearProbe:
    """A linear model on frozen features, for shares of several emotions or for one emotion a clip.

    Shares get a ridge regression whose answers are brought into (0, 1) by `squash`; a single label gets a
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
        return self._answer(self._scaler(np.asarray(features, dtype=np.float64)), self._weights)

    def _choose(self, matrix: Array, target: Array, folds: Sequence[Fold], strengths: Sequence[float]) -> int:
        """Sets `strength_` and `out_of_fold_`; returns the position of the strength."""
        scalers = [Standardiser.of(matrix[inside]) for inside, _ in folds]
        paths = [
            self._solve(scaler(matrix[inside]), target[inside], strengths)
            for scaler, (inside, _) in zip(scalers, folds, strict=True)
        ]
        outside = [scaler(matrix[rows]) for scaler, (_, rows) in zip(scalers, folds, strict=True)]
        score = _uar if self.single_label else self._auroc
        best, best_score = 0, -np.inf
        for place, strength in enumerate(strengths):
            answers = np.empty(target.shape)
            for path, held_out, (_, rows) in zip(paths, outside, folds, strict=True):
                answers[rows] = self._answer(held_out, next(path))
            if (found := score(target, answers)) > best_score:
                best, best_score = place, found
                self.strength_, self.out_of_fold_ = strength, answers
            elif place - best >= PATIENCE:
                break
        return best

    def _solve(self, matrix: Array, target: Array, strengths: Sequence[float]) -> Iterator[Weights]:
        solve: Callable[[Array, Array, Sequence[float]], Iterator[Weights]]
        solve = logistic_path if self.single_label else ridge_path
        return solve(matrix, target, strengths)

    def _answer(self, matrix: Array, weights: Weights) -> Array:
        scores = matrix @ weights[0] + weights[1]
        return softmax(scores) if self.single_label else squash(scores)

    def _auroc(self, target: Array, answers: Array) -> float:
        ones = np.ones((1, len(target)))
        positive = target >= self.positive_share
        return float(np.mean([rank_metrics(positive[:, e], answers[:, e], ones)[0] for e in range(target.shape[1])]))


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
    if len(np.unique(truth)) == 1:  # a few clips of one class: there is nothing to tell apart, and it is the answer
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


def softmax(scores: Array) -> Array:
    """Returns probabilities (n, e) of scores (n, e)."""
    powers = np.exp(scores - scores.max(1, keepdims=True))
    probabilities: Array = powers / powers.sum(1, keepdims=True)
    return probabilities


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


def _uar(target: Array, answers: Array) -> float:
    truth, guess = target.argmax(1), answers.argmax(1)
    return float(np.mean([np.mean(guess[truth == emotion] == emotion) for emotion in np.unique(truth)]))
