"""The figure on top has few rows, the best first, and a scale that holds them all."""

from collections.abc import Callable
from typing import Any

import pytest

from emoclr.evaluate.figures.forest import MAX_ROWS, forest_of
from emoclr.evaluate.scores import Scores


@pytest.fixture(scope="module", params=[2, 12])
def scores(request: pytest.FixtureRequest, make_report: Callable[..., Any]) -> Scores:
    found: Scores = make_report(models=request.param).scores
    return found


def test_rows_are_sorted_and_the_headline_is_among_them(scores: Scores) -> None:
    rows = forest_of(scores).rows
    values = [row.found.value for row in rows]
    assert len(rows) == min(MAX_ROWS, len(scores.rows) - 1) and values == sorted(values, reverse=True)
    assert [row.name for row in rows if row.headline] == ["ensemble"]
    assert [row.name for row in rows if row.baseline] == ["log-mel mean and deviation"]


def test_places_keep_the_proportions_of_the_values(scores: Scores) -> None:
    rows = forest_of(scores).rows
    first, *_, last = rows
    scale = (first.at - last.at) / (first.found.value - last.found.value)
    for row in rows:
        assert 0 < row.low <= row.at <= row.high < 100
        assert row.at - last.at == pytest.approx(scale * (row.found.value - last.found.value), abs=0.02)
        assert row.high - row.low == pytest.approx(scale * (row.found.high - row.found.low), abs=0.02)
