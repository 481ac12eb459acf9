"""From predictions to the numbers of a report, each with its interval over speakers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from emoclr.evaluate.groups import MAX_VALUES, in_order
from emoclr.evaluate.metrics.arrays import Array, Mask, Weighted
from emoclr.evaluate.metrics.intervals import Measure, Metrics, bootstrap_intervals, measure, measures_of, resample
from emoclr.evaluate.metrics.registry import headline_columns, weighted_emotions, weighted_metrics
from emoclr.evaluate.positive_share import POSITIVE_SHARE

ENSEMBLE = "ensemble"
CHANCE = "chance"
PANEL = "as many other listeners"
EVERYBODY = "all listeners there could be"
LISTENERS = (PANEL, EVERYBODY)
"""The rows of what listeners themselves would score: no model is to be measured by being better or worse than them."""


@dataclass(frozen=True)
class Truth:
    """What is true of the clips that are scored, `n` of them, and how they are scored.

    Attributes:
        emotions: names, `e` of them.
        targets: (n, e) shares in [0, 1].
        speakers: (n,) who speaks, or which recording it is where that is not known: the bootstrap resamples
            these.
        groups: for each column to break the numbers down by, its value for each clip.
        single_label: whether each clip carries exactly one emotion.
        positive_share: the share from which an emotion counts as there.
        n_resamples: bootstrap resamples.
        seed: seed of the bootstrap.

    Examples:
        >>> import numpy as np
        >>> truth = Truth(["joy", "fear"], np.array([[1, 0], [0, 1], [1, 1], [0, 0]]), ["anna", "ben", "anna", "ben"])
        >>> len(truth), truth.headline
        (4, ('macro_auroc', 'map'))
    """

    emotions: Sequence[str]
    targets: Array
    speakers: Sequence[str]
    groups: dict[str, list[str]] = field(default_factory=dict)
    single_label: bool = False
    positive_share: float = POSITIVE_SHARE
    n_resamples: int = 1000
    seed: int = 0

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def headline(self) -> tuple[str, str]:
        """The two metrics that groups are compared by."""
        first, second, *_ = headline_columns(self.single_label)
        return first, second


@dataclass(frozen=True)
class Prediction:
    """The predictions of one model for the clips of a `Truth`.

    Attributes:
        name: the row's name; `ENSEMBLE` for the ensemble, `CHANCE` for what knows nothing of a clip.
        probabilities: (n, e) in [0, 1].
        thresholds: (e,), or (n, e) where folds differ.
        note: a few words beside the name, such as the size of the model.

    Examples:
        >>> import numpy as np
        >>> guess = Prediction("ensemble", np.array([[0.9, 0.2], [0.1, 0.6]]), thresholds=np.array([0.5, 0.5]))
        >>> (guess.probabilities >= guess.thresholds).tolist()
        [[True, False], [False, True]]
    """

    name: str
    probabilities: Array
    thresholds: Array
    note: str = ""


@dataclass(frozen=True)
class Row:
    """One model or baseline with its metrics, and each of them in every resample of speakers, (R,)."""

    name: str
    metrics: Metrics
    note: str = ""
    resampled: Mapping[str, Array] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class EmotionRow:
    """The metrics of one emotion, of the headline model; `threshold` is None where none is used."""

    name: str
    positives: int
    threshold: float | None
    metrics: Metrics


@dataclass(frozen=True)
class GroupRow:
    """The clips that share one value of a group column."""

    value: str
    clips: int
    speakers: int
    metrics: Metrics


@dataclass(frozen=True)
class Gap:
    """How far apart the best and the worst group of a column are in one metric.

    Attributes:
        best: the group with the highest value.
        worst: the group with the lowest.
        difference: best minus worst, both on the same resamples of speakers.
    """

    best: str
    worst: str
    difference: Measure


@dataclass(frozen=True)
class Scores:
    """The numbers of a report: `models` starts with the headline one, which emotions, groups and gaps belong to.

    `gaps` holds, for each column of `groups`, the gap in each headline metric; none where fewer than two of its
    groups have two speakers and a value. `predictions` are those of models and baselines, in the order of `rows`.
    """

    truth: Truth
    headline: Prediction
    models: list[Row]
    baselines: list[Row]
    emotions: list[EmotionRow]
    groups: dict[str, list[GroupRow]]
    gaps: dict[str, dict[str, Gap]]
    predictions: Sequence[Prediction] = ()

    @property
    def rows(self) -> list[Row]:
        """Models, then baselines."""
        return [*self.models, *self.baselines]


def concatenate_folds(name: str, folds: Sequence[tuple[Array, Array]], note: str = "") -> Prediction:
    """Returns the predictions of all folds one after the other, each with the thresholds of its fold.

    Args:
        name: of the row.
        folds: for each fold its probabilities (n, emotions) and thresholds (emotions,).
        note: a few words beside the name.
    """
    thresholds = [np.broadcast_to(chosen, probabilities.shape) for probabilities, chosen in folds]
    return Prediction(name, np.concatenate([each for each, _ in folds]), np.concatenate(thresholds), note)


def score_all(truth: Truth, models: Sequence[Prediction], baselines: Sequence[Prediction] = ()) -> Scores:
    """Returns every number of a report, with intervals.

    Args:
        truth: the scored clips.
        models: predictions of each model; the headline is the one named `ENSEMBLE`, else the first.
        baselines: predictions of each baseline on the same clips.

    Examples:
        >>> import numpy as np
        >>> truth = Truth(["joy", "fear"], np.array([[1, 0], [0, 1], [1, 1], [0, 0]]), ["anna", "ben", "anna", "ben"])
        >>> guess = Prediction("ensemble", np.array([[0.9, 0.2], [0.1, 0.6], [0.8, 0.7], [0.3, 0.1]]), np.full(2, 0.5))
        >>> scores = score_all(truth, [guess])
        >>> scores.headline.name, scores.models[0].metrics["macro_auroc"].value
        ('ensemble', 1.0)
    """
    ordered = sorted(models, key=lambda model: model.name != ENSEMBLE)
    groups = _group_tables(truth, ordered[0])
    return Scores(
        truth=truth,
        headline=ordered[0],
        models=[_row(truth, model) for model in ordered],
        baselines=[_row(truth, baseline) for baseline in baselines],
        emotions=_emotion_rows(truth, ordered[0]),
        groups=groups,
        gaps={column: _gaps(truth, ordered[0], column, rows) for column, rows in groups.items()},
        predictions=[*ordered, *baselines],
    )


def weighted_of(truth: Truth, model: Prediction) -> Weighted:
    """Returns the metrics of a prediction as a function of weights of the clips."""
    return weighted_metrics(
        truth.targets, model.probabilities, model.thresholds, truth.single_label, truth.positive_share
    )


def metrics_of(truth: Truth, model: Prediction) -> Metrics:
    """Returns the metrics of a prediction, with intervals over speakers."""
    return measure(weighted_of(truth, model), truth.speakers, truth.n_resamples, truth.seed)


def group_difference(truth: Truth, model: Prediction, column: str, pair: tuple[str, str], metric: str) -> Measure:
    """Returns a metric of a column's first group minus that of its second, with the interval of the difference.

    Both are measured on the same resamples of all speakers, so a speaker who is in both groups cannot part them.
    """
    values = np.asarray(truth.groups[column])
    sides = [(values == value, _weighted_of(truth, model, values == value)) for value in pair]

    def difference(weights: Array) -> dict[str, Array]:
        first, second = (
            np.where(weights[:, member].any(axis=1), weighted(weights[:, member])[metric], np.nan)
            for member, weighted in sides
        )
        return {metric: first - second}

    value = float(difference(np.ones((1, len(truth))))[metric][0])
    interval = bootstrap_intervals(difference, truth.speakers, truth.n_resamples, truth.seed)[metric]
    return Measure(value, *map(float, interval))


def _row(truth: Truth, model: Prediction) -> Row:
    weighted = weighted_of(truth, model)
    values = {name: float(found[0]) for name, found in weighted(np.ones((1, len(truth)))).items()}
    resampled = resample(weighted, truth.speakers, truth.n_resamples, truth.seed)
    return Row(model.name, measures_of(values, resampled, truth.speakers), model.note, resampled)


def _emotion_rows(truth: Truth, model: Prediction) -> list[EmotionRow]:
    weighted = weighted_emotions(
        truth.targets, model.probabilities, model.thresholds, truth.single_label, truth.positive_share
    )
    values = weighted(np.ones((1, len(truth))))
    intervals = bootstrap_intervals(weighted, np.asarray(truth.speakers), truth.n_resamples, truth.seed)
    positives = (truth.targets >= truth.positive_share).sum(0)
    thresholds = np.broadcast_to(model.thresholds, truth.targets.shape).mean(0)
    return [
        EmotionRow(
            name=emotion,
            positives=int(positives[e]),
            threshold=None if truth.single_label else float(thresholds[e]),
            metrics={name: Measure(float(values[name][0, e]), *map(float, intervals[name][:, e])) for name in values},
        )
        for e, emotion in enumerate(truth.emotions)
    ]


def _group_tables(truth: Truth, model: Prediction) -> dict[str, list[GroupRow]]:
    tables = {}
    for column, values in truth.groups.items():
        found = in_order(set(values))
        if 1 < len(found) <= MAX_VALUES:
            tables[column] = [_group_row(truth, model, value, np.asarray(values) == value) for value in found]
    return tables


def _group_row(truth: Truth, model: Prediction, value: str, member: Mask) -> GroupRow:
    speakers = [speaker for speaker, inside in zip(truth.speakers, member, strict=True) if inside]
    metrics = measure(_weighted_of(truth, model, member), speakers, truth.n_resamples, truth.seed)
    chosen = {name: metrics[name] for name in truth.headline}
    return GroupRow(value, int(member.sum()), len(set(speakers)), chosen)


def _gaps(truth: Truth, model: Prediction, column: str, rows: Sequence[GroupRow]) -> dict[str, Gap]:
    gaps = {}
    for metric in truth.headline:
        # One speaker's value does not move when speakers are drawn anew: its interval would be too narrow.
        known = [row for row in rows if row.speakers > 1 and not np.isnan(row.metrics[metric].value)]
        if len(known) > 1:
            ranked = [row.value for row in sorted(known, key=lambda row: row.metrics[metric].value)]
            difference = group_difference(truth, model, column, (ranked[-1], ranked[0]), metric)
            gaps[metric] = Gap(ranked[-1], ranked[0], difference)
    return gaps


def _weighted_of(truth: Truth, model: Prediction, member: Mask) -> Weighted:
    thresholds = np.broadcast_to(model.thresholds, truth.targets.shape)[member]
    return weighted_metrics(
        truth.targets[member], model.probabilities[member], thresholds, truth.single_label, truth.positive_share
    )
