import json

import numpy as np
import pytest

from emoclr.configs.errors import EmoclrError
from emoclr.corpus.labels.splits import speaker_folds


def shares_of(table):
    """Returns the emotions that somebody heard, by the clip's name."""
    return {
        path.stem: {e: round(float(share), 4) for e, share in zip(table.emotions, row, strict=True) if share}
        for path, row in zip(table.paths, table.targets, strict=True)
    }


EVALUATIONS = """\
% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]

[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.5000, 2.5000]
C-E2:\tNeutral;\t()
C-E3:\tNeutral;\t()
C-E4:\tNeutral; Sadness;\t()
C-F1:\tAnger;\t()
A-E3:\tval 3; act 2; dom  2;\t()
A-F1:\tval 3; act 2; dom  1;\t()

[10.0100 - 11.3925]\tSes01F_impro01_M000\txxx\t[2.5000, 2.5000, 2.5000]
C-E2:\tFrustration;\t()
C-E3:\tOther;\t(annoyed; a little)
C-E4:\tExcited; Happiness;\t()
C-M1:\tAnger;\t()

[14.8872 - 18.0175]\tSes01F_impro01_F001\texc\t[2.5000, 2.5000, 2.5000]
C-E1:\tNeutral state;\t()
C-E2:\tExcited;\t()

[20.0000 - 21.0000]\tSes01F_impro01_F002\tneu\t[2.5000, 2.5000, 2.5000]
C-E1:\tNeutral;\t()
"""


@pytest.fixture
def iemocap(copy_of, tmp_path):
    wav = "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01"
    folder = copy_of(
        f"{wav}_F000.wav",
        f"{wav}_M000.wav",
        f"{wav}_F001.wav",
        "Session5/sentences/wav/Ses05M_script01_1b/Ses05M_script01_1b_F012.wav",
        "Session1/dialog/wav/Ses01F_impro01.wav",
        f"{wav}_F099.wav",
    )
    texts = {
        "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt": EVALUATIONS,
        "Session1/dialog/EmoEvaluation/._Ses01F_impro01.txt": "\x00\x05",
        "Session1/dialog/EmoEvaluation/Categorical/Ses01F_impro01_e2_cat.txt": "Ses01F_impro01_F000 :Anger; ()\n",
        "Session5/dialog/EmoEvaluation/Ses05M_script01_1b.txt": (
            "[1.0 - 2.0]\tSes05M_script01_1b_F012\tang\t[2.5, 2.5, 2.5]\r\nC-E1:\tAnger;\t()\r\n"
        ),
    }
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, newline="")
    return folder


def test_iemocap_counts_evaluators_and_not_the_actors_themselves(iemocap, prepare):
    table, notes = prepare("iemocap", iemocap)
    assert shares_of(table) == {
        "Ses01F_impro01_F000": {"neutral": 1.0, "sadness": 0.3333},
        "Ses01F_impro01_M000": {"frustration": 0.3333, "excitement": 0.3333, "happiness": 0.3333},
        "Ses01F_impro01_F001": {"neutral": 0.5, "excitement": 0.5},
        "Ses05M_script01_1b_F012": {"anger": 1.0},
    }
    assert notes.startswith("4 of 10,039 clips are here; missing: SES01F_IMPRO01_F002\n")
    assert "1 turn left out that no file of EmoEvaluation has: Ses01F_impro01_F099.wav" in notes
    assert "1 recording left out" in notes and "Ses01F_impro01.wav" in notes


def test_iemocap_speakers_are_those_who_speak_not_those_who_wear_the_markers(iemocap, prepare):
    table, _ = prepare("iemocap", iemocap)
    by_name = dict(zip([path.stem for path in table.paths], table.speakers, strict=True))
    assert by_name == {
        "Ses01F_impro01_F000": "Ses01F",
        "Ses01F_impro01_F001": "Ses01F",
        "Ses01F_impro01_M000": "Ses01M",
        "Ses05M_script01_1b_F012": "Ses05F",
    }
    assert table.groups["session"] == ["Ses01", "Ses01", "Ses01", "Ses05"]
    assert table.groups["dialogue"] == ["improvised"] * 3 + ["scripted"]
    assert table.groups["sex"] == ["female", "female", "male", "female"]
    assert table.splits is None


