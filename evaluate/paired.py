"""Paired comparison of two models: differences of metrics on the same clips, with intervals over speakers."""

import numpy as np

from emoclr.evaluate.metrics.arrays import Array
from emoclr.evaluate.metrics.intervals import Measure, Metrics, measure
from emoclr.evaluate.metrics.registry import METRICS
from emoclr.evaluate.report.formatting import interval
from emoclr.evaluate.scores import Prediction, Truth, weighted_of

FEW_SPEAKERS = 10
"""Intervals over fewer are rough."""


def paired_differences(truth: Truth, first: Prediction, second: Prediction) -> Metrics:
    """Returns each metric of `first` minus that of `second`, with the 95 % interval of the difference.

    Both are measured on the same resamples of speakers, so what makes some speakers hard for every model cancels
    out. An interval that does not hold 0 is a difference that would be found again in other speakers like these.

    Args:
        truth: the clips that both predict.
        first: predictions of one model.
        second: predictions of the model it is compared with.
    """
    sides = [weighted_of(truth, model) for model in (first, second)]

    def difference(weights: Array) -> dict[str, Array]:
        ours, theirs = (side(weights) for side in sides)
        return {name: ours[name] - theirs[name] for name in ours}

    return measure(difference, truth.speakers, truth.n_resamples, truth.seed, difference=True)


def verdict(found: Measure, n_speakers: int, metric: str) -> str:
    """Returns a difference in words.

    Of few speakers, no resample can call a difference real: two agree by chance every second time.
    """
    if n_speakers < FEW_SPEAKERS or not np.isfinite(found.low):
        meaning = f"too few speakers ({n_speakers}) to tell it from chance"
    elif found.low > 0:
        meaning = "a real gain"
    elif found.high < 0:
        meaning = "a real loss"
    else:
        meaning = "which may be chance"
    within = f" [{interval(found)}]" if interval(found) else ""
    return f"{found.value:+.3f}{within} {METRICS[metric].label}, {meaning}"
