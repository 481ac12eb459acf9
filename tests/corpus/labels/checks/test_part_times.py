"""Parts beyond the end of their recording are counted; milliseconds are recognised."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from emoclr.corpus.labels.checks.part_times import parts_beyond_the_end
from emoclr.corpus.labels.checks.table_note import TableNote
from emoclr.corpus.labels.label_table import LabelTable

LENGTH_S = 10.0


def note_on(make_table: Callable[..., LabelTable], parts: Sequence[tuple[float, float]]) -> TableNote | None:
    """Returns what is said of parts of recordings of ten seconds, heard as the decoder hears them."""
    start_s, end_s = np.array(parts, dtype=np.float64).T
    table = replace(make_table(np.zeros((len(parts), 1)), None), start_s=start_s, end_s=end_s)
    heard_s = np.fmin(end_s, LENGTH_S) - start_s
    late = heard_s <= 0
    return parts_beyond_the_end(table, np.where(late, np.nan, heard_s), late)


def test_what_is_cut_and_what_is_nothing_is_counted_apart(make_table: Callable[..., LabelTable]) -> None:
    note = note_on(make_table, [(0, 4), (4, 8), (8, 12), (9, 11), (12, 14), (2, np.nan), (0, np.nan)])
    assert note is not None
    assert note.summary.startswith("Of 6 parts, 2 end after their recording") and "1 begin" in note.summary
    assert "milliseconds" not in note.summary
    assert [case.split(" of a recording of ")[1:] for case in note.cases] == [["10.00 s"], ["10.00 s"], []]
    assert "[8 s to 12 s]" in note.cases[0]


def test_rounded_ends_are_no_matter(make_table: Callable[..., LabelTable]) -> None:
    assert note_on(make_table, [(0, 10.05), (5, 10.0)]) is None


def test_milliseconds_are_asked_about(make_table: Callable[..., LabelTable]) -> None:
    for parts in ([(0, 2000), (2000, 4000)], [(2000, 4000), (5000, 9900)], [(0, 9500), (0, 9000), (0, 5)]):
        note = note_on(make_table, parts)
        assert note is not None and "milliseconds" in note.summary


def test_ends_that_would_not_fit_as_milliseconds_are_none(make_table: Callable[..., LabelTable]) -> None:
    note = note_on(make_table, [(0, 32_000), (0, 48_000)])
    assert note is not None and "milliseconds" not in note.summary
