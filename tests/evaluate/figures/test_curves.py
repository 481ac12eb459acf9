"""Curves are those of scikit-learn, their areas the report's own numbers, and every emotion that has one is drawn."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.metrics import auc

from emoclr.evaluate.figures.curves import curve_figures, precision_recall_points, roc_points
from emoclr.evaluate.figures.render import figure_png, figure_svg
from emoclr.evaluate.metrics.ranking import rank_metrics
from emoclr.evaluate.report.report import Report
from emoclr.evaluate.scores import Prediction, Truth, score_all


@pytest.fixture(scope="module", params=[0, 1], ids=["distinct", "ties"])
def ranked(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(3)
    positive = generator.random(200) < 0.3
    probability = np.clip(0.3 * positive + generator.random(200) * 0.7, 0, 1)
    return positive, np.round(probability, 1) if request.param else probability


def test_the_area_under_the_roc_is_the_reported_auroc(ranked: tuple[np.ndarray, np.ndarray]) -> None:
    positive, probability = ranked
    auroc, _ = rank_metrics(positive, probability, np.ones((1, 200)))
    false_rate, true_rate = roc_points(positive, probability)
    assert auc(false_rate, true_rate) == pytest.approx(auroc[0])
    assert (false_rate[0], true_rate[0], false_rate[-1], true_rate[-1]) == (0, 0, 1, 1)


def test_the_steps_under_the_precision_recall_curve_are_the_reported_average_precision(
    ranked: tuple[np.ndarray, np.ndarray],
) -> None:
    positive, probability = ranked
    _, precision_mean = rank_metrics(positive, probability, np.ones((1, 200)))
    recall, precision = precision_recall_points(positive, probability)
    # Each step is as high as the precision at its right end: how the figure draws it.
    assert np.sum(np.diff(recall) * precision[1:]) == pytest.approx(precision_mean[0])
    assert (recall[0], recall[-1]) == (0, 1) and precision[-1] == pytest.approx(positive.mean())


@pytest.mark.parametrize("n_emotions", [2, 12])
def test_few_emotions_and_many_are_drawn(make_report: Callable[..., Report], n_emotions: int) -> None:
    emotions = [f"emotion {number}" for number in range(n_emotions)]
    scores = make_report(emotions=emotions, models=1, clips=600).scores
    assert all(row.positives for row in scores.emotions)
    figures = curve_figures(scores)
    assert [figure.name for figure in figures] == ["precision_recall", "roc"]
    assert all(figure_png(figure).startswith(b"\x89PNG") for figure in figures)
    assert all(figure_svg(figure).count('class="axes_') == n_emotions for figure in figures)
    # On a phone a figure has 338 pixels; its own unit is a point.
    for svg in map(figure_svg, figures):
        width = float(re.findall(r'viewBox="0 0 ([\d.]+)', svg)[0])
        sizes = [float(size) for size in re.findall(r"font(?:-size)?: (?:[\w ]*?)([\d.]+)px", svg)]
        assert sizes and min(sizes) * 338 / width >= 11
    assert "chance" in figures[0].caption and "chance" in figures[1].caption


def test_an_emotion_that_all_or_no_clips_carry_has_no_curve() -> None:
    targets = np.tile([1.0, 0.0], (12, 1))
    truth = Truth(["joy", "fear"], targets, [str(clip % 3) for clip in range(12)], n_resamples=20)
    scores = score_all(truth, [Prediction("model", targets * 0.5, np.array([0.5, 0.5]))])
    assert curve_figures(scores) == []
