"""The metrics: each says in one place what it is called, what it means and how it is computed.

Reports, their tables and glossary, figures and `probe compare` follow from here. Their order here is that of columns.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from emoclr.evaluate.metrics.arrays import Array, Weighted, macro_mean, ratio
from emoclr.evaluate.metrics.thresholds import named_emotions
from emoclr.evaluate.metrics.weighted_predictions import WeightedPredictions
from emoclr.evaluate.positive_share import POSITIVE_SHARE


@dataclass(frozen=True)
class Metric:
    """A metric of all emotions together.

    Attributes:
        label: the heading of its column.
        meaning: its entry in the glossary.
        weighted: gives it for each weighting, (W,).
        columns: where it is a column: in every table; in the headline table of multilabel data alone; or nowhere, and
            `report.json` alone has it.
        single_label_only: whether it is defined only where each clip carries exactly one emotion.
        lower_is_better: whether a lower value is the better one.
        resampling_inflates: whether resampling clips itself makes it larger: percentiles of resamples would lie beside
            the value, not around it.
    """

    label: str
    meaning: str
    weighted: Callable[[WeightedPredictions], Array]
    columns: Literal["all", "multilabel", "none"] = "all"
    single_label_only: bool = False
    lower_is_better: bool = False
    resampling_inflates: bool = False


@dataclass(frozen=True)
class EmotionMetric:
    """A metric of each emotion by itself: the heading of its column, its entry in the glossary, and it as (W, e)."""

    label: str
    meaning: str
    weighted: Callable[[WeightedPredictions], Array]


def _macro_f1(predictions: WeightedPredictions) -> Array:
    positive, total = predictions.positive_clips, predictions.clips[:, None]
    return macro_mean(np.where((positive > 0) & (positive < total), predictions.f1, np.nan))


def _micro_f1(predictions: WeightedPredictions) -> Array:
    return ratio(2 * predictions.hits.sum(1), predictions.named_clips.sum(1) + predictions.positive_clips.sum(1))


METRICS = {
    "uar": Metric(
        "UAR",
        "unweighted average recall: each emotion counts the same",
        lambda predictions: macro_mean(ratio(predictions.hits, predictions.positive_clips, empty=np.nan)),
        single_label_only=True,
    ),
    "wa": Metric(
        "WA",
        "weighted accuracy: the share of clips named right",
        lambda predictions: ratio(predictions.hits.sum(1), predictions.clips),
        single_label_only=True,
    ),
    "macro_auroc": Metric(
        "macro AUROC",
        "area under the ROC curve, mean over emotions; 0.5 is chance",
        lambda predictions: macro_mean(predictions.auroc),
    ),
    "map": Metric(
        "mAP",
        "average precision, mean over emotions; chance is the share of positive clips",
        lambda predictions: macro_mean(predictions.average_precision),
    ),
    "macro_f1": Metric("macro F1", "F1 of the named emotions, mean over emotions", _macro_f1),
    "micro_f1": Metric(
        "micro F1",
        "F1 over all clips and emotions together",
        _micro_f1,
        columns="multilabel",  # of single labels it equals WA
    ),
    "ece": Metric(
        "ECE",
        "expected calibration error, mean over emotions: how far probabilities lie from shares; lower is better",
        lambda predictions: macro_mean(predictions.calibration_errors),
        lower_is_better=True,
        resampling_inflates=True,
    ),
}

EMOTION_METRICS = {
    "auroc": EmotionMetric(
        "AUROC",
        "area under the ROC curve: how often a clip with the emotion gets a higher probability than one without; "
        "0.5 is chance",
        lambda predictions: predictions.auroc,
    ),
    "ap": EmotionMetric(
        "AP",
        "average precision, over all thresholds; chance is the share of positive clips",
        lambda predictions: predictions.average_precision,
    ),
    "f1": EmotionMetric("F1", "the harmonic mean of precision and recall", lambda predictions: predictions.f1),
    "precision": EmotionMetric(
        "precision",
        "of the clips that are named so, the share that carries the emotion",
        lambda predictions: ratio(predictions.hits, predictions.named_clips),
    ),
    "recall": EmotionMetric(
        "recall",
        "of the clips that carry the emotion, the share that is named",
        lambda predictions: ratio(predictions.hits, predictions.positive_clips),
    ),
}


def headline_columns(single_label: bool) -> list[str]:
    """Returns the metrics that a report's headline table shows; the first two are those that groups are compared by."""
    shown = ("all",) if single_label else ("all", "multilabel")
    return [name for name, metric in _defined(single_label).items() if metric.columns in shown]


