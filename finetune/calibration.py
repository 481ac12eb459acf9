"""Temperatures: probabilities that mean what they say, tuned on validation speakers."""

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from finetune.model import Array

LOWEST, HIGHEST = 0.05, 20.0


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

    bounds = (np.log(LOWEST), np.log(HIGHEST))
    found = [
        minimize_scalar(loss, bounds=bounds, args=(emotion,), method="bounded").x for emotion in range(logit.shape[1])
    ]
    return np.asarray(np.exp(found), dtype=np.float64)
