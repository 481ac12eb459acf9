"""Temperature scaling (Guo et al. 2017): one temperature an emotion, tuned on validation speakers."""

import numpy as np
import numpy.typing as npt

from emoclr.evaluate.metrics.arrays import Array

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 20.0


def calibrate(logits: npt.NDArray[np.floating], temperatures: Array) -> Array:
    """Returns sigmoid(logits / temperatures)."""
    return np.asarray(np.exp(-np.logaddexp(0.0, -logits.astype(np.float64) / temperatures)), dtype=np.float64)


def tune_temperatures(targets: npt.ArrayLike, logits: npt.ArrayLike) -> Array:
    """Returns the temperature (emotions,) of each emotion that minimises cross-entropy.

    Args:
        targets: (n, emotions) shares in [0, 1], of clips that the model was not fitted to.
        logits: (n, emotions).
    """
    from scipy.optimize import minimize_scalar

    target = np.asarray(targets, dtype=np.float64)
    logit = np.asarray(logits, dtype=np.float64)

    def loss(log_temperature: float, emotion: int) -> float:
        scaled = logit[:, emotion] / np.exp(log_temperature)
        return float(np.mean(np.logaddexp(0, scaled) - target[:, emotion] * scaled))

    bounds = (np.log(MIN_TEMPERATURE), np.log(MAX_TEMPERATURE))
    found = [
        minimize_scalar(loss, bounds=bounds, args=(emotion,), method="bounded").x for emotion in range(logit.shape[1])
    ]
    return np.asarray(np.exp(found), dtype=np.float64)
