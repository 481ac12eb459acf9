from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emoclr.configs.errors import ConfigError
from emoclr.corpus.labels.labels_csv import read_clips, read_labels, write_labels
from emoclr.corpus.labels.tables.text_table import LabelsError

HEADER = "path,joy,anger,speaker,split,start_s,end_s,sex"


@pytest.fixture
def table(write_csv):
    return read_labels(
        write_csv(
            HEADER,
            "a.wav,0.25,0.75,ann,train,,,female",
            "sub/b.wav,1,0,bob,test,0.5,2.5,",
            "/data/c.wav,0,1,ann,train,1,,female",
        )
    )


def test_every_column_arrives_in_its_place(table, tmp_path):
    assert table.paths == [tmp_path / "a.wav", tmp_path / "sub" / "b.wav", Path("/data/c.wav")]
    assert table.emotions == ["joy", "anger"]
    assert table.targets.dtype == np.float32
    np.testing.assert_array_equal(table.targets, np.float32([[0.25, 0.75], [1, 0], [0, 1]]))
    assert table.speakers == ["ann", "bob", "ann"]
    assert table.splits == ["train", "test", "train"]
    np.testing.assert_array_equal(table.start_s, [0, 0.5, 1])
    np.testing.assert_array_equal(table.end_s, [np.nan, 2.5, np.nan])
    assert table.groups == {"sex": ["female", "unknown", "female"]}


def test_rows_are_selected_by_position_by_mask_and_by_split(table):
    second = table.select([1])
    assert (len(second), second.speakers, second.groups) == (1, ["bob"], {"sex": ["unknown"]})
    np.testing.assert_array_equal(second.targets, [[1, 0]])
    masked = table.select(np.array([True, False, True]))
    assert masked.paths == [table.paths[0], table.paths[2]] and masked.emotions == table.emotions
    np.testing.assert_array_equal(table.rows_of("train"), [0, 2])
    assert len(table.rows_of("validation")) == len(table.select([])) == 0


def test_single_label_is_one_hot_and_nothing_else(table):
    assert not table.single_label
    assert table.select([1, 2]).single_label


def test_only_a_path_and_an_emotion_are_needed(write_csv):
    table = read_labels(write_csv("path,joy", "a.wav,1"))
    assert (table.speakers, table.splits, table.groups) == (None, None, {})
    with pytest.raises(LabelsError, match="no column 'split'"):
        table.rows_of("train")


def test_columns_of_a_scan_are_no_emotions(write_csv):
    table = read_labels(write_csv("path,joy,channels,duration_s,status", "a.wav,1,1,0.5,ok"))
    assert (table.emotions, table.groups) == (["joy"], {})


