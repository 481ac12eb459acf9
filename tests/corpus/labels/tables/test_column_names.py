import numpy as np
import pytest

from emoclr.configs.errors import ConfigError
from emoclr.configs.settings import load_settings
from emoclr.corpus.clips.sources import clips_from
from emoclr.corpus.labels.labels_csv import read_labels
from emoclr.corpus.labels.table_summary import table_summary
from emoclr.corpus.labels.tables.column_settings import ColumnSettings
from emoclr.corpus.labels.tables.text_table import LabelsError
from emoclr.probe.settings import ProbeSettings


@pytest.mark.parametrize(
    "name",
    [
        *("Speaker", "SPEAKER", "speaker_id", "speakerID", "Speakers", "Speaker ID", "spk", "actor", "Actor_ID"),
        *("subject", "Subject No", "participants", "client_id", "Talker"),
    ],
)
def test_a_speaker_goes_by_many_names(write_csv, name):
    path = write_csv(f"path,joy,{name}", "a.wav,1,ann", "b.wav,0,bob")
    table = read_labels(path)
    assert (table.speakers, table.groups, table.reading.columns["speaker"]) == (["ann", "bob"], {}, name)
    assert clips_from([path]).speaker_names == ["ann", "bob"]


@pytest.mark.parametrize("name", ["speakers_age", "spoke", "reactor", "loudspeaker_type"])
def test_other_names_are_no_speakers(write_csv, name):
    table = read_labels(write_csv(f"path,joy,{name}", "a.wav,1,x", "b.wav,0,y"))
    assert (table.speakers, table.groups) == (None, {name: ["x", "y"]})


@pytest.mark.parametrize(
    ("start", "end", "scale"),
    [
        ("start", "end", 1),
        ("Start_S", "END_S", 1),
        ("start_time", "end_time", 1),
        ("Begin Time (s)", "End Time (s)", 1),
        ("onset", "offset", 1),
        ("begin_ms", "stop_ms", 1000),
        ("startMs", "endMs", 1000),
        ("start (ms)", "end (seconds)", None),
    ],
)
def test_times_by_other_names_are_the_same_parts(write_csv, start, end, scale):
    own = read_labels(write_csv("path,joy,start_s,end_s", "a.wav,1,0.5,2.5", "a.wav,0,2.5,", name="own.csv"))
    first, last = (1000, 1) if scale is None else (scale, scale)
    rows = [f"a.wav,1,{0.5 * first:g},{2.5 * last:g}", f"a.wav,0,{2.5 * first:g},"]
    path = write_csv(f"path,joy,{start},{end}", *rows)
    table = read_labels(path)
    np.testing.assert_allclose(table.start_s, own.start_s)
    np.testing.assert_allclose(table.end_s, own.end_s)
    clips = clips_from([path])
    np.testing.assert_allclose([clip.start_s for clip in clips], own.start_s)
    assert [clip.end_s for clip in clips] == [2.5, None]


@pytest.mark.parametrize(
    ("header", "rows", "problem"),
    [
        (
            "path,joy,actor,subject",
            ["1,1,1", "1,2,1"],
            "'actor' and 'subject' may.* speaker.*--columns speaker=actor",
        ),
        ("path,joy,set,partition", ["1,train,test", "1,train,test"], "'set' and 'partition'.*columns: {split: set}"),
        ("file,joy,audio", ["1,b.wav", "1,a.wav"], "'file' and 'audio'.*--columns path=file"),
        ("path,joy,offset", ["1,0", "1,2"], "'offset' may be meant as the start or the end.*--columns start=offset"),
        ("path,joy,start,offset", ["1,0,1", "1,0,2"], "--columns end=offset"),
        ("path,joy,Begin (s),start time", ["1,0,1", "1,0,2"], r"--columns start='Begin \(s\)'"),
        ("path,joy,start_sample", ["1,0", "1,16000"], "start_sample.*samples"),
        (
            "path,joy,label",
            ["1,sad", "0,sad"],
            "in column 'label'.*columns joy.*--columns emotion=label or emotions=",
        ),
        ("path,label,class", ["sad,x", "joy,y"], "'label' and 'class' may.* the emotion.*--columns emotion=label"),
    ],
)
def test_what_is_ambiguous_is_asked_for(write_csv, header, rows, problem):
    path = write_csv(header, *(f"{name},{row}" for name, row in zip(["a.wav", "b.wav"], rows, strict=True)))
    with pytest.raises(LabelsError, match=problem):
        read_labels(path)