def test_iemocap_consensus_leaves_out_turns_without_agreement(iemocap, prepare):
    table, notes = prepare("iemocap", iemocap, "consensus")
    assert table.single_label
    assert shares_of(table) == {
        "Ses01F_impro01_F000": {"neutral": 1.0},
        "Ses01F_impro01_F001": {"excitement": 1.0},
        "Ses05M_script01_1b_F012": {"anger": 1.0},
    }
    assert table.groups["original"] == ["neu", "exc", "ang"]
    assert "1 turn left out, without an emotion that most agreed on" in notes


def test_iemocap_names_words_that_are_no_emotions(iemocap, prepare):
    path = iemocap / "Session5/dialog/EmoEvaluation/Ses05M_script01_1b.txt"
    path.write_text(path.read_text() + "C-E2:\tGlee;\t()\n")
    table, notes = prepare("iemocap", iemocap)
    assert shares_of(table)["Ses05M_script01_1b_F012"] == {"anger": 0.5}
    assert "words that are no emotion here count as a vote for none: glee" in notes


def test_iemocap_without_evaluations_is_an_error(copy_of, prepare):
    with pytest.raises(EmoclrError, match="no file in a folder EmoEvaluation has any of its 1 turns"):
        prepare("iemocap", copy_of("Ses01F_impro01_F000.wav"))


CONSENSUS = [
    ("MSP-PODCAST_0001_0008.wav", "N", "30", "Male", "Test1"),
    ("MSP-PODCAST_0001_0009.wav", "H", "30", "Male", "Test2"),
    ("MSP-PODCAST_0002_0001.wav", "X", "Unknown", "Female", "Train"),
    ("MSP-PODCAST_0003_0001_0002.wav", "A", "41", "Female", "Development"),
    ("MSP-PODCAST_0004_0001.wav", "O", "30", "Male", "Train"),
    ("MSP-PODCAST_0005_0001.wav", "S", "42", "Male", "Train"),
]
VOTES = [
    ("MSP-PODCAST_0001_0008.wav", "WORKER00000001", "Neutral", "Neutral,Concerned"),
    ("MSP-PODCAST_0001_0008.wav", "WORKER00000002", "Sad", "Sad,Depressed,Concerned"),
    ("MSP-PODCAST_0001_0009.wav", "WORKER00000001", "Happy", "Happy,Excited"),
    ("MSP-PODCAST_0002_0001.wav", "WORKER00000003", "Other-bored; tired", "Annoyed"),
    ("MSP-PODCAST_0002_0001.wav", "WORKER00000004", "Angry", ""),
    ("MSP-PODCAST_0003_0001_0002.wav", "WORKER00000005", "Angry", "Angry,Disgust"),
    ("MSP-PODCAST_0004_0001.wav", "WORKER00000005", "Angry", "Angry"),
]
KEYS = ("EmoClass", "SpkrID", "Gender", "Split_Set")


def detail_lines():
    return ["FileName,EmoDetail", *(f'{f},"{w}; {a}; {b}; A:3.0; V:4.0; D:4.0;"' for f, w, a, b in VOTES)]


def column_lines():
    return [
        "FileName,WorkerID,EmoClass_Major,EmoClass_Second,EmoAct",
        *(f'{f},{w},{a},"{b}",3' for f, w, a, b in VOTES),
    ]


def vote_of(worker, major, second):
    return {"Name": worker, "EmoClass_Major": major, "EmoClass_Second": second, "EmoAct": "3"}


@pytest.fixture
def msp(copy_of, write_csv):
    header = "FileName,EmoClass,SpkrID,Gender,Split_Set"
    write_csv(header, *map(",".join, CONSENSUS), name="some copy/Labels/labels_consensus.csv")
    write_csv(*detail_lines(), name="some copy/Labels/labels_detailed.csv")
    present = [name for name, *_ in CONSENSUS if "0005" not in name]
    return copy_of(*(f"Audios/{name}" for name in present), "Audios/MSP-PODCAST_0009_0001.wav")


EXPECTED_VOTES = {
    "MSP-PODCAST_0001_0008": {"neutral": 0.5, "sadness": 0.5, "concern": 1.0, "depression": 0.5},
    "MSP-PODCAST_0001_0009": {"happiness": 1.0, "excitement": 1.0},
    "MSP-PODCAST_0002_0001": {"annoyance": 0.5, "anger": 0.5},
    "MSP-PODCAST_0003_0001_0002": {"anger": 1.0, "disgust": 1.0},
}