def test_a_byte_order_mark_blank_lines_and_quotes_do_no_harm(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_bytes('\ufeffpath, joy\r\n"a, b.wav", 0.5\r\n\r\n'.encode())
    assert read_labels(path).paths == [tmp_path / "a, b.wav"]


@pytest.mark.parametrize(
    ("lines", "row", "column", "problem"),
    [
        (["Pfad,joy", "a.wav,1"], None, None, "no column 'path'.* Pfad, joy.*--columns path="),
        (["path,joy,joy", "a.wav,1,1"], 1, "joy", "two columns"),
        (["path,,joy", "a.wav,1,1"], 1, None, "column 2 of the header has no name"),
        (["path,joy"], None, None, "no rows"),
        ([""], None, None, "no rows"),
        (["path,sex", "a.wav,f"], None, None, "no emotion column"),
        (["path,joy", "a.wav,1", "b.wav,1,1"], 3, None, "has 3 values, the header has 2 columns"),
        (["path,joy", "a.wav,1", ",1"], 3, "path", "missing"),
        (["path,joy", "a.wav,1", "", "b.wav,"], 4, "joy", "missing"),
        (["path,joy", "a.wav,1", "b.wav,1.5"], 3, "joy", "'1.5' is not a number from 0 to 1"),
        (["path,joy", "a.wav,1", "b.wav,nan"], 3, "joy", "'nan' is not a number from 0 to 1"),
        (["path,joy", '"a\nb.wav",1', "c.wav,yes"], 4, "joy", "'yes' is not a number from 0 to 1"),
        (["path,joy,speaker", "a.wav,1,", "b.wav,1,ann"], 2, "speaker", "missing"),
        (["path,joy,split", "a.wav,1,trian"], 2, "split", "'trian' is none of train, validation, test"),
        (["path,joy,split", "a.wav,1,"], 2, "split", "missing"),
        (["path,joy,start_s", "a.wav,1,-1"], 2, "start_s", "'-1' is not a time"),
        (["path,joy,end_s", "a.wav,1,soon"], 2, "end_s", "'soon' is not a time"),
        (["path,joy,start_s,end_s", "a.wav,1,2,2"], 2, "end_s", "ends at 2 s"),
        (
            ["path,joy,speaker,split", "a.wav,1,ann,train", "b.wav,1,bob,test", "c.wav,1,ann,test"],
            4,
            "split",
            "speaker 'ann' is in test here.* train in row 2",
        ),
    ],
)
def test_a_mistake_is_named_with_row_and_column(write_csv, lines, row, column, problem):
    path = write_csv(*lines)
    with pytest.raises(LabelsError, match=problem) as caught:
        read_labels(path)
    assert (caught.value.path, caught.value.row, caught.value.column) == (path, row, column)
    assert str(path) in str(caught.value)
    assert row is None or f"row {row}" in str(caught.value)
    assert column is None or f"column '{column}'" in str(caught.value)


def test_a_file_that_is_missing_or_no_text_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.csv: no such file"):
        read_labels(tmp_path / "none.csv")
    (tmp_path / "odd.csv").write_bytes(b"path,joy,place\na.wav,1,\x81\n")
    with pytest.raises(LabelsError, match=r"row 2: .*neither UTF-8 nor Windows-1252"):
        read_labels(tmp_path / "odd.csv")


def test_emotions_can_be_named(write_csv):
    path = write_csv("path,joy,level", "a.wav,1,0.5", "b.wav,0,1")
    assert read_labels(path).emotions == ["joy", "level"]
    named = read_labels(path, emotions=["joy"])
    assert (named.emotions, named.groups) == (["joy"], {"level": ["0.5", "1"]})
    with pytest.raises(LabelsError, match=r"no column 'jo' \(perhaps 'joy'\?\)"):
        read_labels(path, emotions=["jo"])
    with pytest.raises(LabelsError, match="column 'path'"):
        read_labels(path, emotions=["path"])


def test_clips_need_no_labels_and_speakers_may_be_unknown(write_csv):
    clips = read_clips(write_csv("path,speaker,joy", "a.wav,,7", "b.wav,bob,x"))
    assert (clips.speakers, clips.emotions, clips.targets.shape) == (["", "bob"], [], (2, 0))


def test_leaks_are_refused_where_labels_do_not_matter_too(write_csv):
    with pytest.raises(LabelsError, match="leak"):
        read_clips(write_csv("path,speaker,split", "a.wav,ann,train", "b.wav,ann,test", "c.wav,,test"))


def test_a_split_of_the_only_speaker_is_read(write_csv):
    table = read_labels(write_csv("path,joy,speaker,split", "a.wav,1,ann,train", "b.wav,0,ann,test"))
    assert table.splits == ["train", "test"]


def test_what_is_written_is_read_back(tmp_path):
    below, outside = tmp_path / "out" / "audio" / "a.wav", tmp_path / "elsewhere" / "b.wav"
    frame = pd.DataFrame({"path": [str(below), str(outside)], "joy": [0.125, 1.0], "speaker": ["007", "8"]})
    path = tmp_path / "out" / "labels.csv"
    write_labels(path, frame)
    assert path.read_text().splitlines()[1].startswith("audio/a.wav,0.125")
    table = read_labels(path)
    assert (table.paths, table.speakers) == ([below, outside], ["007", "8"])
    assert table.targets[:, 0].tolist() == [0.125, 1.0]


def test_the_number_of_listeners_is_no_group_unless_it_is_no_number(tmp_path):
    csv = tmp_path / "labels.csv"
    csv.write_text("path,joy,listeners\na.wav,0.5,4\nb.wav,1,9\n", encoding="utf-8")
    table = read_labels(csv)
    assert table.listeners.tolist() == [4, 9]
    assert table.select([1]).listeners.tolist() == [9]
    assert table.groups == {}
    csv.write_text("path,joy,listeners\na.wav,0.5,anna\nb.wav,1,ben\n", encoding="utf-8")
    table = read_labels(csv)
    assert table.listeners is None
    assert table.groups == {"listeners": ["anna", "ben"]}
