"""Reports are compared clip by clip: differences with intervals, or the reason why there are none."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emoclr.evaluate.metrics.registry import emotion_metrics
from emoclr.evaluate.report.predictions_csv import ANSWERS, ScoredClips, predictions_csv, read_predictions
from emoclr.evaluate.report.report import Report
from emoclr.evaluate.report.sentence import Caution
from emoclr.evaluate.report.writers.report_json import report_json
from emoclr.evaluate.report.writers.write import write_report
from emoclr.evaluate.scores import Prediction, Truth, score_all
from emoclr.probe.cli import main

N = 120
MakeReport = Callable[..., Report]
Write = Callable[..., Path]


@pytest.fixture(scope="module", name="write")
def _write(tmp_path_factory: pytest.TempPathFactory, make_report: MakeReport) -> Write:
    """Writes `report.json` and `answers.csv` of a model that is right with a share of clips."""
    base = make_report(models=1, clips=60)

    def write(
        skill: float, rows: slice = slice(None), emotions: tuple[str, ...] = ("joy", "fear"), flip: int = 0
    ) -> Path:
        generator = np.random.default_rng(7)
        targets = (generator.random((N, 2)) < 0.4).astype(np.float64)
        noise = generator.random((N, 2))
        probabilities = np.round(skill * targets + (1 - skill) * noise, 4)[rows]
        targets[:flip] = 1 - targets[:flip]
        speakers = [f"s{clip % 12}" for clip in range(N)][rows]
        truth = Truth(list(emotions), targets[rows], speakers, n_resamples=100)
        scores = score_all(truth, [Prediction("model", probabilities, np.array([0.5, 0.5]))])
        names = [f"{clip}.wav" for clip in range(N)][rows]
        report = replace(
            base,
            title=f"skill {skill}",
            scores=scores,
            clips=ScoredClips([(f"clips/{name}", "0", "") for name in names], speakers),
        )
        folder = tmp_path_factory.mktemp("report")
        (folder / "report.json").write_text(json.dumps(report_json(report)))
        assert report.clips is not None
        (folder / ANSWERS).write_text(predictions_csv(report.clips, truth, scores.headline))
        return folder

    return write


def test_answers_come_back_as_they_were_written(write: Write) -> None:
    answers = read_predictions(write(0.3) / ANSWERS)
    assert answers is not None and answers.emotions == ["joy", "fear"]
    assert answers.clips[3] == ("clips/3.wav", "0", "") and answers.speakers[3] == "s3"
    assert answers.targets.shape == answers.probabilities.shape == answers.thresholds.shape == (N, 2)
    assert set(np.unique(answers.thresholds)) == {0.5}


def test_every_row_of_answers_says_what_forbids_conclusions(make_report: MakeReport, tmp_path: Path) -> None:
    notes = [Caution("Synthetic voices."), "1 clip is silent.", Caution("One speaker, of whom all is.")]
    truth = Truth(["joy"], np.array([[1.0], [0.0]]), ["anna", "ben"], n_resamples=20)
    scores = score_all(truth, [Prediction("model", truth.targets, np.array([0.5]))])
    clips = ScoredClips([("a.wav", "0", ""), ("b.wav", "0", "")], truth.speakers)
    written = replace(make_report(models=1, clips=60), scores=scores, clips=clips, notes=notes)
    write_report(written, tmp_path)
    table = pd.read_csv(tmp_path / ANSWERS)
    assert table["cautions"].tolist() == ["Synthetic voices. One speaker, of whom all is."] * 2
    answers = read_predictions(tmp_path / ANSWERS)
    assert answers is not None and answers.emotions == ["joy"] and answers.targets.tolist() == [[1.0], [0.0]]


def test_differences_are_those_of_the_two_headlines(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = write(0.2), write(0.6)
    assert main(["compare", str(first), str(second)]) == 0
    printed = capsys.readouterr().out
    values = []
    for folder in (first, second):
        answers = read_predictions(folder / ANSWERS)
        assert answers is not None
        found = emotion_metrics(answers.targets, answers.probabilities, answers.thresholds, single_label=False)
        values.append(found["macro_auroc"])
    assert f"Differences from {first.name}, 95 % intervals" in printed
    assert printed.startswith(f"{first.name}: skill 0.2, {first / 'report.html'}\n{second.name}: skill 0.6, ")
    assert printed.count("skill 0.2") == printed.count("skill 0.6") == 1
    assert f"{values[1] - values[0]:+.3f}" in printed


@pytest.mark.parametrize(
    ("skills", "word"), [((0.2, 0.6), "better than"), ((0.6, 0.2), "worse than"), ((0.3, 0.3), "not to be told apart")]
)
def test_the_last_lines_say_what_the_difference_means_and_what_to_do(
    write: Write, capsys: pytest.CaptureFixture[str], skills: tuple[float, float], word: str
) -> None:
    first, second = (write(skill) for skill in skills)
    assert main(["compare", str(first), str(second)]) == 0
    *_, last, step = capsys.readouterr().out.splitlines()
    taken = second if word == "better than" else first
    assert step.startswith("next: ") and taken.name in step
    assert last.startswith(f"{second.name}: {word}") and f"{first.name} (" in last


def test_reports_in_folders_of_one_name_are_called_by_their_paths(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for run in ("a", "b"):
        (tmp_path / run).mkdir()
        (tmp_path / run / "probe").symlink_to(write(0.4))
    assert main(["compare", str(tmp_path / "a/probe"), str(tmp_path / "b/probe/report.json")]) == 0
    printed = capsys.readouterr().out
    assert f"{tmp_path / 'b/probe'}: " in printed.splitlines()[1]


def test_a_report_differs_from_itself_by_nothing(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(write(0.4))
    assert main(["compare", folder, folder]) == 0
    assert "+0.000 to +0.000" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"rows": slice(0, 40)}, "it scored other clips: 40 clips are in both, of 120 and 40"),
        ({"emotions": ("joy", "awe")}, "it scores other emotions (joy, awe) than the first (joy, fear)"),
        ({"flip": 5}, "5 of the 120 clips that both scored are labelled otherwise"),
        ({"rows": slice(0, 100)}, "differences only on the clips that both scored: 100 clips are in both"),
    ],
)
def test_what_cannot_be_compared_is_told(
    write: Write, capsys: pytest.CaptureFixture[str], change: dict[str, object], told: str
) -> None:
    second = write(0.5, **change)
    assert main(["compare", str(write(0.2)), str(second)]) == 0
    printed = capsys.readouterr().out
    assert told in printed
    assert (f"no differences for {second.name}" in printed) == ("only" not in told)


def test_a_report_without_answers_is_shown_side_by_side(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = write(0.2), write(0.5)
    (second / ANSWERS).unlink()
    assert main(["compare", str(first), str(second)]) == 0
    printed = capsys.readouterr().out
    assert f"{second} has no answers.csv" in printed and "skill 0.5" in printed


def test_answers_that_are_something_else_are_an_error(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = write(0.2), write(0.5)
    (second / ANSWERS).write_text("path,joy\na.wav,1\n")
    assert main(["compare", str(first), str(second)]) == 1
    assert "is no answers.csv" in capsys.readouterr().err


def test_baselines_that_are_the_same_are_printed_once(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [write(0.2), write(0.6)]

    def with_chance(folder: Path, value: float) -> None:
        content = json.loads((folder / "report.json").read_text())
        content["baselines"]["chance"] = {name: {"value": value, "ci95": [value, value]} for name in content["metrics"]}
        (folder / "report.json").write_text(json.dumps(content))

    for folder in folders:
        with_chance(folder, 0.5)
    assert main(["compare", *map(str, folders), "--out", str(folders[0] / "compared.html")]) == 0
    table, page = capsys.readouterr().out.partition("Differences from")[0], (folders[0] / "compared.html").read_text()
    for text in (table, page.partition('id="rows"')[2].partition('id="glossary"')[0]):
        (place,) = [found.start() for found in re.finditer(r"  chance |>chance<", text)]
        assert text.index("the same in each") < place
    with_chance(folders[1], 0.51)
    assert main(["compare", *map(str, folders)]) == 0
    table = capsys.readouterr().out.partition("Differences from")[0]
    assert table.count("  chance ") == 2 and "the same in each" not in table


def test_beside_an_ensemble_its_members_own_baselines_are_not_listed(
    make_report: MakeReport, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = report_json(make_report(models=2))
    baseline = content["baselines"]["chance"]
    content["baselines"] |= {f"untrained {name}": baseline for name in ("ensemble", "resnet10t")}
    content["baselines"]["head alone, resnet10t"] = baseline
    (tmp_path / "report.json").write_text(json.dumps(content))
    assert main(["compare", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "untrained ensemble" in told and "chance" in told
    assert "untrained resnet10t" not in told and "head alone" not in told


def test_a_report_is_found_by_its_file_and_in_a_run_of_finetune(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(0.4)
    (tmp_path / "run").mkdir()
    (tmp_path / "run/report").symlink_to(folder)
    assert main(["compare", str(folder / "report.json"), str(tmp_path / "run")]) == 0
    printed = capsys.readouterr().out
    assert "+0.000 to +0.000" in printed and f"{tmp_path / 'run/report/report.html'}" in printed


@pytest.mark.parametrize("place", ["missing", "empty", "empty/other.json"])
def test_a_place_without_a_report_is_named(place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/other.json").write_text("{}")
    assert main(["compare", str(tmp_path / place)]) == (2 if place == "missing" else 1)
    assert f"{place}: no report is there; give the --out folder" in capsys.readouterr().err
