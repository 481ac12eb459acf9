"""Multilabel and single-label metrics, and their bootstrap intervals over speakers.

Every metric is written for whole batches of weightings of the same clips: a bootstrap resample of speakers is
a row of counts, so one sort of the probabilities serves a thousand resamples. `W` stands for weightings, `n`
for clips, `e` for emotions, `k` for distinct probabilities.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, stdtrit

Array = npt.NDArray[np.float64]
Weighted = Callable[[Array], Mapping[str, Array]]

POSITIVE_SHARE = 0.25
ECE_BINS = 15
BLOCK_ELEMENTS = 2_000_000
"""How many weights are held at once: it bounds the memory of the bootstrap, not its result."""


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
        `macro_auroc`, `map`, `macro_f1`, `micro_f1`, `ece`, and `uar` and `wa` where `single_label`. Emotions
        without a positive or without a negative are left out of the macro means; nan where none is left.
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
    per_emotion = weighted_emotions(targets, probabilities, thresholds, single_label, positive_share)
    target = np.asarray(targets, dtype=np.float64)  # (n, e)
    probability = np.asarray(probabilities, dtype=np.float64)  # (n, e)
    positive = target >= positive_share
    named = _named(probability, thresholds, single_label)
    right_counts = np.stack([(named & positive).sum(1), named.sum(1), positive.sum(1)], axis=1)  # (n, 3)
    hit = (probability.argmax(1) == target.argmax(1)).astype(np.float64)  # (n,)
    classes = np.eye(target.shape[1])[target.argmax(1)]  # (n, e)

    def measure(weights: Array) -> dict[str, Array]:
        found = per_emotion(weights)  # each (W, e)
        hits, named_sum, positive_sum = (weights @ right_counts).T  # each (W,)
        metrics = {
            "macro_auroc": _mean(found["auroc"]),
            "map": _mean(found["ap"]),
            "macro_f1": _mean(np.where(np.isnan(found["auroc"]), np.nan, found["f1"])),
            "micro_f1": _ratio(2 * hits, named_sum + positive_sum),
            "ece": _mean(found["ece"]),
        }
        if single_label:
            recalls = _ratio(weights @ (classes * hit[:, None]), weights @ classes, empty=np.nan)  # (W, e)
            metrics["uar"] = _mean(recalls)
            metrics["wa"] = _ratio(weights @ hit, weights.sum(1))
        return metrics

    return measure


def weighted_emotions(
    targets: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    thresholds: npt.ArrayLike,
    single_label: bool,
    positive_share: float = POSITIVE_SHARE,
) -> Weighted:
    """Returns a function of weights (W, n) that gives each emotion's metrics, each (W, e).

    `auroc` and `ap` are nan where an emotion has no positive or no negative; `precision`, `recall` and `f1`
    are 0 where nothing is named. `ece` is the expected calibration error (Guo et al. 2017) against shares.
    """
    target = np.asarray(targets, dtype=np.float64)
    probability = np.asarray(probabilities, dtype=np.float64)
    positive = target >= positive_share
    named = _named(probability, thresholds, single_label)
    sums = np.concatenate([named & positive, named, positive], axis=1).astype(np.float64)  # (n, 3 e)
    n_emotions = target.shape[1]

    def measure(weights: Array) -> dict[str, Array]:
        hits, named_sum, positive_sum = np.split(weights @ sums, 3, axis=1)  # each (W, e)
        ranked = [rank_metrics(positive[:, e], probability[:, e], weights) for e in range(n_emotions)]
        gaps = [_calibration_error(target[:, e], probability[:, e], weights) for e in range(n_emotions)]
        return {
            "auroc": np.stack([auroc for auroc, _ in ranked], axis=1),
            "ap": np.stack([ap for _, ap in ranked], axis=1),
            "f1": _ratio(2 * hits, named_sum + positive_sum),
            "precision": _ratio(hits, named_sum),
            "recall": _ratio(hits, positive_sum),
            "ece": np.stack(gaps, axis=1),
        }

    return measure


def rank_metrics(positive: npt.NDArray[np.bool_], scores: Array, weights: Array) -> tuple[Array, Array]:
    """Returns the AUROC and the average precision of one emotion, each (W,), ties counted as ties.

    Equal to `sklearn.metrics.roc_auc_score` and `average_precision_score` with `sample_weight`; nan where a
    weighting holds no positive or no negative.

    Args:
        positive: (n,) which clips are positive.
        scores: (n,) higher is more positive.
        weights: (W, n) non-negative.
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))  # (k,) the last of each tie
    ordered = weights[:, order]
    true_sum = np.cumsum(ordered * positive[order], axis=1)[:, ends]  # (W, k)
    all_sum = np.cumsum(ordered, axis=1)[:, ends]
    false_sum = all_sum - true_sum
    true_steps = np.diff(true_sum, axis=1, prepend=0.0)
    false_steps = np.diff(false_sum, axis=1, prepend=0.0)
    n_true, n_false = true_sum[:, -1], false_sum[:, -1]
    area = np.einsum("wk,wk->w", false_steps, true_sum - true_steps / 2)
    precision = _ratio(true_sum, all_sum)
    gain = np.einsum("wk,wk->w", true_steps, precision)
    usable = (n_true > 0) & (n_false > 0)
    auroc = np.where(usable, _ratio(area, n_true * n_false), np.nan)
    return auroc, np.where(usable, _ratio(gain, n_true), np.nan)


