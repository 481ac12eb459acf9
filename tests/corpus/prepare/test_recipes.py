import sys

import numpy as np
import pytest

from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.corpus.cli import main
from emoclr.corpus.labels.emotion_names import SYNONYMS, common_name
from emoclr.corpus.prepare import acted
from emoclr.corpus.prepare.registry import RECIPES, find_recipes, listing

MSP_CONSENSUS = (
    "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set",
    "MSP-PODCAST_0001_0008.wav,N,2.2,4.0,2.6,30,Male,Test1",
    "MSP-PODCAST_0002_0009.wav,H,2.2,4.0,2.6,31,Female,Train",
)
MSP_DETAILED = (
    "FileName,EmoDetail",
    "MSP-PODCAST_0001_0008.wav,WORKER00000001; Neutral; Neutral; A:3.0; V:4.0; D:4.0;",
    'MSP-PODCAST_0002_0009.wav,"WORKER00000002; Happy; Happy,Excited; A:3.0; V:4.0; D:4.0;"',
)
MELD_HEADER = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime"
COPIES = {
    "ased": (["Angry/a5-03-01-02-50.wav", "n1-01-02-01-05.wav"], {}),
    "crema_d": (
        ["1001_IEO_NEU_XX.wav", "1005_TIE_SAD_X.wav"],
        {
            "tabulatedVotes.csv": (
                '"","A","D","F","H","N","S","fileName"',
                '"100001",0,0,0,1,3,0,"1001_IEO_NEU_XX"',
                '"100002",1,0,0,1,3,1,"1005_TIE_SAD_X"',
            )
        },
    ),
    "emodb": (["wav/03a01Fa.wav", "wav/16b10Wb.wav"], {}),
    "emogator": (["000001-01-1.wav", "000005-30-3.wav"], {}),
    "emotify": (
        ["classical/1.wav", "rock/100.wav"],
        {
            "data.csv": (
                "track id, genre, amazement, solemnity, tenderness, nostalgia, calmness, power, joyful_activation,"
                " tension, sadness, mood, liked, disliked, age, gender, mother tongue",
                "1,classical,0,1,0,0,1,0,0,0,0,4,1,0,30,0,Dutch",
                "200,rock,0,0,0,0,0,1,0,1,0,4,1,0,30,1,Dutch",
            )
        },
    ),
    "emovo": (["f1/dis-f1-b1.wav", "m3/tri-m3-n5.wav"], {}),
    "iemocap": (
        ["Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav"],
        {
            "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt": (
                "[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.5000, 2.5000]",
                "C-E2:\tNeutral;\t()",
            )
        },
    ),
    "meld": (
        ["train_splits/dia0_utt0.wav", "dev_splits_complete/dia0_utt0.wav"],
        {
            "train_sent_emo.csv": (MELD_HEADER, "1,Hi,Joey,joy,positive,0,0,1,1,0,1"),
            "dev_sent_emo.csv": (MELD_HEADER, "1,Hi,Ross,anger,negative,0,0,1,1,0,1"),
            "test_sent_emo.csv": (MELD_HEADER, "1,Hi,Joey,neutral,neutral,0,0,1,1,0,1"),
        },
    ),
    "msp_podcast": (
        ["Audios/MSP-PODCAST_0001_0008.wav", "Audios/MSP-PODCAST_0002_0009.wav"],
        {"Labels/labels_consensus.csv": MSP_CONSENSUS, "Labels/labels_detailed.csv": MSP_DETAILED},
    ),
    "nemo": (["samples/EB0_anger_1.wav", "samples/WR0_surprised_1.wav"], {}),
    "ravdess": (["Actor_12/03-01-06-01-02-01-12.wav", "Actor_05/03-02-01-01-01-02-05.wav"], {}),
    "savee": (["AudioData/DC/a01.wav", "AudioData/KL/sa15.wav"], {}),
    "tess": (["OAF_angry/OAF_back_angry.wav", "YAF_pleasant_surprised/YAF_back_ps.wav"], {}),
    "turev_db": (["Sound Source/Angry/1157_kz_beste.wav", "Sound Source/Sad/1234_hl_bugu.wav"], {}),
    "urdu": (["Angry/SM1_F10_A010.wav", "Happy/SF1_F1_H01.wav"], {}),
}
SETS = [(name, labels) for name, recipe in RECIPES.items() for labels in recipe.clips]


@pytest.fixture
def small_copy(copy_of, write_csv):
    def make(name):
        recordings, tables = COPIES[name]
        for table, lines in tables.items():
            write_csv(*lines, name=f"some copy/{table}")
        return copy_of(*recordings)

    return make