def test_msp_podcast_votes_are_several_emotions_a_turn(msp, prepare):
    table, notes = prepare("msp_podcast", msp)
    assert shares_of(table) == EXPECTED_VOTES and len(table.emotions) == 16
    assert (table.targets.sum(axis=1) > 1).any()
    assert notes.startswith("5 of 6 clips are here; missing: MSP-PODCAST_0005_0001\n")
    assert "MSP-PODCAST_0009_0001.wav" in notes


@pytest.mark.parametrize("form", ["columns", "json by worker", "json list"])
def test_msp_podcast_reads_the_forms_of_every_release(form, msp, write_csv, prepare):
    labels = msp / "Labels"
    if form == "columns":
        write_csv(*column_lines(), name="some copy/Labels/labels_detailed.csv")
    else:
        (labels / "labels_consensus.csv").unlink()
        (labels / "labels_detailed.csv").unlink()
        entries = {name: dict(zip(KEYS, row, strict=True)) for name, *row in CONSENSUS}
        votes = {}
        for name, worker, major, second in VOTES:
            votes.setdefault(name, {})[worker] = vote_of(worker, major, second)
        if form == "json list":
            entries = {name: [entry] for name, entry in entries.items()}
            votes = {name: {"Workers": list(workers.values())} for name, workers in votes.items()}
        name = "labels_concensus.json" if form == "json list" else "labels_consensus.json"
        (labels / name).write_text(json.dumps(entries))
        (labels / "labels_detailed.json").write_text(json.dumps(votes))
    table, _ = prepare("msp_podcast", msp)
    assert shares_of(table) == EXPECTED_VOTES


def test_msp_podcast_primary_counts_one_emotion_an_annotator(msp, prepare):
    table, _ = prepare("msp_podcast", msp, "primary")
    assert shares_of(table) == {
        "MSP-PODCAST_0001_0008": {"neutral": 0.5, "sadness": 0.5},
        "MSP-PODCAST_0001_0009": {"happiness": 1.0},
        "MSP-PODCAST_0002_0001": {"anger": 0.5},
        "MSP-PODCAST_0003_0001_0002": {"anger": 1.0},
    }


def test_msp_podcast_consensus_needs_no_votes_and_leaves_out_what_is_not_agreed(msp, prepare):
    (msp / "Labels" / "labels_detailed.csv").unlink()
    table, notes = prepare("msp_podcast", msp, "consensus")
    assert table.single_label
    assert shares_of(table) == {
        "MSP-PODCAST_0001_0008": {"neutral": 1.0},
        "MSP-PODCAST_0001_0009": {"happiness": 1.0},
        "MSP-PODCAST_0003_0001_0002": {"anger": 1.0},
    }
    assert "1 turn left out, without consensus" in notes
    with pytest.raises(EmoclrError, match=r"no labels_detailed.*--labels consensus"):
        prepare("msp_podcast", msp, "votes")


def test_msp_podcast_keeps_its_official_split_and_no_speaker_in_two(msp, prepare):
    table, notes = prepare("msp_podcast", msp)
    rows = zip([path.stem for path in table.paths], table.speakers, table.splits, strict=True)
    assert {name: (speaker, split) for name, speaker, split in rows} == {
        "MSP-PODCAST_0001_0008": ("speaker 30", "test"),
        "MSP-PODCAST_0001_0009": ("speaker 30", "test"),
        "MSP-PODCAST_0002_0001": ("podcast 0002", "train"),
        "MSP-PODCAST_0003_0001_0002": ("speaker 41", "validation"),
    }
    assert table.groups["official_split"] == ["Test1", "Test2", "Train", "Development"]
    assert "1 turn left out whose speaker is also in a later split" in notes


def test_msp_podcast_tables_that_are_something_else_are_errors(msp, write_csv, prepare):
    write_csv("FileName,EmoDetail", "MSP-PODCAST_0001_0008.wav,none", name="some copy/Labels/labels_detailed.csv")
    with pytest.raises(EmoclrError, match=r"EmoDetail of MSP-PODCAST_0001_0008\.wav is not 'worker; primary"):
        prepare("msp_podcast", msp)
    write_csv("FileName,a", "MSP-PODCAST_0001_0008.wav,1", name="some copy/Labels/labels_detailed.csv")
    with pytest.raises(EmoclrError, match="has neither a column EmoDetail nor EmoClass_Major, EmoClass_Second"):
        prepare("msp_podcast", msp)
    (msp / "Labels" / "labels_consensus.csv").unlink()
    (msp / "Labels" / "labels_consensus.json").write_text("[")
    with pytest.raises(EmoclrError, match=r"labels_consensus\.json: cannot be read as JSON"):
        prepare("msp_podcast", msp)
    (msp / "Labels" / "labels_consensus.json").unlink()
    with pytest.raises(EmoclrError, match=r"no labels_consensus\.csv or \.json"):
        prepare("msp_podcast", msp)


