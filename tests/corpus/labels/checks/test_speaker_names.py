"""Names that differ in writing only are told together; names that differ otherwise are not."""

import unicodedata
from collections.abc import Callable

import numpy as np
import pytest

from emoclr.corpus.labels.checks.speaker_names import plain_name, speakers_alike
from emoclr.corpus.labels.label_table import LabelTable

ZOE = unicodedata.normalize("NFC", "Zoë"), unicodedata.normalize("NFD", "Zoë")


@pytest.mark.parametrize(
    ("one", "other"),
    [("01", "1"), ("Anna", "anna"), ("anna b", "Anna  B"), ("spk_007", "SPK7"), ("1.0", "1"), ("ßa", "SSA"), ZOE],
)
def test_writing_alone_makes_no_other_speaker(one: str, other: str) -> None:
    assert one != other and plain_name(one) == plain_name(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("1", "10"), ("1", "100"), ("101", "11"), ("1-1", "11"), ("anna", "hanna"), ("1.5", "1"), ("0", "")],
)
def test_other_speakers_stay_others(one: str, other: str) -> None:
    assert plain_name(one) != plain_name(other)


def test_they_are_counted_with_their_clips(make_table: Callable[..., LabelTable]) -> None:
    note = speakers_alike(make_table(np.zeros((7, 1)), ["Anna", "anna", "anna", "ben", "01", "1", "1"]))
    assert note is not None and note.summary.startswith("2 speakers")
    assert note.cases == ["'Anna' (1 clip) and 'anna' (2 clips)", "'01' (1 clip) and '1' (2 clips)"]


def test_two_forms_of_unicode_are_spelled_out(make_table: Callable[..., LabelTable]) -> None:
    note = speakers_alike(make_table(np.zeros((2, 1)), list(ZOE)))
    assert note is not None and set(note.cases[0].split("'")) >= {r"Zo\xeb", r"Zoe\u0308"}


def test_nothing_is_said_of_names_that_differ(make_table: Callable[..., LabelTable]) -> None:
    assert speakers_alike(make_table(np.zeros((3, 1)), ["a", "b", "c"])) is None
    assert speakers_alike(make_table(np.zeros((3, 1)), None)) is None