def test_the_exact_name_wins_and_then_the_word_itself(write_csv):
    rows = ["a.wav,1,1,x,p", "b.wav,0,2,y,p"]
    exact = read_labels(write_csv("path,joy,speaker,Speaker,actor", *rows))
    assert (exact.speakers, exact.groups) == (["1", "2"], {"Speaker": ["x", "y"], "actor": ["p", "p"]})
    word = read_labels(write_csv("path,joy,talker,Speaker,actor", *rows))
    assert (word.speakers, word.groups) == (["x", "y"], {"talker": ["1", "2"], "actor": ["p", "p"]})


def test_names_and_numbers_of_the_same_people_are_no_question(write_csv):
    rows = ["a.wav,1,1,ann", "b.wav,0,2,bob", "c.wav,0,1,ann"]
    assert read_labels(write_csv("path,joy,subject,participant", *rows)).speakers == ["1", "2", "1"]


def test_given_columns_decide_and_none_takes_a_meaning_away(write_csv):
    rows = ["a.wav,1,ann,x,train", "b.wav,0,bob,y,test", "c.wav,0,bob,z,test"]
    path = write_csv("path,joy,actor,subject,set", *rows)
    table = read_labels(path, columns=ColumnSettings(speaker="subject", split="none").given)
    assert (table.speakers, table.splits) == (["x", "y", "z"], None)
    assert table.groups == {"actor": ["ann", "bob", "bob"], "set": ["train", "test", "test"]}
    assert clips_from([path], columns={"speaker": "subject"}).speaker_names == ["x", "y", "z"]
    with pytest.raises(LabelsError, match=r"no column 'acto' \(perhaps 'actor'\?\), given as speaker"):
        read_labels(path, columns={"speaker": "acto"})
    with pytest.raises(LabelsError, match="'actor' and 'subject'"):
        read_labels(path, columns={"speaker": "acto"}, lenient=True)


def test_columns_are_settings(tmp_path):
    (tmp_path / "my.yaml").write_text("columns: {speaker: actor}\n")
    settings = load_settings(ProbeSettings, str(tmp_path / "my.yaml"), ["columns.start=t0"])
    assert settings.columns.given == {"speaker": "actor", "start": "t0"}
    with pytest.raises(ConfigError, match=r"unknown key 'columns.spaker' \(perhaps 'speaker'\?\)"):
        load_settings(ProbeSettings, None, ["columns.spaker=actor"])


@pytest.mark.parametrize(
    ("words", "splits"),
    [
        (["Train", "dev", "TEST"], ["train", "validation", "test"]),
        (["training", "valid", "eval"], ["train", "validation", "test"]),
        (["train", "eval", "test"], ["train", "validation", "test"]),
        (["train", "development", "test"], ["train", "validation", "test"]),
    ],
)
def test_splits_go_by_many_words(write_csv, words, splits):
    rows = [f"{i}.wav,1,{word}" for i, word in enumerate(words)]
    assert read_labels(write_csv("path,joy,Partition", *rows)).splits == splits


def test_a_set_that_names_no_splits_is_a_group_and_half_of_one_is_an_error(write_csv):
    table = read_labels(write_csv("path,joy,set", "a.wav,1,A", "b.wav,1,B"))
    assert (table.splits, table.groups) == (None, {"set": ["A", "B"]})
    with pytest.raises(LabelsError, match="'B' is none of train") as caught:
        read_labels(write_csv("path,joy,set", "a.wav,1,train", "b.wav,1,B"))
    assert (caught.value.row, caught.value.column) == (3, "set")
    with pytest.raises(LabelsError, match="'trian'"):
        read_labels(write_csv("path,joy,Split", "a.wav,1,trian"))


def test_how_a_table_was_understood_is_one_line(write_csv):
    lines = [
        "file,emotion,Speaker,start,end,sex",
        "a.wav,joy,ann,0,1,f",
        "a.wav,anger,ann,1,2,f",
        "b.wav,joy,bob,0,1,m",
    ]
    assert table_summary(read_labels(write_csv(*lines))) == (
        "3 clips; emotions: anger, joy; speakers: column Speaker (2); splits: none, folds by speaker; "
        "parts: start, end in s; groups: sex"
    )
    assert "; splits: none, drawn by speaker; " in table_summary(read_labels(write_csv(*lines)), by="drawn")
    assert "; splits: none; " in table_summary(read_labels(write_csv(*lines)), by=None)
    assert "; splits: none, folds by speaker; " in table_summary(read_labels(write_csv(*lines)), n_folds=2, by="drawn")
    split = read_labels(write_csv("path,joy,set", "a.wav,1,train", "b.wav,1,test", "c.wav,0,train"))
    assert "speakers: none; splits: column set (2 train, 1 test)" in table_summary(split)
