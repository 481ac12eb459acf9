"""Paired comparison of two models: differences of metrics on the same clips, with intervals over speakers."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from emoclr.evaluate.metrics.arrays import Array
from emoclr.evaluate.metrics.intervals import Measure, Metrics, bootstrap_intervals, measure, measures_of
from emoclr.evaluate.metrics.registry import weighted_emotions
from emoclr.evaluate.scores import CHANCE, ENSEMBLE, LISTENERS, Prediction, Row, Scores, Truth, weighted_of

FEW_SPEAKERS = 10
"""Intervals over fewer are rough."""
UNTRAINED = "untrained"
HEAD_ALONE = "head alone"
FROM_SCRATCH = "from scratch"

Kind = Literal["model", "combination", "untrained", "head alone", "from scratch", "features", "chance", "listeners"]


def kind_of(name: str, *, baseline: bool) -> Kind:
    """Returns what a row of a report is, by its name.

    >>> [kind_of(name, baseline=True) for name in ("untrained resnet10t", "resnet10t, from scratch", "eGeMAPS")]
    ['untrained', 'from scratch', 'features']
    """
    if name == CHANCE:
        return "chance"
    if name in LISTENERS:
        return "listeners"
    if not baseline:
        return "combination" if name.startswith(f"{ENSEMBLE}, ") else "model"
    if name.startswith(f"{UNTRAINED} "):
        return "untrained"
    if name.startswith(f"{HEAD_ALONE}, "):
        return "head alone"
    return "from scratch" if name.endswith(f", {FROM_SCRATCH}") else "features"


def rivals_of(scores: Scores) -> list[Row]:
    """Returns what a headline model has to be better than: of each kind of baseline the best by the headline metric.

    Features that take no network are compared with one by one. Chance and listeners are no rivals.
    """
    metric = scores.truth.headline[0]
    best: dict[str, Row] = {}
    for row in scores.baselines:
        kind = kind_of(row.name, baseline=True)
        if kind in ("chance", "listeners") or np.isnan(row.metrics[metric].value):
            continue
        key = row.name if kind == "features" else kind
        if key not in best or row.metrics[metric].value > best[key].metrics[metric].value:
            best[key] = row
    return list(best.values())


def paired_rows(first: Row, second: Row, metric: str, speakers: Sequence[str]) -> Measure:
    """Returns a metric of `first` minus that of `second`, as `paired_differences` does, of rows of the same scores.

    Args:
        first: a row of `Scores`, which holds its metrics in each resample.
        second: another row.
        metric: to compare.
        speakers: of the scored clips.
    """
    value = {metric: first.metrics[metric].value - second.metrics[metric].value}
    resampled = {metric: first.resampled[metric] - second.resampled[metric]}
    return measures_of(value, resampled, speakers, difference=True)[metric]


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


def paired_emotions(truth: Truth, first: Prediction, second: Prediction, metric: str) -> Metrics:
    """Returns a metric of each emotion of `first` minus that of `second`, on the same resamples of speakers.

    Args:
        truth: the clips that both predict.
        first: predictions of one model.
        second: predictions of the model it is compared with.
        metric: one of `EMOTION_METRICS`.
    """
    sides = [
        weighted_emotions(truth.targets, one.probabilities, one.thresholds, truth.single_label, truth.positive_share)
        for one in (first, second)
    ]

    def difference(weights: Array) -> dict[str, Array]:
        ours, theirs = (side(weights)[metric] for side in sides)  # each (W, e)
        return {metric: ours - theirs}

    values = difference(np.ones((1, len(truth))))[metric][0]
    low, high = bootstrap_intervals(difference, truth.speakers, truth.n_resamples, truth.seed)[metric]
    ends = zip(values.tolist(), low.tolist(), high.tolist(), strict=True)
    return {emotion: Measure(*found) for emotion, found in zip(truth.emotions, ends, strict=True)}
