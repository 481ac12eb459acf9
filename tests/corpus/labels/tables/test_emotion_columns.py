import numpy as np
import pytest

from emoclr.corpus.labels.labels_csv import has_emotions, read_labels
from emoclr.corpus.labels.tables.text_table import LabelsError


@pytest.mark.parametrize("name", ["gender", "Sex", "age", "arousal_mean", "valence", "act", "confidence", "id"])
@pytest.mark.parametrize("cells", [("0", "1"), ("0.25", "0.5")])
def test_well_known_numbers_are_groups_unless_they_are_asked_for(write_csv, name, cells):
    path = write_csv(f"path,joy,{name}", f"a.wav,1,{cells[0]}", f"b.wav,0,{cells[1]}")
    table = read_labels(path)
    assert table.emotions == ["joy"]
    assert table.groups == {name: list(cells)}
    assert read_labels(path, emotions=["joy", name]).emotions == ["joy", name]


def test_an_emotion_with_a_well_known_word_in_its_name_is_one(write_csv):
    assert read_labels(write_csv("path,joy_intensity", "a.wav,0.5")).emotions == ["joy_intensity"]


@pytest.mark.parametrize("cell", ["joy;anger", "joy, anger", "joy|anger", "['joy', 'anger']", "Joy ; ANGER"])
def test_several_names_in_a_cell_are_several_emotions(write_csv, cell):
    table = read_labels(write_csv("path,emotion", f'a.wav,"{cell}"', "b.wav,joy"))
    assert [name.lower() for name in table.emotions] == ["anger", "joy"]
    np.testing.assert_array_equal(table.targets, [[1, 1], [0, 1]])
    assert not table.single_label


def test_rows_of_one_clip_are_one_clip_with_all_their_emotions(write_csv):
    lines = ["path,start,end,emotion,speaker,note"]
    lines += ["a.wav,0,1,joy,ann,x", "a.wav,1,2,joy,ann,x", "a.wav,0,1,anger,ann,y", "b.wav,0,1,joy,bob,z"]
    table = read_labels(write_csv(*lines))
    assert [path.name for path in table.paths] == ["a.wav", "a.wav", "b.wav"]
    np.testing.assert_array_equal(table.targets, [[1, 1], [0, 1], [0, 1]])
    assert (table.speakers, table.groups) == (["ann", "ann", "bob"], {"note": ["several", "x", "z"]})
    assert table.reading.remarks == ("1 clip of several rows: all their emotions count",)
    lines[3] = lines[3].replace("ann", "bob")
    with pytest.raises(LabelsError, match="'bob' here, 'ann' in row 2") as caught:
        read_labels(write_csv(*lines))
    assert (caught.value.row, caught.value.column) == (4, "speaker")


def test_raters_make_shares(write_csv):
    votes = ["a.wav,joy,1", "a.wav,joy,2", "a.wav,anger,3", "a.wav,joy,4", "b.wav,anger,1"]
    table = read_labels(write_csv("file,label,rater", *votes))
    np.testing.assert_array_equal(table.targets, [[0.25, 0.75], [1, 0]])
    assert table.groups == {}


def test_shares_win_over_the_name_of_the_strongest_and_names_over_other_numbers(write_csv):
    shares = read_labels(write_csv("path,joy,anger,emotion", "a.wav,0.75,0.25,happy", "b.wav,0,1,anger"))
    assert (shares.emotions, shares.groups) == (["joy", "anger"], {"emotion": ["happy", "anger"]})
    names = read_labels(write_csv("path,take_two,emotion", "a.wav,0,happy", "b.wav,1,anger"))
    assert (names.emotions, names.groups) == (["anger", "happy"], {"take_two": ["0", "1"]})


def test_named_emotions_choose_among_the_names_in_a_column(write_csv):
    path = write_csv("path,emotion", "a.wav,joy", "b.wav,anger", "c.wav,fear")
    table = read_labels(path, emotions=["fear", "joy"])
    assert table.emotions == ["fear", "joy"]
    np.testing.assert_array_equal(table.targets, [[0, 1], [0, 0], [1, 0]])
    with pytest.raises(LabelsError, match="no column 'hope'"):
        read_labels(path, emotions=["hope"])
    assert has_emotions(path)


@pytest.mark.parametrize(
    ("lines", "row", "problem"),
    [
        (["path,emotion", "a.wav,3", "b.wav,5"], 2, "'3' is a number"),
        (["path,emotion", "a.wav,joy", "b.wav,"], 3, "missing"),
        (["path,emotion", "a.wav,joy", "b.wav,nan"], 3, "missing"),
        (["path,label", 'a.wav,"[{""start"": 0, ""labels"": [""joy""]}]"'], 2, "begins JSON"),
        (["path,awe,neutral", "a.wav,0,3", "b.wav,1,4"], 2, "'3' is not a number from 0 to 1"),
        (["path,anger,joy", "a.wav,20,80", "b.wav,0,100"], 2, "'20' is not a number from 0 to 1"),
        (["path,emotion", *(f"{i}.wav,text {i}" for i in range(101))], None, "101 different names"),
        (["path,emotion,joy", "a.wav,joy,x"], None, "'joy' is an emotion and the name of a column"),
        (["path,mood", "a.wav,joy"], None, "no emotion column.*path, mood.*--columns emotion="),
    ],
)
def test_what_names_no_emotions_is_told(write_csv, lines, row, problem):
    with pytest.raises(LabelsError, match=problem) as caught:
        read_labels(write_csv(*lines))
    assert caught.value.row == row
