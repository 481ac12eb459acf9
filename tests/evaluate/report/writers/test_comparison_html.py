"""A comparison as a page: the question, the answer, differences of metrics and emotions, and a way to each report."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emoclr.evaluate.metrics.registry import emotion_metrics, weighted_emotions
from emoclr.evaluate.report.comparison import compare_reports
from emoclr.evaluate.report.predictions_csv import ScoredClips
from emoclr.evaluate.report.report import Report
from emoclr.evaluate.report.writers.comparison_html import comparison_html
from emoclr.evaluate.report.writers.write import write_report
from emoclr.evaluate.scores import Prediction, Truth, score_all
from emoclr.probe.cli import main

MakeReport = Callable[..., Report]
N = 96


@pytest.fixture(scope="module", name="folders")
def _folders(make_report: MakeReport, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[Prediction]]:
    """Two reports of the same clips; the second hears joy better than the first, and fear as badly."""
    generator, root = np.random.default_rng(3), tmp_path_factory.mktemp("reports")
    targets = (generator.random((N, 2)) < 0.4).astype(float)
    noise = generator.random((N, 2))
    speakers = [f"s{clip % 12}" for clip in range(N)]
    truth = Truth(["joy", "<i>fear"], targets, speakers, n_resamples=100)
    names = [(f"clips/{clip}.wav", "0", "") for clip in range(N)]
    folders, models = [], []
    for name, skill in (("a", [0.1, 0.1]), ("b & c", [0.7, 0.1])):
        model = Prediction("model", np.round(targets * skill + (1 - np.array(skill)) * noise, 4), np.full(2, 0.5))
        report = replace(
            make_report(models=1, clips=60),
            title=f"Report {name}",
            scores=score_all(truth, [model], [Prediction("chance", np.full((N, 2), 0.4), np.full(2, 0.5))]),
            clips=ScoredClips(names, speakers),
        )
        write_report(report, root / name)
        folders.append(root / name)
        models.append(model)
    return folders[0], folders[1], models


def test_the_page_begins_with_the_question_and_its_answer(
    folders: tuple[Path, Path, list[Prediction]], tmp_path: Path
) -> None:
    first, second, _ = folders
    page = comparison_html(compare_reports([first, second]), tmp_path / "page.html")
    places = [
        page.index(part)
        for part in (
            "<h1>Is b &amp; c better than a?</h1>",
            '<li class="warning">The clips are of one speaker, &lt;i&gt;anna&lt;/i&gt;.',
            '<li class="good">b &amp; c: better than a',
            '<li class="next">Take b &amp; c.',
            'class="forest"',
            "Differences from a</h2>",
        )
    ]
    assert places == sorted(places) and "<i>" not in page


def test_differences_are_those_of_the_predictions(folders: tuple[Path, Path, list[Prediction]], tmp_path: Path) -> None:
    first, second, models = folders
    comparison = compare_reports([first, second])
    paired = comparison.reports[1].paired
    assert paired is not None and paired.speakers == 12
    truth = score_all(
        Truth(
            ["joy", "<i>fear"], np.loadtxt(first / "answers.csv", delimiter=",", skiprows=1, usecols=(4, 5)), ["s"] * N
        ),
        [models[0]],
    ).truth
    found = [
        weighted_emotions(truth.targets, model.probabilities, model.thresholds, single_label=False)(np.ones((1, N)))
        for model in models
    ]
    expected = (found[1]["auroc"] - found[0]["auroc"])[0]
    assert [measure.value for measure in paired.emotions.values()] == pytest.approx(expected.tolist(), abs=1e-9)
    assert paired.emotions["joy"].low > 0 and paired.emotions["<i>fear"].value == pytest.approx(0, abs=1e-9)
    both = [
        emotion_metrics(truth.targets, model.probabilities, model.thresholds, single_label=False) for model in models
    ]
    page = comparison_html(comparison, tmp_path / "page.html")
    for metric in ("macro_auroc", "map", "ece"):
        assert f"{both[1][metric] - both[0][metric]:+z.3f}" in page
    assert page.count(f'<span class="v best">{expected[0]:+.3f}</span>') == 1


def test_each_report_is_linked_from_where_the_page_lies(
    folders: tuple[Path, Path, list[Prediction]], capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, _ = folders
    out = first.parent / "pages/compared.html"
    out.parent.mkdir()
    assert main(["compare", str(first), str(second), "--out", str(out)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "next: Take b & c."
    assert 'href="../b%20%26%20c/report.html"' in out.read_text() and 'href="../a/report.html"' in out.read_text()


def test_reports_that_cannot_be_set_against_each_other_are_shown_side_by_side(
    folders: tuple[Path, Path, list[Prediction]], make_report: MakeReport, tmp_path: Path
) -> None:
    write_report(make_report(single_label=True), tmp_path / "other")
    page = comparison_html(compare_reports([folders[0], tmp_path / "other"]), tmp_path / "page.html")
    assert "no differences for other: " in page and "<h2>Differences" not in page
    assert "ensemble" in page and page.count('<div class="forest">') == 1


def test_a_page_is_called_html(
    folders: tuple[Path, Path, list[Prediction]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(folders[0]), "--out", "compared.pdf"]) == 2
    assert "compared.html" in capsys.readouterr().err