EMOTIFY_HEADER = (
    "track id, genre, amazement, solemnity, tenderness, nostalgia, calmness, power, joyful_activation, tension,"
    " sadness, mood, liked, disliked, age, gender, mother tongue"
)


@pytest.fixture
def emotify(copy_of, write_csv):
    write_csv(
        EMOTIFY_HEADER,
        "1,classical,0,1,0,0,1,0,0,0,0,4,1,0,30,0,Dutch",
        "1,classical,0,0,0,1,1,0,0,0,1,4,1,0,30,0,Dutch",
        "1,classical,0,0,0,0,0,0,0,0,0,4,1,0,30,0,Dutch",
        "100,classical,1,0,0,0,0,0,0,0,0,4,1,0,30,0,Dutch",
        "101,rock,0,0,0,0,0,1,0,1,0,4,1,0,30,1,Dutch",
        "302,pop,0,0,0,0,0,0,1,0,0,4,1,0,30,1,Dutch",
        name="some copy/data.csv",
    )
    return copy_of(
        "emotifymusic/classical/1.mp3",
        "emotifymusic/classical/100.mp3",
        "emotifymusic/rock/1.mp3",
        "emotifymusic/electronic/7.mp3",
        "emotifymusic/jazz/1.mp3",
    )


def test_emotify_is_the_share_of_listeners_who_felt_an_emotion(emotify, prepare):
    table, notes = prepare("emotify", emotify)
    by_track = {(path.parent.name, path.stem): row for path, row in zip(table.paths, table.targets, strict=True)}
    assert table.emotions == [
        "amazement",
        "solemnity",
        "tenderness",
        "nostalgia",
        "calm",
        "power",
        "joyful_activation",
        "tension",
        "sadness",
    ]
    third = 0.333333
    np.testing.assert_allclose(by_track["classical", "1"], [0, third, 0, third, 2 * third, 0, 0, 0, third], atol=1e-5)
    np.testing.assert_allclose(by_track["classical", "100"], [1, 0, 0, 0, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(by_track["rock", "1"], [0, 0, 0, 0, 0, 1, 0, 1, 0])
    assert table.groups == {"genre": ["classical", "classical", "rock"]}
    assert sorted(table.listeners.tolist()) == [1, 1, 3]
    assert notes.startswith("4 of 400 clips are here; missing: pop/2\n")
    assert "1 tracks left out that data.csv has no listeners of" in notes and "ELECTRONIC/7" in notes
    assert "jazz" in notes and "1 to 3 listeners a track, 1 in the middle" in notes


def test_emotify_has_no_speakers_and_is_divided_by_recording(emotify, prepare):
    table, _ = prepare("emotify", emotify)
    assert table.speakers is None and table.splits is None
    tested = np.concatenate([test for _, test in speaker_folds(table, 3)])
    assert sorted(tested.tolist()) == [0, 1, 2]


def test_emotify_files_may_carry_the_numbers_of_tracks(copy_of, write_csv, prepare):
    write_csv(EMOTIFY_HEADER, "200,rock,0,0,0,0,0,1,0,0,0,4,1,0,30,1,Dutch", name="some copy/data.csv")
    table, _ = prepare("emotify", copy_of("rock/200.mp3"))
    assert [table.emotions[row.argmax()] for row in table.targets] == ["power"]


def test_emotify_without_its_table_is_an_error(copy_of, write_csv, prepare):
    folder = copy_of("rock/1.mp3")
    with pytest.raises(EmoclrError, match=r"no data\.csv in it, which holds what listeners felt"):
        prepare("emotify", folder)
    write_csv("track id,genre", "1,rock", name="some copy/data.csv")
    with pytest.raises(EmoclrError, match=r"data\.csv: has no column amazement, .* not Emotify's"):
        prepare("emotify", folder)
