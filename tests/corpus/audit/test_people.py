"""Speakers and emotions that are too few, or on both sides of a split, are named."""

import numpy as np
import pytest

from emoclr.corpus.audit import audit
from emoclr.corpus.audit.people import emotions_of_few, rare_emotions
from emoclr.corpus.audit.report import verdict_of
from emoclr.corpus.audit.shortcuts import find_shortcuts
from emoclr.corpus.cli import main
from emoclr.corpus.labels.labels_csv import read_labels
from emoclr.corpus.labels.tables.text_table import LabelsError

from .conftest import HEAD, checks, four, voice

pytestmark = pytest.mark.usefixtures("in_this_process")


def test_all_speakers_in_several_splits_are_counted_not_refused(corpus):
    labels = corpus(*four(("train", "test", "validation", "test")))
    with pytest.raises(LabelsError, match="a leak"):
        read_labels(labels)
    (leak,) = audit(labels).leaks
    assert leak.check == "speakers across splits"
    assert list(leak.cases) == ["ann: 1 train, 1 test", "bob: 1 validation, 1 test"]


@pytest.mark.parametrize(("speakers", "told"), [(["ann"], "one speaker"), (["ann", "bob"], "few speakers")])
def test_of_few_speakers_it_is_told_first_and_no_shortcut(corpus, tmp_path, call, speakers, told):
    labels = corpus(*[(*row[:3], speakers[number % len(speakers)], "train") for number, row in enumerate(four())])
    found = audit(labels)
    assert checks(found)[told].weight == "warning"
    assert find_shortcuts(found.table, found.recordings) == []
    first = call(main, ["audit", labels], tmp_path).told.partition("few speakers" if speakers[1:] else "Warnings")[0]
    assert f"Only {len(speakers)} speaker" in first and verdict_of(found)[0].weight == "open"


def test_rare_emotions_absent_splits_and_one_sided_speakers_are_named(corpus):
    rows = [(voice(number), 0, 1, f"s{number // 2}", ("train", "test")[number // 12]) for number in range(14)]
    rows[0] = (voice(0), 1, 1, "s0", "train")
    found = checks(audit(corpus(*rows)))
    few = found["emotions with few clips or speakers"]
    assert list(few.cases) == ["joy: 1 clip (7.14%) of 1 speaker"] and "rare emotions" not in found
    assert list(found["emotions missing in a split"].cases) == ["joy: 1 train, 0 test"]
    cases = found["speakers with one emotion only"].cases
    assert cases[0] == "s1: 2 clips, all anger" and len(cases) == 6


def test_emotions_in_under_one_clip_of_a_hundred_are_rare_whatever_their_number(corpus):
    rows = [(np.zeros(80), int(number < 7), 1, f"s{number}", "train") for number in range(710)]
    table = read_labels(corpus(*rows))
    positive = table.targets > 0
    assert rare_emotions(table, positive).cases == ["joy: 7 clips (0.99%) of 7 speakers"]
    assert emotions_of_few(table, positive) is None


def test_unknown_speakers_are_a_warning(corpus):
    rows = [row[:3] for row in four()]
    assert "speakers unknown" in checks(audit(corpus(*rows, head=HEAD[:3])))
