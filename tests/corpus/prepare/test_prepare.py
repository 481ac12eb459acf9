import numpy as np
import pytest

from emoclr.configs.errors import EmoclrError
from emoclr.corpus.cli import main
from emoclr.corpus.labels.labels_csv import read_labels
from emoclr.corpus.prepare.acted.crema_d import emo_superb
from emoclr.corpus.prepare.registry import RECIPES

VOTES_HEADER = '"","A","D","F","H","N","S","fileName","numResponses"'
PEOPLE = ('"ActorID","Age","Sex","Race"', '1001,51,"Male","x"', '1005,21,"Female","x"', '1006,20,"Female","x"')


@pytest.fixture
def crema_d(tmp_path, write_csv):
    """A CREMA-D of four clips in an odd layout, of several formats, with what real copies have beside them."""
    root = tmp_path / "some copy"
    names = [
        "AudioWAV/1001_IEO_NEU_XX.wav",
        "deep/er/1001_ieo_hap_lo.flac",
        "1005_TIE_SAD_X.ogg",
        "more/1006_DFA_ANG_HI.mp3",
        "AudioMP3/1001_IEO_NEU_XX.mp3",
        "more/readme_tone.wav",
    ]
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    write_csv(
        VOTES_HEADER,
        '"100001",0,0,0,1,3,0,"1001_IEO_NEU_XX",4',
        '"100002",1,1,1,4,1,0,"1001_IEO_HAP_LO",8',
        '"100003",0,0,0,0,0,5,"1005_TIE_SAD_X",5',
        '"100004",0,0,0,0,0,0,"1006_DFA_ANG_HI",0',
        '"100005",1,0,0,0,0,0,"1002_DFA_ANG_XX",1',
        '"200001",9,0,0,0,0,0,"1001_IEO_NEU_XX",9',
        '"300001",0,9,0,0,0,0,"1001_IEO_NEU_XX",9',
        name="some copy/processed/tabulatedVotes.csv",
    )
    write_csv(*PEOPLE, name="some copy/VideoDemographics.csv")
    return root


def test_votes_are_shares_of_those_who_heard_the_voice_alone(prepare, crema_d):
    table, _ = prepare("crema_d", crema_d, "votes")
    assert "original" not in table.groups and set(table.groups["language"]) == {"english"}
    assert table.emotions == ["anger", "disgust", "fear", "happiness", "neutral", "sadness"]
    by_name = dict(zip([path.stem for path in table.paths], table.targets, strict=True))
    np.testing.assert_allclose(by_name["1001_IEO_NEU_XX"], [0, 0, 0, 0.25, 0.75, 0])
    np.testing.assert_allclose(by_name["1001_ieo_hap_lo"], [0.125, 0.125, 0.125, 0.5, 0.125, 0])
    np.testing.assert_allclose(by_name["1005_TIE_SAD_X"], [0, 0, 0, 0, 0, 1])


@pytest.mark.parametrize("name", ["CREMA-D", "crema-d", "Crema D", "crema_d"])
def test_a_corpus_may_be_written_as_its_authors_do(crema_d, tmp_path, name):
    assert main(["prepare", name, str(crema_d), "--out", str(tmp_path / "labels.csv")]) == 0


def test_votes_say_what_is_left_out_and_what_is_missing(prepare, crema_d):
    table, notes = prepare("crema_d", crema_d, "votes")
    assert len(table) == 3
    assert notes.startswith("4 of 7,442 clips are here\n")
    assert "1 clip left out, without votes on the voice: 1006_DFA_ANG_HI" in notes
    assert "1 clip with votes but no recording: 1002_DFA_ANG_XX" in notes
    assert "1 recording left out, not named like 1001_IEO_NEU_XX: readme_tone.wav" in notes
    assert "1 file left out: their clips are there in another format" in notes


def test_intended_is_one_hot_and_needs_no_votes(prepare, crema_d):
    (crema_d / "processed" / "tabulatedVotes.csv").unlink()
    table, _ = prepare("crema_d", crema_d, "intended")
    assert table.single_label
    played = {
        path.stem: table.emotions[int(row.argmax())] for path, row in zip(table.paths, table.targets, strict=True)
    }
    assert played == {
        "1001_IEO_NEU_XX": "neutral",
        "1001_ieo_hap_lo": "happiness",
        "1005_TIE_SAD_X": "sadness",
        "1006_DFA_ANG_HI": "anger",
    }


def test_speakers_splits_and_groups_come_with_the_clips(prepare, crema_d):
    table, _ = prepare("crema_d", crema_d, "intended")
    assert table.speakers == ["1001", "1001", "1005", "1006"]
    assert table.splits == ["validation", "validation", "test", "validation"]
    assert table.groups == {
        "original": ["HAP", "NEU", "SAD", "ANG"],
        "language": ["english"] * 4,
        "sex": ["male", "male", "female", "female"],
        "age": ["50-59", "50-59", "20-29", "20-29"],
        "sentence": ["IEO", "IEO", "TIE", "DFA"],
        "level": ["low", "unspecified", "unspecified", "high"],
    }


