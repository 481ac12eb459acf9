"""Fold by fold: what cross-validation is reported as in papers, the mean of the folds' values and their deviation."""

from collections.abc import Sequence

import numpy as np

from emoclr.evaluate.linear_probe import Rows
from emoclr.evaluate.metrics.arrays import Array
from emoclr.evaluate.metrics.registry import METRICS, emotion_metrics
from emoclr.evaluate.report.formatting import json_number, number
from emoclr.evaluate.report.section import Section, Table
from emoclr.evaluate.scores import Prediction, Scores, Truth

SHARE_F1 = "share_macro_f1"
_ROUNDING = 1e-6
"""How far a share that was written with six digits may be below what it is."""


def fold_by_fold_section(scores: Scores, sizes: Sequence[int], names: Sequence[str]) -> Section | None:
    """Returns the headline metrics of each fold, their mean and their deviation; None of a single fold.

    Where the shares of each clip add up to one, `share_macro_f1` is among them.

    Args:
        scores: of all folds together, clips in the order of the folds.
        sizes: how many clips each fold scores.
        names: of the folds; numbers from 1 on where there are none.
    """
    if len(sizes) < 2:
        return None
    truth = scores.truth
    labels = {name: METRICS[name].label for name in (*truth.headline, "macro_f1")}
    text = (
        "Each fold scored by itself, with the mean of the folds and the standard deviation between them (n - 1). "
        "Papers give these numbers; the intervals above tell more of what other speakers would show."
    )
    share = 1 / len(truth.emotions)
    if not truth.single_label and np.allclose(truth.targets.sum(axis=1), 1, atol=0.01):
        labels[SHARE_F1] = f"macro F1 from a share of 1/{len(truth.emotions)}"
        text += (
            f" In the last table an emotion is there, and is named, from a share of 1/{len(truth.emotions)} = "
            f"{share:.3f} on, that of an even distribution (EMO-SUPERB, Wu et al. 2024)."
        )
    ends = np.cumsum(sizes)
    parts = [np.arange(end - size, end) for end, size in zip(ends, sizes, strict=True)]
    values = {
        model.name: [_metrics(truth, model, rows, list(labels)) for rows in parts] for model in scores.predictions
    }
    heads = [f"fold {name}" for name in (names or range(1, len(sizes) + 1))]
    tables = []
    data: dict[str, dict[str, dict[str, object]]] = {}
    for metric, label in labels.items():
        rows, data[metric] = [], {}
        for model, of_folds in values.items():
            found = np.array([fold[metric] for fold in of_folds])
            mean, deviation = float(found.mean()), float(found.std(ddof=1))
            rows.append([model, *map(number, found), number(mean), number(deviation)])
            data[metric][model] = {
                "folds": [json_number(value) for value in found],
                "mean": json_number(mean),
                "deviation": json_number(deviation),
            }
        tables.append(Table(["", *heads, "mean", "deviation"], rows, title=label))
    return Section("folds", "Fold by fold", text, tables, data={"names": [str(name) for name in heads], **data})


def share_macro_f1(targets: Array, probabilities: Array) -> float:
    """Returns the mean F1 of K emotions, each there and named from a share of 1/K on.

    Args:
        targets: (n, K) shares that add up to one.
        probabilities: (n, K).

    Examples:
        >>> share_macro_f1(np.array([[0.6, 0.4], [0.3, 0.7]]), np.array([[0.9, 0.1], [0.5, 0.5]]))
        0.8333333333333333
    """
    share = 1 / targets.shape[1]
    there = np.where(targets >= share - _ROUNDING, 1.0, 0.0)
    return emotion_metrics(there, probabilities, np.full(targets.shape[1], share), single_label=False)["macro_f1"]


def _metrics(truth: Truth, model: Prediction, rows: Rows, wanted: Sequence[str]) -> dict[str, float]:
    targets, probabilities = truth.targets[rows], model.probabilities[rows]
    thresholds = np.broadcast_to(model.thresholds, truth.targets.shape)[rows]
    found = emotion_metrics(targets, probabilities, thresholds, truth.single_label, truth.positive_share)
    if SHARE_F1 in wanted:
        found[SHARE_F1] = share_macro_f1(targets, probabilities)
    return found
