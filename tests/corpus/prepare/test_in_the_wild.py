import pytest

from emoclr.configs.errors import EmoclrError

HEADER = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime"


def test_urdu_reads_speakers_and_warns_that_they_give_emotions_away(copy_of, prepare):
    table, notes = prepare("urdu", copy_of("Angry/SM1_F10_A010.wav", "Sad/SF11_F4_S06.wav", "Happy/SM3_F1_H0100.wav"))
    assert table.speakers == ["SF11", "SM1", "SM3"] and table.splits is None
    assert table.groups["sex"] == ["female", "male", "male"]
    assert [table.emotions[row.argmax()] for row in table.targets] == ["sadness", "anger", "happiness"]
    assert table.groups["original"] == ["sad", "angry", "happy"]
    assert "most speakers are heard in one emotion only" in notes


@pytest.fixture
def meld(copy_of, write_csv):
    """A MELD of the three parts, with a clip absent, one too many and one of two speakers."""
    write_csv(
        HEADER,
        '1,"Oh, my God!",Joey,joy,positive,0,0,8,21,"00:16:16,059","00:16:21,731"',
        "2,No,Monica,disgust,negative,0,1,8,21,0,1",
        "3,Hey,Ross and Joey,surprise,positive,1,0,8,21,0,1",
        "4,Hey,All,joy,positive,1,1,8,21,0,1",
        name="some copy/train_sent_emo.csv",
    )
    write_csv(HEADER, "1,Hi,Joey,anger,negative,0,0,8,21,0,1", name="some copy/dev_sent_emo.csv")
    write_csv(HEADER, "1,Hi,Sandy,neutral,neutral,0,0,8,21,0,1", name="some copy/test_sent_emo.csv")
    return copy_of(
        "train/train_splits/dia0_utt0.wav",
        "train/train_splits/dia1_utt0.wav",
        "train/train_splits/dia1_utt1.wav",
        "dev/dev_splits_complete/dia0_utt0.wav",
        "dev/dev_splits_complete/dia66_utt9.wav",
        "test/output_repeated_splits_test/dia0_utt0.wav",
        "test/output_repeated_splits_test/final_videos_testdia101_utt0.wav",
    )


def test_meld_tells_the_same_name_in_three_parts_apart(meld, prepare):
    table, _ = prepare("meld", meld)
    found = {
        path.parent.name: table.emotions[row.argmax()] for path, row in zip(table.paths, table.targets, strict=True)
    }
    assert found == {
        "train_splits": "happiness",
        "dev_splits_complete": "anger",
        "output_repeated_splits_test": "neutral",
    }
    assert table.single_label and "joy" in table.groups["original"]


def test_melds_official_split_shares_speakers_and_is_no_split(meld, prepare):
    table, notes = prepare("meld", meld)
    assert table.splits is None and sorted(table.speakers) == ["Joey", "Joey", "Sandy"]
    assert sorted(table.groups["official_split"]) == ["dev", "test", "train"]
    assert "the official split shares speakers" in notes


def test_meld_says_what_it_left_out_and_what_is_missing(meld, prepare):
    _, notes = prepare("meld", meld)
    assert notes.startswith("5 of 13,708 clips are here; missing: train/dia0_utt1\n")
    assert "2 clips left out in which several speak: All, Ross and Joey" in notes
    assert "1 clip left out that the tables do not have" in notes and "DIA66_UTT9" in notes
    assert "1 recording left out" in notes and "final_videos_testdia101_utt0" in notes


def test_meld_is_read_from_the_videos_it_is_published_as(meld, prepare):
    for path in [*meld.rglob("*.wav")]:
        path.rename(path.with_suffix(".mp4"))
    table, _ = prepare("meld", meld)
    assert len(table) and {path.suffix for path in table.paths} == {".mp4"}


def test_meld_without_a_table_or_with_another_is_an_error(meld, write_csv, prepare):
    write_csv(HEADER, "1,Hi,Sandy,glee,neutral,0,0,8,21,0,1", name="some copy/test_sent_emo.csv")
    with pytest.raises(EmoclrError, match=r"test_sent_emo\.csv: 'glee' is none of MELD's emotions"):
        prepare("meld", meld)
    write_csv("a,b", "1,2", name="some copy/test_sent_emo.csv")
    with pytest.raises(EmoclrError, match=r"test_sent_emo\.csv: has no column Speaker, .* not MELD's"):
        prepare("meld", meld)
    (meld / "dev_sent_emo.csv").unlink()
    with pytest.raises(EmoclrError, match=r"no dev_sent_emo\.csv in it"):
        prepare("meld", meld)