def comparison_columns(single_label: bool) -> list[str]:
    """Returns the metrics that models are compared by; of single labels those of several, too."""
    return [name for name, metric in _defined(single_label).items() if metric.columns == "all"]


def emotion_metrics(
    targets: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    thresholds: npt.ArrayLike,
    single_label: bool,
    positive_share: float = POSITIVE_SHARE,
) -> dict[str, float]:
    """Returns the metrics of one set of predictions.

    Args:
        targets: (n, e) shares in [0, 1]; one-hot where `single_label`.
        probabilities: (n, e) in [0, 1].
        thresholds: (e,), or (n, e) where clips were judged by different folds; an emotion is named where its
            probability is at least its threshold. Not used where `single_label`: there the most probable one
            is named.
        single_label: whether each clip carries exactly one emotion.
        positive_share: the share from which a target counts as positive.

    Returns:
        Those of `METRICS` that are defined. Emotions without a positive or without a negative are left out of the
        macro means; nan where none is left.

    Examples:
        >>> targets = [[1, 0], [0, 1], [1, 1], [0, 0]]
        >>> probabilities = [[0.9, 0.2], [0.3, 0.7], [0.6, 0.4], [0.1, 0.1]]
        >>> metrics = emotion_metrics(targets, probabilities, [0.5, 0.5], single_label=False)
        >>> metrics["macro_auroc"], round(metrics["macro_f1"], 3)
        (1.0, 0.833)
    """
    measure = weighted_metrics(targets, probabilities, thresholds, single_label, positive_share)
    ones = np.ones((1, len(np.asarray(targets))))
    return {name: float(values[0]) for name, values in measure(ones).items()}


def weighted_metrics(
    targets: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    thresholds: npt.ArrayLike,
    single_label: bool,
    positive_share: float = POSITIVE_SHARE,
) -> Weighted:
    """Returns `emotion_metrics` as a function of weights (W, n) that gives each metric as (W,)."""
    weighted = _predictions(targets, probabilities, thresholds, single_label, positive_share)
    metrics = _defined(single_label)

    def measure(weights: Array) -> dict[str, Array]:
        predictions = weighted(weights)
        return {name: metric.weighted(predictions) for name, metric in metrics.items()}

    return measure


def weighted_emotions(
    targets: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    thresholds: npt.ArrayLike,
    single_label: bool,
    positive_share: float = POSITIVE_SHARE,
) -> Weighted:
    """Returns a function of weights (W, n) that gives `EMOTION_METRICS`, each (W, e).

    `auroc` and `ap` are nan where an emotion has no positive or no negative; `precision`, `recall` and `f1` are 0
    where nothing is named.
    """
    weighted = _predictions(targets, probabilities, thresholds, single_label, positive_share)

    def measure(weights: Array) -> dict[str, Array]:
        predictions = weighted(weights)
        return {name: metric.weighted(predictions) for name, metric in EMOTION_METRICS.items()}

    return measure


def _defined(single_label: bool) -> dict[str, Metric]:
    return {name: metric for name, metric in METRICS.items() if single_label or not metric.single_label_only}


def _predictions(
    targets: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    thresholds: npt.ArrayLike,
    single_label: bool,
    positive_share: float,
) -> Callable[[Array], WeightedPredictions]:
    target = np.asarray(targets, dtype=np.float64)
    probability = np.asarray(probabilities, dtype=np.float64)
    positive, named = target >= positive_share, named_emotions(probability, thresholds, single_label)
    return lambda weights: WeightedPredictions(target, probability, positive, named, weights)