def test_a_lossless_copy_is_preferred(prepare, crema_d):
    table, _ = prepare("crema_d", crema_d, "votes")
    assert crema_d / "AudioWAV" / "1001_IEO_NEU_XX.wav" in table.paths


def test_without_demographics_sex_and_age_are_unknown(prepare, crema_d):
    (crema_d / "VideoDemographics.csv").unlink()
    table, notes = prepare("crema_d", crema_d, "votes")
    assert set(table.groups["sex"] + table.groups["age"]) == {"unknown"}
    assert "no VideoDemographics.csv" in notes


def test_votes_that_are_missing_or_something_else_are_errors(crema_d, write_csv):
    votes = crema_d / "processed" / "tabulatedVotes.csv"
    votes.write_text("a,b\n1,2\n")
    with pytest.raises(EmoclrError, match=r"tabulatedVotes\.csv: has no column A, D, F, H, N, S, fileName"):
        RECIPES["crema_d"].prepare(crema_d, "votes")
    votes.write_text(VOTES_HEADER + '\n"200001",9,0,0,0,0,0,"1001_IEO_NEU_XX",9\n')
    with pytest.raises(EmoclrError, match="no votes on the voice for any of 4 clips"):
        RECIPES["crema_d"].prepare(crema_d, "votes")
    votes.unlink()
    with pytest.raises(EmoclrError, match=r"no tabulatedVotes\.csv.*--labels intended"):
        RECIPES["crema_d"].prepare(crema_d, "votes")


def test_a_folder_of_something_else_is_an_error(tmp_path):
    (tmp_path / "song.wav").touch()
    with pytest.raises(EmoclrError, match="none of 1 recording in it is named like 1001_IEO_NEU_XX"):
        RECIPES["crema_d"].prepare(tmp_path, "votes")


def test_vocal_bursts_are_numbered_through_the_emotions(tmp_path, prepare):
    names = ["000001-01-1.mp3", "sub/000005-03-2.wav", "000006-30-3.mp3", "000007-24-1.mp3", "000007-31-1.mp3"]
    for name in names:
        (tmp_path / "bursts" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "bursts" / name).touch()
    table, notes = prepare("emogator", tmp_path / "bursts", None)
    assert len(table.emotions) == 30 and table.single_label
    assert [table.emotions[int(row.argmax())] for row in table.targets] == ["adoration", "anger", "triumph", "sadness"]
    assert {"surprise_negative", "surprise_positive"} < set(table.emotions)
    assert table.groups == {"original": ["adoration", "anger", "triumph", "sadness"], "language": ["none"] * 4}
    assert table.speakers == ["000001", "000005", "000006", "000007"]
    assert table.splits == ["validation", "test", "validation", "train"]
    assert notes.startswith("4 of 32,130 clips are here\n4 of 357 contributors") and "000007-31-1.mp3" in notes


def test_published_folds_take_the_place_of_the_split(prepare, crema_d, tmp_path, capsys):
    out = tmp_path / "folds.csv"
    assert main(["prepare", "crema_d", str(crema_d), "--folds", "emo-superb", "--out", str(out)]) == 0
    assert "3 clips (1 fold), 6 emotions" in capsys.readouterr().err
    table = read_labels(out)
    assert table.splits is None
    assert set(zip(table.speakers, table.folds, table.validation_folds, strict=True)) == {
        ("1001", "1", "5"),
        ("1005", "1", "5"),
    }


def test_the_folds_of_emo_superb_are_the_actors_by_number_and_the_next_fold_validates():
    of = {actor: emo_superb(str(1000 + actor)) for actor in range(1, 92)}
    for fold, first, last in [(1, 1, 18), (2, 19, 36), (3, 37, 54), (4, 55, 72), (5, 73, 91)]:
        assert [actor for actor, (scored, _) in of.items() if scored == fold] == list(range(first, last + 1))
        validate = {scored for scored, validates in of.values() if validates == fold}
        assert validate == {fold % 5 + 1}


def test_folds_that_nobody_published_are_an_error_that_names_those_there_are(crema_d, tmp_path, capsys):
    out = ["--out", str(tmp_path / "folds.csv")]
    assert main(["prepare", "crema_d", str(crema_d), "--folds", "ten", *out]) == 2
    assert "has emo-superb" in capsys.readouterr().err
    assert main(["prepare", "emodb", str(crema_d), "--folds", "emo-superb", *out]) == 2
    assert "has none" in capsys.readouterr().err
