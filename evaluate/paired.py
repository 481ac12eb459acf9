"""Paired comparison of two models: differences of metrics on the same clips, with intervals over speakers."""

from emoclr.evaluate.metrics.arrays import Array
from emoclr.evaluate.metrics.intervals import Metrics, measure
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
