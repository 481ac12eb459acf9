"""Temperatures and shifts: probabilities that mean what they say, tuned on validation speakers."""

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit

from emoclr.finetune.model.model import Array

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 20.0
MAX_OFFSET = 20.0


def tune_temperatures(targets: npt.ArrayLike, logits: npt.ArrayLike) -> Array:
    """Returns the temperature (emotions,) of each emotion that minimises cross-entropy (Guo et al. 2017).

    Args:
        targets: (n, emotions) shares in [0, 1], of clips that the model was not fitted to.
        logits: (n, emotions).
    """
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


def tune_shifts(targets: npt.ArrayLike, logits: npt.ArrayLike) -> Array:
    """Returns by how much the logits of each emotion are too high, (emotions,), whatever their temperature.

    Some losses, and training clips that were mixed or joined, raise or lower an answer by what only measuring tells.
    sigmoid(a z + b) is fitted by cross-entropy (Platt 1999), a within the inverse bounds of temperatures; the shift is
    -b / a.

    Args:
        targets: (n, emotions) shares in [0, 1], of clips that the model was not fitted to.
        logits: (n, emotions).
    """
    target = np.asarray(targets, dtype=np.float64)
    logit = np.asarray(logits, dtype=np.float64)

    def loss(slope_and_offset: Array, emotion: int) -> tuple[float, Array]:
        slope, offset = slope_and_offset
        scaled = slope * logit[:, emotion] + offset
        error = expit(scaled) - target[:, emotion]
        value = np.mean(np.logaddexp(0, scaled) - target[:, emotion] * scaled)
        return float(value), np.array([np.mean(error * logit[:, emotion]), error.mean()])

    bounds = [(1 / MAX_TEMPERATURE, 1 / MIN_TEMPERATURE), (-MAX_OFFSET, MAX_OFFSET)]
    fits = [
        minimize(loss, x0=(1.0, 0.0), args=(emotion,), jac=True, bounds=bounds, method="L-BFGS-B", tol=1e-12).x
        for emotion in range(logit.shape[1])
    ]
    return np.array([-offset / slope for slope, offset in fits])
