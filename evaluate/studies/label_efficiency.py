"""Label efficiency: metrics of models trained with parts of the labels, drawn several times, as table and figure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from emoclr.configs.console import say, track
from emoclr.evaluate.figures.figure import Figure
from emoclr.evaluate.figures.theme import LIGHT
from emoclr.evaluate.metrics.arrays import Array
from emoclr.evaluate.metrics.intervals import Measure, Metrics, measure
from emoclr.evaluate.metrics.registry import METRICS
from emoclr.evaluate.report.formatting import json_measure, json_number, number
from emoclr.evaluate.report.section import Section, Table
from emoclr.evaluate.scores import Prediction, Truth, weighted_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

MARKERS = "osD^vPX"
DASHES = ((4.0, 2.0), (1.0, 1.5), (6.0, 2.0, 1.0, 2.0), (2.0, 2.0), (8.0, 3.0), (3.0, 1.0, 1.0, 1.0))
DODGE = 0.03
"""How far apart lines stand at one number of clips, in powers of ten, so that their bars can be told apart."""


@dataclass(frozen=True)
class Trial:
    """Predictions of one model that was trained with a part of the labels.

    Attributes:
        name: of its line, e.g. the encoder's.
        fraction: of the training clips that kept their labels.
        clips: how many these were, the mean over folds.
        seed: of the draw.
        prediction: for all clips of the truth; its name does not matter.
        model: whether it is what is judged; the others are what it is compared with.
    """

    name: str
    fraction: float
    clips: float
    seed: int
    prediction: Prediction
    model: bool = False


def efficiency_section(truth: Truth, trials: Sequence[Trial], too_small: Mapping[float, str], text: str) -> Section:
    """Returns the part of a report that says how many labels each model needs.

    For every model and fraction: the mean over draws with its interval over speakers (of the mean, on the same
    resamples of speakers for every draw), and the least and the greatest of the draws.

    Args:
        truth: the scored clips, the same for all trials.
        trials: of each name the same fractions.
        too_small: fractions that were asked for and could not be trained with, with the reason.
        text: what was trained and how parts were drawn, in a paragraph.
    """
    names = truth.headline
    draws: dict[tuple[str, float], list[Trial]] = defaultdict(list)
    for trial in trials:
        draws[trial.name, trial.fraction].append(trial)
    points: dict[str, list[_Point]] = {trial.name: [] for trial in trials}
    for name, fraction in track(sorted(draws, key=lambda key: key[1]), "scoring parts of the labels"):
        points[name].append(_point(truth, draws[name, fraction]))
    rows = [
        [
            name,
            f"{point.fraction:g}",
            f"{point.clips:,.0f}",
            str(len(point.draws)),
            *(cell for metric in names for cell in (point.metrics[metric], point.range_of(metric))),
        ]
        for name, found in points.items()
        for point in found
    ]
    spread = [cell for metric in names for cell in (METRICS[metric].label, "least–greatest")]
    left_out = [f"{fraction:g} of the labels is too few: {why}." for fraction, why in too_small.items()]
    for told in left_out:
        say(told)
    return Section(
        name="efficiency",
        title="How many labels it takes",
        text=" ".join([text, *left_out]),
        tables=[Table(["model", "part", "clips", "draws", *spread], rows)] if rows else [],
        figures=[_figure(points, names[0])] if points else [],
        data={
            "models": {name: [point.json(names) for point in found] for name, found in points.items()},
            "too_small": {f"{fraction:g}": why for fraction, why in too_small.items()},
        },
    )


@dataclass(frozen=True)
class _Point:
    """One model at one fraction: `metrics` are means over draws, `draws` are each draw's own values."""

    fraction: float
    clips: float
    model: bool
    metrics: Metrics
    draws: list[dict[str, float]]

    def range_of(self, metric: str) -> str:
        values = [draw[metric] for draw in self.draws]
        return f"{number(min(values))}–{number(max(values))}" if len(values) > 1 else ""

    def json(self, names: Sequence[str]) -> dict[str, object]:
        return {
            "fraction": self.fraction,
            "clips": round(self.clips, 1),
            "metrics": {
                name: json_measure(self.metrics[name]) | {"draws": [json_number(draw[name]) for draw in self.draws]}
                for name in names
            },
        }


def _point(truth: Truth, draws: Sequence[Trial]) -> _Point:
    measures = [weighted_of(truth, draw.prediction) for draw in draws]

    def mean(weights: Array) -> dict[str, Array]:
        found = [one(weights) for one in measures]
        return {name: np.mean([values[name] for values in found], axis=0) for name in truth.headline}

    ones = np.ones((1, len(truth)))
    return _Point(
        fraction=draws[0].fraction,
        clips=float(np.mean([draw.clips for draw in draws])),
        model=draws[0].model,
        metrics=measure(mean, truth.speakers, truth.n_resamples, truth.seed),
        draws=[{name: float(one(ones)[name][0]) for name in truth.headline} for one in measures],
    )


def _figure(points: Mapping[str, Sequence[_Point]], metric: str) -> Figure:
    return Figure(
        "efficiency",
        f"How many labels it takes: {METRICS[metric].label}",
        "Means over draws against the number of labelled clips, lines 95 % intervals over speakers; "
        "what is compared with is hollow.",
        partial(_draw, points, metric),
        3.0 + 0.24 * len(points),
    )


def _draw(points: Mapping[str, Sequence[_Point]], metric: str, canvas: "Canvas") -> None:
    axes = canvas.add_subplot()
    n_models = sum(found[0].model for found in points.values())
    for place, (name, found) in enumerate(points.items()):
        is_model = found[0].model
        colour = LIGHT.accent if is_model else LIGHT.baseline
        style = "-" if is_model and n_models == 1 else (0, DASHES[place % len(DASHES)])
        clips = [point.clips * 10 ** (DODGE * (place - (len(points) - 1) / 2)) for point in found]
        measures: list[Measure] = [point.metrics[metric] for point in found]
        for at, one in zip(clips, measures, strict=True):
            axes.plot([at, at], [one.low, one.high], color=colour, linewidth=1.5, solid_capstyle="round")
        axes.plot(
            clips,
            [one.value for one in measures],
            color=colour,
            linestyle=style,
            linewidth=1.5,
            marker=MARKERS[place % len(MARKERS)],
            markersize=6,
            markerfacecolor=colour if is_model else LIGHT.card,
            label=name,
        )
    ticks = sorted({point.clips for found in points.values() for point in found})
    axes.set_xscale("log")
    axes.set_xticks(ticks, [f"{tick:,.0f}" for tick in ticks])
    axes.minorticks_off()
    axes.tick_params(axis="y", labelcolor=LIGHT.muted)
    axes.set(xlabel="labelled clips", ylabel=METRICS[metric].label)
    axes.grid(visible=True)
    canvas.legend(loc="outside upper left")  # where no line runs
