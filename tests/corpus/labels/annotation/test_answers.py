import csv
from pathlib import Path

import pytest

from emoclr.configs.errors import EmoclrError
from emoclr.corpus.labels.annotation.answers import CANNOT_TELL, Answers, read_clips_to_label
from emoclr.corpus.labels.labels_csv import read_labels
from emoclr.corpus.labels.tables.text_table import LabelsError

EMOTIONS = ["anger", "joy"]


@pytest.fixture
def picked(write_csv):
    rows = ["calls/a.wav,0.25,2.5,anna,f", "calls/a.wav,2.5,4,anna,f", "calls/b.wav,0,,ben,m", "=c.wav,1,2,,m"]
    return write_csv("path,start_s,end_s,speaker,sex", *rows, name="picked.csv")


def answers_of(picked: Path, out: str = "labels.csv", emotions: list[str] = EMOTIONS) -> Answers:
    return Answers(read_clips_to_label(picked), picked.with_name(out), emotions)


def test_labels_are_read_as_they_were_given(picked):
    answers = answers_of(picked)
    answers.give(0, [1])
    answers.give(2, [1, 0])
    answers.give(1, [])
    table = read_labels(picked.with_name("labels.csv"))
    assert [path.name for path in table.paths] == ["a.wav", "a.wav", "b.wav"]
    assert table.targets.tolist() == [[0, 1], [0, 0], [1, 1]]
    assert table.start_s.tolist() == [0.25, 2.5, 0]
    assert table.end_s.tolist()[:2] == [2.5, 4] and table.end_s[2] != table.end_s[2]
    assert table.speakers == ["anna", "anna", "ben"]
    assert table.groups == {"sex": ["f", "f", "m"]}


def test_what_nobody_can_tell_is_no_label_and_is_remembered(picked):
    answers = answers_of(picked)
    answers.give(0, [0])
    answers.give(1, CANNOT_TELL)
    assert len(read_labels(picked.with_name("labels.csv"))) == 1
    assert picked.with_name("labels.cannot-tell.csv").read_text().splitlines()[1:] == ["calls/a.wav,2.5,4"]
    again = answers_of(picked)
    assert again.given == [[0], CANNOT_TELL, None, None]
    assert again.counts() == (1, 1)


def test_an_answer_that_is_taken_back_leaves_nothing(picked):
    answers = answers_of(picked)
    answers.give(0, [0])
    answers.give(1, CANNOT_TELL)
    answers.give(0, None)
    answers.give(1, None)
    assert sorted(path.name for path in picked.parent.iterdir()) == ["picked.csv"]


def test_an_unknown_voice_is_a_voice_of_its_own(picked):
    answers = answers_of(picked)
    answers.give(0, [0])
    answers.give(3, [0])
    table = read_labels(picked.with_name("labels.csv"))
    assert table.speakers == ["anna", "unknown in ./=c.wav"]


def test_labels_of_other_clips_stay_and_votes_stay_votes(picked, write_csv):
    write_csv("path,joy,anger,speaker,listeners,room", "z.wav,0.25,0.5,zoe,4,kitchen", name="labels.csv")
    answers = answers_of(picked)
    answers.give(0, [answers.emotions.index("anger")])
    table = read_labels(picked.with_name("labels.csv"))
    assert table.emotions == ["joy", "anger"]
    assert [path.name for path in table.paths] == ["z.wav", "a.wav"]
    assert table.targets.tolist() == [[0.25, 0.5], [0, 1]]
    assert table.listeners.tolist() == [4, 1]
    assert table.groups == {"room": ["kitchen", "unknown"], "sex": ["unknown", "f"]}


def test_labels_by_names_go_on(picked, write_csv):
    write_csv("path,start_s,end_s,speaker,emotion", "calls/a.wav,0.25,2.5,anna,joy;anger", name="labels.csv")
    answers = answers_of(picked)
    assert answers.given[0] == [0, 1]


def test_other_emotions_are_refused(picked, write_csv):
    write_csv("path,joy,fear,speaker", "z.wav,1,0,zoe", name="labels.csv")
    with pytest.raises(LabelsError, match="joy, fear"):
        answers_of(picked)


def test_labels_with_a_split_are_not_mixed_with_clips_without(picked, write_csv):
    write_csv("path,joy,anger,speaker,split", "z.wav,1,0,zoe,train", name="labels.csv")
    with pytest.raises(LabelsError, match=r"picked\.csv: has no column 'split'"):
        answers_of(picked)


def test_a_clip_twice_in_the_table_is_refused(write_csv):
    with pytest.raises(LabelsError, match=r"a\.wav"):
        read_clips_to_label(write_csv("path,start_s", "a.wav,0", "b.wav,0", "a.wav,0.0004", name="picked.csv"))


def test_columns_that_would_be_emotions_are_left_out(write_csv):
    rows = ["path,emotion,probability,duration,language", "a.wav,joy,0.25,3,en", "b.wav,fear,0.5,2,de"]
    assert read_clips_to_label(write_csv(*rows, name="picked.csv")).groups == {
        "duration": ["3", "2"],
        "language": ["en", "de"],
    }


@pytest.mark.parametrize(("row", "answer"), [(4, [0]), (-1, [0]), (0, [2]), (0, [-1])])
def test_what_is_not_there_cannot_be_answered(picked, row, answer):
    with pytest.raises(ValueError, match="no such"):
        answers_of(picked).give(row, answer)


def test_an_answer_that_cannot_be_written_is_not_taken(picked, write_csv):
    answers = Answers(read_clips_to_label(picked), picked.parent / "taken/labels.csv", EMOTIONS)
    picked.with_name("taken").write_text("a file")
    with pytest.raises(EmoclrError):
        answers.give(0, [0])
    assert answers.given == [None] * 4
    assert answers.changed(0) == (0, {})


def test_ten_thousand_clips_are_written_in_a_moment(write_csv, tmp_path):
    rows = [f"long {row // 100}.wav,{row},{row + 0.5}" for row in range(10_000)]
    answers = answers_of(write_csv("path,start_s,end_s", *rows, name="picked.csv"))
    answers.given = [[row % 2] for row in range(10_000)]
    answers.give(9_999, [0, 1])
    with (tmp_path / "labels.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert [int(row["anger"]) for row in written] == [1 - row % 2 for row in range(9_999)] + [1]
    assert written[-1]["path"] == "long 99.wav" and written[-1]["end_s"] == "9999.5"
