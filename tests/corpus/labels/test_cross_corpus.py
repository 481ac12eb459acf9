"""Two corpora become one table by the emotions they share; what cannot be crossed is refused."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from emoclr.corpus.labels.cross_corpus import cross, shared_emotions, source_names
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.labels_csv import read_labels
from emoclr.corpus.labels.tables.text_table import LabelsError


@pytest.mark.parametrize(
    ("first", "second", "pairs"),
    [
        (["anger", "joy"], ["joy", "anger", "awe"], [("anger", "anger"), ("joy", "joy")]),
        (["angry", "sad"], ["wut", "sadness"], [("angry", "wut"), ("sad", "sadness")]),
        (["happiness"], ["joy"], [("happiness", "joy")]),
        (["happiness"], ["joy", "happiness"], [("happiness", "happiness")]),  # the same word goes before a synonym
        (["happy", "joy"], ["happiness"], []),  # which of them is meant?
        (["happy", "joy"], ["joy", "freude"], [("joy", "joy")]),
        (["anger"], ["awe"], []),
    ],
)
def test_emotions_meet_by_name_or_by_their_common_name(
    first: list[str], second: list[str], pairs: list[tuple[str, str]]
) -> None:
    assert shared_emotions(first, second) == pairs


@pytest.fixture
def make(tmp_path: Path, write_table: Callable[..., Path]) -> Callable[..., LabelTable]:
    """Returns make(name, emotions, rows of (shares, speaker, split)) -> the labels."""

    def write(name: str, emotions: list[str], rows: Sequence[tuple[list[float], str, str | None]]) -> LabelTable:
        splits = ["split"] if rows[0][2] else []
        cells = [
            [f"{name}{clip}.wav", *shares, speaker, *([split] if split else [])]
            for clip, (shares, speaker, split) in enumerate(rows)
        ]
        return read_labels(write_table(tmp_path / f"{name}.csv", ["path", *emotions, "speaker", *splits], cells))

    return write


def test_the_second_is_scored_on_its_test_rows_and_the_first_fitted_to_all_others(
    make: Callable[..., LabelTable],
) -> None:
    first = make(
        "a",
        ["angry", "sad", "awe"],
        [([0.5, 0, 0.5], "a1", "train"), ([0, 1, 0], "a2", "validation"), ([1, 0, 0], "a3", "test")],
    )
    second = make("b", ["sadness", "anger"], [([0.2, 0.8], "b1", "train"), ([0.9, 0.1], "b2", "test")])
    crossing = cross(first, second)
    table = crossing.table
    assert [path.name for path in table.paths] == ["a0.wav", "a1.wav", "b1.wav"]
    assert table.splits == ["train", "validation", "test"] and table.speakers == ["a1", "a2", "b2"]
    assert table.emotions == ["angry", "sad"]
    assert table.targets.tolist() == [[0.5, 0], [0, 1], pytest.approx([0.1, 0.9])]
    assert crossing.left_out == {"awe": "only a.csv has it"}
    assert crossing.text == (
        "Across corpora: fitted to a.csv (its train rows, validation rows apart) and scored on b.csv (its test rows), "
        "by the emotions that both have: angry (anger), sad (sadness)."
    )


def test_clips_with_one_emotion_that_is_not_shared_are_left_out_and_counted(make: Callable[..., LabelTable]) -> None:
    rows = [([1, 0, 0], "a1", None), ([0, 1, 0], "a2", None), ([0, 0, 1], "a3", None)]
    one_emotion_each = make("a", ["anger", "sadness", "awe"], rows)
    several = make("b", ["anger", "sadness"], [([0, 0], "b1", None), ([1, 1], "b2", None)])
    crossing = cross(one_emotion_each, several)
    assert len(crossing.table) == 4 and not crossing.table.single_label
    assert "a.csv (all its clips, without 1 of other emotions)" in crossing.text
    assert "b.csv (all its clips)" in crossing.text
    also_one = make("c", ["anger", "sadness"], [([0, 1], "c1", None), ([1, 0], "c2", None)])
    assert cross(one_emotion_each, also_one).table.single_label


def test_what_is_left_out_says_why(make: Callable[..., LabelTable]) -> None:
    first = make("a", ["anger", "happy", "joy", "awe"], [([0.5, 0.5, 0.1, 0.1], "a1", None)])
    crossing = cross(first, make("b", ["anger", "happiness"], [([0.5, 0.3], "b1", None)]))
    either = "several columns may mean it"
    assert crossing.left_out == {"happy": either, "joy": either, "awe": "only a.csv has it", "happiness": either}


def test_what_cannot_be_crossed_is_refused(make: Callable[..., LabelTable]) -> None:
    first = make("a", ["anger", "awe"], [([1, 0], "s1", None), ([0, 1], "s2", None)])
    with pytest.raises(LabelsError, match=r"shares no emotion with .*a.csv: joy, calm here, anger, awe there"):
        cross(first, make("b", ["joy", "calm"], [([1, 0], "b1", None), ([0, 1], "b2", None)]))
    with pytest.raises(LabelsError, match=r"speaker 's1' is in .*a.csv too: a leak"):
        cross(first, make("c", ["anger"], [([0.5], "s1", None), ([1], "c2", None)]))
    with pytest.raises(LabelsError, match="none of the clips that would be used has anger"):
        cross(first, make("d", ["anger", "calm"], [([1, 0], "d1", "train"), ([0, 1], "d2", "test")]))
    with pytest.raises(LabelsError, match="leaves no train clips"):
        cross(make("e", ["anger"], [([0.5], "e1", "test"), ([1], "e2", "test")]), first)


def test_files_of_one_name_are_told_apart_by_their_folders() -> None:
    assert source_names(Path("acted/labels.csv"), Path("/data/spoken/labels.csv")) == (
        "acted/labels.csv",
        "spoken/labels.csv",
    )
    assert source_names(Path("a/acted.csv"), Path("b/spoken.csv")) == ("acted.csv", "spoken.csv")
