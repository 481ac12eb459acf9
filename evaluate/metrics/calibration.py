"""Calibration: reliability, the expected calibration error (ECE), and the error that chance alone makes."""

import numpy as np
import numpy.typing as npt

from emoclr.evaluate.metrics.arrays import Array, ratio

ECE_BINS = 15
SIMULATIONS = 400


def reliability(
    targets: npt.ArrayLike, probabilities: npt.ArrayLike, n_bins: int = ECE_BINS
) -> tuple[Array, Array, Array]:
    """Returns mean probability, mean share and number of clips of each of `n_bins` equal bins, each (bins,).

    Means are nan in an empty bin.
    """
    target = np.asarray(targets, dtype=np.float64).ravel()
    probability = np.asarray(probabilities, dtype=np.float64).ravel()
    members = _bins(probability, n_bins)  # (n, bins)
    counts = members.sum(0)
    return (
        ratio(probability @ members, counts, empty=np.nan),
        ratio(target @ members, counts, empty=np.nan),
        counts,
    )


def weighted_calibration_errors(targets: Array, probabilities: Array, weights: Array) -> Array:
    """Returns the expected calibration error (Guo et al. 2017) of each emotion against shares, (W, e).

    Args:
        targets: (n, e) shares in [0, 1].
        probabilities: (n, e).
        weights: (W, n).
    """
    total = weights.sum(1)
    errors = []
    for target, probability in zip(targets.T, probabilities.T, strict=True):
        gaps = weights @ (_bins(probability, ECE_BINS) * (probability - target)[:, None])  # (W, bins)
        errors.append(ratio(np.abs(gaps).sum(1), total, empty=np.nan))
    return np.stack(errors, axis=1)


def calibration_floor(targets: Array, probabilities: Array, seed: int, n_simulations: int = SIMULATIONS) -> Array:
    """Returns simulated calibration errors (n_simulations, e) of labels drawn by the probabilities themselves.

    It is what a model would show whose probabilities are right. Labels of yes or no are drawn clip by clip. Shares of
    votes scatter less than these: the distance of a drawn label from its probability is shrunk until its square is, in
    the mean, that of the shares. That is an approximation, and so is drawing the clips of a speaker independently.

    Args:
        targets: (n, e) shares in [0, 1].
        probabilities: (n, e) taken to be right.
        seed: of the labels.
        n_simulations: how often they are drawn.
    """
    generator = np.random.default_rng(seed)
    errors = []
    for target, probability in zip(targets.T, probabilities.T, strict=True):
        labels = generator.random((n_simulations, len(probability))) < probability  # (S, n)
        scatter = _scatter(target, probability)
        drawn = probability + scatter * (labels - probability)
        gaps = (probability - drawn) @ _bins(probability, ECE_BINS)  # (S, bins)
        errors.append(np.abs(gaps).sum(1) / len(probability))
    return np.stack(errors, axis=1)


def _bins(probability: Array, n_bins: int) -> Array:
    """Returns which of `n_bins` equal bins each probability lies in, (n, bins) one-hot."""
    return np.eye(n_bins)[np.clip((probability * n_bins).astype(np.int64), 0, n_bins - 1)]


def _scatter(target: Array, probability: Array) -> float:
    """Returns the deviation of targets as a share of that of labels of yes or no."""
    expected = float(np.mean(probability * (1 - probability)))
    if np.isin(target, (0.0, 1.0)).all() or not expected:
        return 1.0
    return min(1.0, float(np.sqrt(np.mean((target - probability) ** 2) / expected)))