@pytest.mark.parametrize(("name", "labels"), SETS)
def test_every_set_of_labels_is_one_that_can_be_read(name, labels, small_copy, prepare):
    table, notes = prepare(name, small_copy(name), labels)
    assert len(table) >= 1
    assert all(common_name(emotion) == emotion for emotion in table.emotions)
    assert (table.targets.sum(axis=1) > 0).all()
    assert all(path.is_file() for path in table.paths)
    assert notes.splitlines()[0].split(";")[0].endswith("clips are here")


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_says_what_it_is_and_whom_to_cite(name, small_copy, prepare):
    recipe = RECIPES[name]
    docstring = sys.modules[recipe.read.__module__].__doc__
    assert recipe.name == name == recipe.read.__module__.rpartition(".")[2]
    assert recipe.citation.split()[0].strip(",") in docstring
    assert all(recipe.__dict__[field] for field in ("description", "language", "licence", "citation", "clips"))
    assert all(clips > 0 for clips in recipe.clips.values())
    table, _ = prepare(name, small_copy(name))
    assert len(table.emotions) == recipe.emotions


@pytest.mark.parametrize("name", RECIPES)
def test_a_folder_without_the_corpus_is_an_error(name, copy_of):
    folder = copy_of("holiday/beach.wav")
    with pytest.raises(EmoclrError, match="none of 1 recording in it is named like"):
        RECIPES[name].prepare(folder)


@pytest.mark.parametrize("name", RECIPES)
def test_strange_recordings_are_named_and_left_out(name, small_copy, copy_of, prepare):
    expected, _ = prepare(name, small_copy(name))
    folder = copy_of("Sound Source/beach.wav")
    table, notes = prepare(name, folder)
    assert sorted(table.paths) == sorted(expected.paths)
    assert "1 recording left out, not named like" in notes and "beach" in notes


def test_labels_that_a_corpus_does_not_have_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="--labels votes: this corpus has intended"):
        RECIPES["emogator"].prepare(tmp_path, "votes")


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="nowhere: no such folder"):
        RECIPES["emodb"].prepare(tmp_path / "nowhere")


def test_no_word_is_a_synonym_of_two_emotions():
    words = [word for name, synonyms in SYNONYMS.items() for word in (name, *synonyms)]
    assert len(words) == len(set(words))


@pytest.mark.parametrize(
    ("word", "name"), [("Wut", "anger"), ("gioia", "happiness"), ("Neutral state", "neutral"), ("awe", "awe")]
)
def test_a_word_has_its_common_name_or_its_own(word, name):
    assert common_name(word) == name


def test_the_list_of_recipes_fits_a_screen_and_leaves_none_out():
    lines = listing().splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines[1:] if not line.startswith(" ")] == list(RECIPES)


def test_prepare_without_a_name_lists_and_without_a_folder_says_what_is_needed(capsys):
    assert main(["prepare"]) == 0
    assert capsys.readouterr().out == listing() + "\n"
    assert main(["prepare", "emodb"]) == 2
    assert "needs the corpus's folder and --out" in capsys.readouterr().err


def test_prepare_tells_of_speakers_and_folds_where_there_is_no_split(small_copy, tmp_path, capsys):
    assert main(["prepare", "emodb", str(small_copy("emodb")), "--out", str(tmp_path / "labels.csv")]) == 0
    told = capsys.readouterr().err
    assert "2 of 535 clips are here" in told
    assert "licence: not stated; cite Burkhardt et al. (2005)" in told
    assert "2 clips (2 speakers, no split: folds divide them), 7 emotions" in told


def test_a_lossless_copy_is_preferred_wherever_it_lies(copy_of, prepare):
    table, notes = prepare("savee", copy_of("a/DC/a01.mp3", "z/DC_a01.wav", "b/DC/a01.ogg"))
    assert [path.name for path in table.paths] == ["DC_a01.wav"]
    assert "2 files left out: their clips are there in another format or place" in notes


def test_labels_are_one_hot_where_one_emotion_was_played(small_copy, prepare):
    table, _ = prepare("ased", small_copy("ased"))
    np.testing.assert_array_equal(np.sort(table.targets, axis=1)[:, -2:], [[0, 1], [0, 1]])


def test_a_new_file_is_a_recipe_and_stands_in_its_place_in_the_list(tmp_path, monkeypatch):
    (tmp_path / "hummed.py").write_text(
        "from dataclasses import replace\n"
        "from emoclr.corpus.prepare.acted.emodb import RECIPE as EMODB\n"
        "RECIPE = replace(EMODB, name='hummed')\n"
    )
    monkeypatch.setattr(acted, "__path__", [*acted.__path__, str(tmp_path)])
    found = find_recipes()
    assert set(found) == {*RECIPES, "hummed"}
    assert list(found) == sorted(found)
    named = [line.split()[0] for line in listing().splitlines()[1:] if not line.startswith(" ")]
    assert named == list(RECIPES) == sorted(RECIPES)
