"""Segments against the rule, moment by moment, and from any place on."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoclr.predict.stream.segments import MAX_GAP_S, MIN_SEGMENT_S, STAY, Segmenter, Span

CELL_S = 0.125  # whole in binary
LEVELS = st.sampled_from([0.1, 0.42, 0.45, 0.55, 0.9])
THRESHOLDS = [0.5, 0.6]


@st.composite
def recordings(draw: st.DrawFn) -> tuple[list[tuple[int, int, list[float]]], list[bool]]:
    """Windows on a grid, in cells, the last moved back, with probabilities or none; and in which cells is a voice."""
    window = draw(st.integers(1, 12))
    hop = draw(st.integers(1, window))
    cells = draw(st.integers(window, 60))
    starts = [*range(0, cells - window, hop), cells - window]
    said = st.one_of(st.just([]), st.lists(LEVELS, min_size=2, max_size=2))
    windows = [(start, start + window, draw(said)) for start in starts]
    return windows, draw(st.lists(st.booleans(), min_size=cells, max_size=cells))


def spans_by_hand(windows: list, voiced: list[bool], single_label: bool) -> list[tuple[int, int, int, float]]:
    """The rule, cell by cell: begin, end, emotion, mean probability."""
    found = []
    for emotion in range(2):
        open_: list[int] = []
        values: dict[int, float] = {}

        def close(cells: list[int], values: dict[int, float], emotion: int = emotion) -> None:
            if cells and cells[-1] + 1 - cells[0] >= round(MIN_SEGMENT_S / CELL_S):
                found.append((cells[0], cells[-1] + 1, emotion, float(np.mean([values[cell] for cell in cells]))))

        for cell, heard in enumerate(voiced):
            around = [said for start, end, said in windows if start <= cell < end and said]
            if open_ and cell - (open_[-1] + 1) > round(MAX_GAP_S / CELL_S):
                close(open_, values)
                open_ = []
            if not heard or not around:
                continue
            p = np.mean(around, axis=0)
            values[cell] = p[emotion]
            least = THRESHOLDS[emotion] * (STAY if open_ else 1)
            if p[emotion] >= p.max() if single_label else p[emotion] >= least:
                open_.append(cell)
        close(open_, values)
    return sorted(found)


@settings(deadline=None, max_examples=200)
@given(recordings(), st.booleans(), st.integers(0, 60))
def test_segments_follow_the_rule_and_go_on_from_any_window(recording, single_label: bool, stop: int) -> None:
    windows, voiced = recording
    segmenter = Segmenter(THRESHOLDS, single_label=single_label)
    spans: list[Span] = []
    for number, (start, end, said) in enumerate(windows):
        if number == stop:  # as after a kill
            state = json.loads(json.dumps(segmenter.state))
            segmenter = Segmenter(THRESHOLDS, single_label=single_label, state=state)
        edges = np.flatnonzero(np.diff([0, *voiced[start:end], 0])) + start
        parts = [(first * CELL_S, last * CELL_S) for first, last in edges.reshape(-1, 2).tolist()]
        spans += segmenter.push(start * CELL_S, end * CELL_S, parts, said)
    spans += segmenter.finish()
    expected = spans_by_hand(windows, voiced, single_label)
    found = [(round(span.start_s / CELL_S), round(span.end_s / CELL_S), span.emotion) for span in spans]
    assert found == [span[:3] for span in expected]  # by their start
    assert [span.probability for span in spans] == pytest.approx([span[3] for span in expected])
    assert segmenter.voiced_s == pytest.approx(CELL_S * sum(voiced))
