"""report.json follows its schema, and the schema refuses what is none."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

import emoclr.evaluate.report.report
from emoclr.evaluate.report.report import Report
from emoclr.evaluate.report.writers.report_json import report_json
from emoclr.evaluate.scores import Prediction, Truth, score_all
from emoclr.evaluate.studies.calibration import calibration_section

SCHEMA = json.loads(Path(emoclr.evaluate.report.report.__file__).with_name("report.schema.json").read_text())
MakeReport = Callable[..., Report]


def errors_of(content: Any) -> list[str]:
    # Through JSON, as a reader of the file has it.
    found = jsonschema.Draft202012Validator(SCHEMA).iter_errors(json.loads(json.dumps(content, allow_nan=False)))
    return [error.message for error in found]


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("single_label", [False, True])
def test_reports_follow_it(make_report: MakeReport, single_label: bool) -> None:
    report = make_report(single_label=single_label)
    truth, headline = report.scores.truth, report.scores.headline
    section = calibration_section(truth, headline.probabilities**2, headline.probabilities, "A made model.")
    assert errors_of(report_json(replace(report, sections=[section]))) == []


def test_what_is_not_defined_is_null_and_follows_it_too(make_report: MakeReport) -> None:
    targets = np.random.default_rng(0).random((60, 2)) * [1.0, 0.1]
    truth = Truth(["joy", "awe"], targets, [str(clip % 6) for clip in range(60)], n_resamples=20)
    scores = score_all(truth, [Prediction("model", targets.copy(), np.array([0.5, 0.5]))])
    assert errors_of(report_json(replace(make_report(), scores=scores, speaker_probe=None))) == []


@pytest.mark.parametrize(
    "path",
    [
        ("metrics", "macro_auroc"),
        ("metrics", "ece", "ci95"),
        ("protocol", "speaker_disjoint"),
        ("per_emotion", "anger", "threshold"),
        ("gaps", "sex", "map", "best"),
        ("groups",),
        ("made", "corpus_fingerprint"),
    ],
)
def test_a_report_without_a_part_of_the_contract_is_refused(make_report: MakeReport, path: tuple[str, ...]) -> None:
    content = copy.deepcopy(report_json(make_report()))
    place = content
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    assert errors_of(content)