def bootstrap_intervals(
    metric_fn: Weighted, groups: npt.ArrayLike, n_resamples: int = 1000, seed: int = 0
) -> dict[str, Array]:
    """Returns the 95 % interval of each metric, resampling whole groups with replacement.

    Percentiles of the resamples, expanded for few groups (Hesterberg 2015, "What teachers should know about the
    bootstrap", The American Statistician 69): plain ones are narrower than intervals of Student's t, by a tenth for 18
    groups.

    Args:
        metric_fn: gives metrics, each (W, ...), from weights (W, n).
        groups: (n,) the speaker of each clip (or its recording): clips of one group come and go together.
        n_resamples: how many resamples.
        seed: seed of the resampling.

    Returns:
        For each metric (2, ...) low and high; nan where there are fewer than two groups. Resamples where a
        metric is undefined are left out of its interval.
    """
    names, codes = np.unique(np.asarray(groups), return_inverse=True)
    generator = np.random.default_rng(seed)
    even = np.full(len(names), 1 / len(names))
    counts = generator.multinomial(len(names), even, size=n_resamples)  # (R, groups)
    rows = max(1, BLOCK_ELEMENTS // len(codes))
    starts = range(0, n_resamples, rows)
    blocks = [metric_fn(counts[start : start + rows, codes].astype(np.float64)) for start in starts]
    resampled = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}  # each (R, ...)
    if len(names) < 2:
        return {name: np.full((2, *values.shape[1:]), np.nan) for name, values in resampled.items()}
    tail = _tail(len(names))
    return {name: _percentiles(values, tail) for name, values in resampled.items()}


def tune_thresholds(
    targets: npt.ArrayLike, probabilities: npt.ArrayLike, positive_share: float = POSITIVE_SHARE
) -> Array:
    """Returns the threshold (e,) of each emotion that gives the best F1 on these clips.

    A threshold lies half-way between two probabilities that occurred; 0.5 where an emotion has no positive.
    Tune on clips that the model was not fitted to, of speakers who are not in the test.
    """
    target = np.asarray(targets, dtype=np.float64)
    probability = np.asarray(probabilities, dtype=np.float64)
    thresholds = np.full(target.shape[1], 0.5)
    for emotion in range(target.shape[1]):
        positive = target[:, emotion] >= positive_share
        if not positive.any():
            continue
        order = np.argsort(-probability[:, emotion], kind="stable")
        scores = probability[order, emotion]
        ends = np.flatnonzero(np.append(np.diff(scores) != 0, True))  # (k,)
        f1 = 2 * np.cumsum(positive[order])[ends] / (ends + 1 + positive.sum())
        best = int(np.argmax(f1))
        last = scores[ends[best]]
        after = scores[ends[best] + 1] if best + 1 < len(ends) else 0.0
        middle = (last + after) / 2
        thresholds[emotion] = middle if middle > after else last
    return thresholds


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
        _ratio(probability @ members, counts, empty=np.nan),
        _ratio(target @ members, counts, empty=np.nan),
        counts,
    )


def calibration_errors(targets: Array, probability: Array) -> Array:
    """Returns the expected calibration error (W,) of the same probabilities (n,) under several targets (W, n)."""
    gaps = (probability - targets) @ _bins(probability, ECE_BINS)  # (W, bins)
    errors: Array = np.abs(gaps).sum(1) / len(probability)
    return errors


def _calibration_error(target: Array, probability: Array, weights: Array) -> Array:
    members = _bins(probability, ECE_BINS)
    gaps = weights @ (members * (probability - target)[:, None])  # (W, bins)
    return _ratio(np.abs(gaps).sum(1), weights.sum(1), empty=np.nan)


def _bins(probability: Array, n_bins: int) -> Array:
    return np.eye(n_bins)[np.clip((probability * n_bins).astype(np.int64), 0, n_bins - 1)]


def _named(probability: Array, thresholds: npt.ArrayLike, single_label: bool) -> npt.NDArray[np.bool_]:
    if single_label:
        best: npt.NDArray[np.bool_] = np.eye(probability.shape[1], dtype=np.bool_)[probability.argmax(1)]
        return best
    named: npt.NDArray[np.bool_] = probability >= np.asarray(thresholds, dtype=np.float64)
    return named


def _ratio(above: Array, below: Array, empty: float = 0.0) -> Array:
    ratio: Array = np.divide(above, below, out=np.full(np.shape(below), empty), where=below > 0)
    return ratio


def _mean(values: Array) -> Array:
    known = ~np.isnan(values)
    return _ratio(np.where(known, values, 0.0).sum(1), known.sum(1).astype(np.float64), empty=np.nan)


def _tail(n_groups: int) -> float:
    """Returns the share of resamples that lies beyond either end of a 95 % interval over groups."""
    quantile = stdtrit(n_groups - 1, 0.975) * np.sqrt(n_groups / (n_groups - 1))
    return float(ndtr(-quantile))


def _percentiles(values: Array, tail: float) -> Array:
    undefined = np.isnan(values).all(0)
    filled = np.where(undefined, 0.0, values)
    return np.where(undefined, np.nan, np.nanpercentile(filled, [100 * tail, 100 * (1 - tail)], axis=0))
