"""Metrics equal scikit-learn's, and one that is registered is shown wherever metrics are."""

import json
from collections.abc import Callable
from pathlib import Path

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)

from emoclr.evaluate.metrics.registry import (
    METRICS,
    Metric,
    comparison_columns,
    emotion_metrics,
    headline_columns,
    weighted_emotions,
    weighted_metrics,
)
from emoclr.evaluate.report.compare import print_comparison
from emoclr.evaluate.report.comparison import compare_reports
from emoclr.evaluate.report.report import Report
from emoclr.evaluate.report.writers.write import write_report


@st.composite
def predictions(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    shape = (draw(st.integers(8, 40)), draw(st.integers(2, 5)))
    # Tenths make ties frequent: that is where rank metrics go wrong.
    tenths = st.integers(0, 10).map(lambda value: value / 10)
    targets = draw(hnp.arrays(np.float64, shape, elements=tenths))
    targets[0], targets[1] = 0.0, 1.0
    return targets, draw(hnp.arrays(np.float64, shape, elements=tenths)), np.full(shape[1], 0.45)


@settings(max_examples=60, deadline=None)
@given(predictions())
def test_multilabel_metrics_equal_scikit_learn(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    targets, probabilities, thresholds = case
    positive, named = targets >= 0.25, probabilities >= thresholds
    found = emotion_metrics(targets, probabilities, thresholds, single_label=False)
    assert found["macro_auroc"] == pytest.approx(roc_auc_score(positive, probabilities, average="macro"))
    assert found["map"] == pytest.approx(average_precision_score(positive, probabilities, average="macro"))
    assert found["macro_f1"] == pytest.approx(f1_score(positive, named, average="macro", zero_division=0))
    assert found["micro_f1"] == pytest.approx(f1_score(positive, named, average="micro", zero_division=0))
    assert "uar" not in found


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(12, 60), st.integers(2, 6))
def test_single_label_metrics_equal_scikit_learn(data: st.DataObject, n: int, classes: int) -> None:
    drawn = data.draw(hnp.arrays(int, n, elements=st.integers(0, classes - 1)))
    truth = np.concatenate([np.arange(classes), drawn])
    generator = np.random.default_rng(data.draw(st.integers(0, 99)))
    probabilities = generator.dirichlet(np.ones(classes), len(truth))
    found = emotion_metrics(np.eye(classes)[truth], probabilities, np.full(classes, 0.5), single_label=True)
    guess = probabilities.argmax(1)
    assert found["uar"] == pytest.approx(balanced_accuracy_score(truth, guess))
    assert found["wa"] == pytest.approx(np.mean(truth == guess))
    assert found["macro_f1"] == pytest.approx(f1_score(truth, guess, average="macro"))
    assert found["micro_f1"] == pytest.approx(found["wa"])


@settings(max_examples=40, deadline=None)
@given(predictions(), st.integers(0, 99))
def test_a_weighted_clip_counts_as_often_as_its_weight(
    case: tuple[np.ndarray, np.ndarray, np.ndarray], seed: int
) -> None:
    targets, probabilities, thresholds = case
    counts = np.random.default_rng(seed).integers(0, 4, len(targets))
    counts[:2] = 1
    repeated = np.repeat(np.arange(len(targets)), counts)
    weighted = weighted_metrics(targets, probabilities, thresholds, False)(counts[None].astype(float))
    plain = emotion_metrics(targets[repeated], probabilities[repeated], thresholds, single_label=False)
    for name, value in plain.items():
        assert weighted[name][0] == pytest.approx(value), name


def test_per_emotion_metrics_equal_scikit_learn() -> None:
    generator = np.random.default_rng(1)
    targets, probabilities = generator.random((80, 3)), generator.random((80, 3))
    thresholds = np.array([0.3, 0.5, 0.9])
    found = weighted_emotions(targets, probabilities, thresholds, False)(np.ones((1, 80)))
    positive, named = targets >= 0.25, probabilities >= thresholds
    assert found["precision"][0] == pytest.approx(precision_score(positive, named, average=None, zero_division=0))
    assert found["recall"][0] == pytest.approx(recall_score(positive, named, average=None))
    assert found["f1"][0] == pytest.approx(f1_score(positive, named, average=None))


def test_an_emotion_without_positives_is_left_out_of_the_macro_means() -> None:
    generator = np.random.default_rng(0)
    targets, probabilities = generator.random((40, 2)), generator.random((40, 3))
    with_absent = np.column_stack([targets, np.zeros(40)])
    everything = emotion_metrics(with_absent, probabilities, np.full(3, 0.5), single_label=False)
    present = emotion_metrics(targets, probabilities[:, :2], np.full(2, 0.5), single_label=False)
    for name in ("macro_auroc", "map", "macro_f1"):
        assert everything[name] == pytest.approx(present[name])


def test_no_usable_emotion_gives_nan_not_a_number_that_looks_good() -> None:
    found = emotion_metrics(np.zeros((5, 2)), np.full((5, 2), 0.3), [0.5, 0.5], single_label=False)
    assert np.isnan(found["macro_auroc"]) and np.isnan(found["map"])


def test_a_constant_probability_scores_one_half_and_the_share_of_positives() -> None:
    targets = np.array([[1.0], [0.0], [0.0], [0.0]])
    found = emotion_metrics(targets, np.full((4, 1), 0.25), [0.5], single_label=False)
    assert (found["macro_auroc"], found["map"]) == (0.5, 0.25)


@pytest.mark.parametrize("single_label", [False, True])
def test_a_metric_is_added_in_one_place(
    make_report: Callable[..., Report],
    single_label: bool,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    hamming = Metric(
        "Hamming loss",
        "share of emotions wrongly named or missed",
        lambda predictions: (
            predictions.weights @ (predictions.named != predictions.positive).mean(1) / predictions.clips
        ),
        lower_is_better=True,
        resampling_inflates=True,
    )
    monkeypatch.setitem(METRICS, "hamming", hamming)
    report = make_report(single_label=single_label)
    truth, headline = report.scores.truth, report.scores.headline
    named = headline.probabilities >= headline.thresholds
    if single_label:
        named = np.eye(named.shape[1], dtype=bool)[headline.probabilities.argmax(1)]
    value = np.mean(named != (truth.targets >= truth.positive_share))

    write_report(report, tmp_path)
    found = json.loads((tmp_path / "report.json").read_text())["metrics"]["hamming"]
    assert found["value"] == pytest.approx(value, abs=1e-6)
    assert np.mean(found["ci95"]) == pytest.approx(value, abs=1e-5)  # centred, since resampling inflates it
    assert "Hamming loss |\n" in (tmp_path / "report.md").read_text()
    best = min(row.metrics["hamming"].value for row in report.scores.rows if row.name != "chance")
    assert f"**{best:.3f}**" in (tmp_path / "report.md").read_text()
    page = (tmp_path / "report.html").read_text()
    assert ">Hamming loss</button>" in page and f">{hamming.meaning}</span>" in page
    assert f"<dt>Hamming loss</dt><dd>{hamming.meaning}</dd>" in page
    print_comparison(compare_reports([tmp_path]))
    printed = capsys.readouterr().out
    assert "Hamming loss" in printed and f"{value:.3f}" in printed
    assert comparison_columns(single_label)[-1] == "hamming"  # of the ensemble and what it could be replaced by


def test_columns_are_those_that_are_defined() -> None:
    assert headline_columns(single_label=False) == ["macro_auroc", "map", "macro_f1", "micro_f1", "ece"]
    assert headline_columns(single_label=True) == ["uar", "wa", "macro_auroc", "map", "macro_f1", "ece"]
    assert comparison_columns(single_label=False) == ["macro_auroc", "map", "macro_f1", "ece"]
