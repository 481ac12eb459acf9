"""Calibration: reliability diagrams and the expected calibration error, before and after, as a section of a report."""

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from emoclr.evaluate.figures.figure import WIDTH_IN, Figure
from emoclr.evaluate.figures.reliability import draw_reliability
from emoclr.evaluate.metrics.arrays import Array
from emoclr.evaluate.metrics.calibration import ECE_BINS, calibration_floor, weighted_calibration_errors
from emoclr.evaluate.metrics.intervals import Measure, bootstrap_intervals, centred
from emoclr.evaluate.report.formatting import json_measure
from emoclr.evaluate.report.section import Section, Table
from emoclr.evaluate.scores import Truth

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

ALL = "mean over emotions"


def calibration_section(truth: Truth, before: Array, after: Array, how: str) -> Section:
    """Returns reliability diagrams and expected calibration errors of a model before and after it was calibrated.

    The change is measured on the same resamples of speakers for both, so that it can be told from 0 where the two
    errors' own intervals overlap.

    Args:
        truth: the scored clips, `n` of them.
        before: (n, emotions) probabilities as the model gave them, rows in the order of `truth`.
        after: (n, emotions) probabilities as they are reported.
        how: what lies between the two and where it was chosen, in a sentence.
    """
    pair = before, after

    def errors(weights: Array) -> dict[str, Array]:
        found = (weighted_calibration_errors(truth.targets, given, weights) for given in pair)
        first, second = map(_with_mean, found)  # each (W, 1 + emotions)
        return {"before": first, "after": second, "change": second - first}

    values = errors(np.ones((1, len(truth))))
    intervals = bootstrap_intervals(errors, truth.speakers, truth.n_resamples, truth.seed)
    floors = _with_mean(calibration_floor(truth.targets, after, truth.seed))  # (S, 1 + emotions)
    names = [ALL, *truth.emotions]
    measures = {
        name: {
            **{
                # Resampling inflates errors, and not all alike.
                kind: centred(
                    Measure(float(values[kind][0, place]), *map(float, intervals[kind][:, place])),
                    -np.inf if kind == "change" else 0.0,
                )
                for kind in values
            },
            "floor": Measure(float(floors[:, place].mean()), *np.percentile(floors[:, place], [2.5, 97.5]).tolist()),
        }
        for place, name in enumerate(names)
    }
    table = Table(["ECE", "before", "after", "change", "floor"], [[name, *measures[name].values()] for name in names])
    as_json = {name: {kind: json_measure(found) for kind, found in row.items()} for name, row in measures.items()}
    return Section(
        name="calibration",
        title="Calibration",
        text=f"{how} The expected calibration error (ECE) is how far probabilities lie from the shares that occur, "
        f"over {ECE_BINS} bins; a change below 0 is an improvement, and one whose interval holds 0 may be none. "
        "It is never 0 on so few clips: the floor is what would be found if the probabilities after were right, with "
        f"the range of 95 % of the draws{_of_shares(truth)}.",
        tables=[table],
        figures=[
            Figure(
                "reliability_before_after",
                "Probabilities before and after calibration",
                "All emotions together (dots, larger for more clips) and each alone (thin lines). On the diagonal, "
                f"probabilities are the shares that occur. ECE before: {measures[ALL]['before'].value:.3f}, after: "
                f"{measures[ALL]['after'].value:.3f}.",
                partial(_draw_pair, truth.targets, pair),
                0.5 * WIDTH_IN + 0.4,
            )
        ],
        data={"how": how, "ece": as_json.pop(ALL), "emotions": as_json},
    )


def _draw_pair(targets: Array, pair: tuple[Array, Array], canvas: "Canvas") -> None:
    for axes, title, probabilities in zip(canvas.subplots(1, 2), ("before", "after"), pair, strict=True):
        draw_reliability(axes, targets, probabilities)
        axes.set_title(title, loc="left")
        axes.label_outer()


def _of_shares(truth: Truth) -> str:
    if np.isin(truth.targets, (0.0, 1.0)).all():
        return ""
    return "; of shares of votes, whose scatter it takes from these clips, it is an approximation"


def _with_mean(errors: Array) -> Array:
    return np.concatenate([errors.mean(axis=1, keepdims=True), errors], axis=1)
