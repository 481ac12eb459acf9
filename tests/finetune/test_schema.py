"""The report of a fine-tuned ensemble follows the schema, with the answers and mistakes of its test clips."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import emoclr.evaluate.report.report
from emoclr.evaluate.report.predictions_csv import ANSWERS, read_predictions
from emoclr.finetune.model.checkpoint import load_model


@pytest.fixture(scope="module")
def content(finetuned: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((finetuned.out / "report/report.json").read_text())
    return found


def test_the_report_follows_the_schema(content: dict[str, Any]) -> None:
    schema = json.loads(Path(emoclr.evaluate.report.report.__file__).with_name("report.schema.json").read_text())
    found = jsonschema.Draft202012Validator(schema).iter_errors(content)
    assert [error.message for error in found] == []


def test_answers_are_those_of_the_scored_clips_and_hold_every_mistake(finetuned: Any, content: dict[str, Any]) -> None:
    answers = read_predictions(finetuned.out / "report" / ANSWERS)
    assert answers is not None and len(answers.clips) == content["protocol"]["clips"]
    assert answers.emotions == content["protocol"]["emotions"]
    paths = [path for path, _, _ in answers.clips]
    for mistake in content["mistakes"]["clips"]:
        row = paths.index(mistake["path"])
        assert list(mistake["probabilities"].values()) == pytest.approx(list(answers.probabilities[row]), abs=1e-5)


def test_the_epoch_that_each_network_kept_is_in_the_report(finetuned: Any, content: dict[str, Any]) -> None:
    networks = content["training"]["networks"]
    cards = {name: load_model(finetuned.out / name)[1].metrics for name in networks}
    assert {name: [fold["best_epoch"] for fold in folds] for name, folds in networks.items()} == {
        name: [int(found["best_epoch"])] for name, found in cards.items()
    }
    kept = [name for name, found in cards.items() if not found["best_epoch"]]
    assert ("the head alone, which is kept" in content["summary"]) == bool(kept)
