"""A report is one page that needs no network, and the same numbers as JSON and Markdown."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emoclr.evaluate.figures.theme import LIGHT
from emoclr.evaluate.metrics.registry import emotion_metrics
from emoclr.evaluate.report.report import Report
from emoclr.evaluate.report.writers.report_html import report_html
from emoclr.evaluate.report.writers.report_json import report_json
from emoclr.evaluate.report.writers.report_markdown import report_markdown
from emoclr.evaluate.report.writers.write import write_report
from emoclr.evaluate.scores import CHANCE, Prediction, Truth, score_all

MakeReport = Callable[..., Report]


class Links(HTMLParser):
    """Collects what a page would load, and whether its tags close."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loaded += [value or "" for name, value in attrs if name in ("src", "href", "srcset")]
        if tag not in ("meta", "img", "source", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


@pytest.fixture(scope="module", params=[False, True], ids=["multilabel", "single-label"])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Path]:
    make = request.getfixturevalue("make_report")
    report = make(single_label=request.param)
    folder = tmp_path_factory.mktemp("report")
    write_report(report, folder)
    return report, folder


def test_the_page_loads_nothing_from_elsewhere(written: tuple[Report, Path]) -> None:
    page = (written[1] / "report.html").read_text()
    links = Links()
    links.feed(page)
    loaded = [link for link in links.loaded if not link.startswith("#")]
    assert all(link.startswith("data:image/png;base64,") for link in loaded)
    assert not links.wrong and not links.open
    assert not re.search(r"https?://|@import|url\((?!#)", page)


def test_every_picture_comes_for_light_and_for_dark_pages(written: tuple[Report, Path]) -> None:
    page = (written[1] / "report.html").read_text()
    drawings = re.findall(r"<svg[^>]*viewBox.*?</svg>", page, flags=re.DOTALL)
    # The figure on top, those of emotions and what comes together are tables on the page, and pictures beside it.
    assert len(drawings) == len(set(drawings)) == 3 == len(list(written[1].glob("*.png"))) - 4
    assert all("var(--accent)" in drawing for drawing in drawings)
    assert not any(colour in drawing for colour in LIGHT.variables().values() for drawing in drawings)


def test_the_json_follows_the_contract(written: tuple[Report, Path]) -> None:
    report, folder = written
    content = json.loads((folder / "report.json").read_text())
    single = report.scores.truth.single_label
    names = {"macro_auroc", "map", "macro_f1", "micro_f1", "ece"} | ({"uar", "wa"} if single else set())
    assert {"clips", "speakers", "folds", "seeds", "speaker_disjoint"} <= set(content["protocol"])
    assert set(content["metrics"]) == names
    assert content["metrics"] == content["models"]["ensemble"]
    assert set(content["models"]) == {"ensemble", "resnet10t", "resnet11t"}
    assert set(content["baselines"]) == {"log-mel mean and deviation", CHANCE}
    assert set(content["per_emotion"]) == set(report.scores.truth.emotions)
    for metrics in [*content["models"].values(), *content["baselines"].values()]:
        for found in metrics.values():
            low, high = found["ci95"]
            assert low <= found["value"] <= high
    assert {"auroc", "ap", "f1", "precision", "recall", "threshold", "positives"} == set(
        content["per_emotion"]["anger"]
    )


def test_the_headline_is_computed_from_the_ensembles_probabilities(make_report: MakeReport) -> None:
    scores = make_report().scores
    expected = emotion_metrics(
        scores.truth.targets, scores.headline.probabilities, scores.headline.thresholds, single_label=False
    )
    assert scores.headline.name == "ensemble"
    assert {name: found.value for name, found in scores.models[0].metrics.items()} == pytest.approx(expected)


def test_a_group_is_scored_on_its_own_clips(make_report: MakeReport) -> None:
    scores = make_report().scores
    female = np.array(scores.truth.groups["sex"]) == "female"
    expected = emotion_metrics(
        scores.truth.targets[female], scores.headline.probabilities[female], scores.headline.thresholds, False
    )
    row = next(row for row in scores.groups["sex"] if row.value == "female")
    assert (row.clips, row.speakers) == (int(female.sum()), 9)
    assert row.metrics["macro_auroc"].value == pytest.approx(expected["macro_auroc"])


def test_a_column_that_names_every_clip_is_no_group(make_report: MakeReport) -> None:
    assert list(make_report().scores.groups) == ["sex"]


def test_an_emotion_without_test_positives_is_null_and_a_dash(make_report: MakeReport) -> None:
    targets = np.random.default_rng(0).random((60, 2)) * [1.0, 0.1]
    truth = Truth(["joy", "awe"], targets, [str(clip % 6) for clip in range(60)], n_resamples=20)
    scores = score_all(truth, [Prediction("model", targets.copy(), np.array([0.5, 0.5]))])
    report = Report(**{**vars(make_report()), "scores": scores})
    content: dict[str, Any] = report_json(report)
    assert content["per_emotion"]["awe"]["auroc"] == {"value": None, "ci95": [None, None]}
    json.dumps(content, allow_nan=False)
    assert "| awe | 0 | – |" in report_markdown(report, [])
    assert "nan" not in report_html(report, [])


def test_emotions_that_are_left_out_for_one_reason_are_named_together(make_report: MakeReport) -> None:
    left_out = {"awe": "only a.csv has it", "pain": "only b.csv has it", "calm": "only a.csv has it"}
    report = replace(make_report(), left_out=left_out)
    for text in (report_markdown(report, []), report_html(report, [])):
        told = re.findall(r"Left out: [^<\n]*", text)
        assert told == ["Left out: awe, calm: only a.csv has it", "Left out: pain: only b.csv has it"]


def test_what_users_wrote_is_shown_and_never_run(make_report: MakeReport) -> None:
    page = report_html(make_report(), [])
    assert "reports/&lt;probe&gt;" in page and "broken &amp; empty.wav" in page


def test_chance_is_never_the_best_of_a_column(make_report: MakeReport) -> None:
    page = report_html(make_report(), [])
    chance = page[page.index(">chance<") :].split("</tr>")[0]
    assert "best" not in chance


def test_the_same_report_is_written_twice_as_the_same_bytes(make_report: MakeReport, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_report(make_report(models=1), tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
