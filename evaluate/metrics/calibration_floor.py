"""The calibration error that chance alone makes: what a model would show whose probabilities are right."""

import numpy as np

from emoclr.evaluate.metrics.multilabel import Array, calibration_errors

SIMULATIONS = 400


def calibration_floor(targets: Array, probabilities: Array, seed: int, n_simulations: int = SIMULATIONS) -> Array:
    """Returns simulated calibration errors (n_simulations, emotions) of labels drawn by the probabilities themselves.

    Labels of yes or no are drawn clip by clip. Shares of votes scatter less than these: the distance of a drawn label
    from its probability is shrunk until its square is, in the mean, that of the shares. That is an approximation, and
    so is drawing the clips of a speaker independently.

    Args:
        targets: (n, emotions) shares in [0, 1].
        probabilities: (n, emotions) taken to be right.
        seed: of the labels.
        n_simulations: how often they are drawn.
    """
    generator = np.random.default_rng(seed)
    errors = []
    for target, probability in zip(targets.T, probabilities.T, strict=True):
        labels = generator.random((n_simulations, len(probability))) < probability  # (S, n)
        scatter = _scatter(target, probability)
        errors.append(calibration_errors(probability + scatter * (labels - probability), probability))
    return np.stack(errors, axis=1)


def _scatter(target: Array, probability: Array) -> float:
    """Returns the deviation of targets as a share of that of labels of yes or no."""
    expected = float(np.mean(probability * (1 - probability)))
    if np.isin(target, (0.0, 1.0)).all() or not expected:
        return 1.0
    return min(1.0, float(np.sqrt(np.mean((target - probability) ** 2) / expected)))
