"""What a comparison says: which model is better, which to take, and what forbids conclusions from any of them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from emoclr.evaluate.metrics.intervals import Measure
from emoclr.evaluate.report.comparison import compare_reports, which_to_take
from emoclr.evaluate.report.report import Report
from emoclr.evaluate.report.writers.report_json import report_json

MakeReport = Callable[..., Report]
BETTER, SAME, WORSE = Measure(0.05, 0.02, 0.08), Measure(0.01, -0.02, 0.04), Measure(-0.05, -0.08, -0.02)


@pytest.mark.parametrize(
    ("known", "start", "also"),
    [
        ({"b": BETTER, "c": SAME}, "Take b.", ""),
        ({"b": BETTER, "c": Measure(0.09, 0.02, 0.16)}, "Take c, or b:", "`probe compare 'runs/my c' runs/b`"),
        ({"b": WORSE, "c": SAME}, "Keep a, or", "more scored speakers"),
        ({"b": WORSE, "c": WORSE}, "Keep a.", ""),
    ],
)
def test_what_to_take_follows_from_intervals(known: dict[str, Measure], start: str, also: str) -> None:
    (told,) = which_to_take("a", known, {"b": Path("runs/b"), "c": Path("runs/my c")})
    assert told.text.startswith(start) and also in told.text and told.kind == "next"


def test_nothing_is_advised_where_no_difference_is_known() -> None:
    assert which_to_take("a", {}, {}) == []


def test_what_forbids_a_conclusion_is_told_once_and_of_whom(make_report: MakeReport, tmp_path: Path) -> None:
    content = report_json(make_report(models=1))
    limit = content["verdict"][0]
    for name, verdict in (("a", [limit]), ("b", [limit, {**limit, "text": "Synthetic."}]), ("c", [])):
        (tmp_path / name).mkdir()
        (tmp_path / name / "report.json").write_text(json.dumps({**content, "verdict": verdict}))
    verdict = compare_reports([tmp_path / name for name in "abc"]).verdict
    warned = [sentence.text for sentence in verdict if sentence.weight == "warning"]
    assert warned == [f"a and b: {limit['text']}", "b: Synthetic."]
