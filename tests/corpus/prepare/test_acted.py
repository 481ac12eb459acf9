from itertools import product

import pytest

from emoclr.configs.errors import EmoclrError


def emotion_of(table):
    """Returns what each clip carries, by its name."""
    assert table.single_label
    return {path.stem: table.emotions[row.argmax()] for path, row in zip(table.paths, table.targets, strict=True)}


def ravdess_names():
    """All clips, counted up as the paper describes them: two trials of two statements in each condition."""
    conditions = {
        "01": [("01", "01"), *product(("02", "03", "04", "05", "06", "07", "08"), ("01", "02"))],
        "02": [("01", "01"), *product(("02", "03", "04", "05", "06"), ("01", "02"))],
    }
    for channel, of_channel in conditions.items():
        for actor in range(1, 25):
            if channel == "02" and actor == 18:
                continue
            for (emotion, intensity), statement, trial in product(of_channel, ("01", "02"), ("01", "02")):
                yield f"Actor_{actor:02}/03-{channel}-{emotion}-{intensity}-{statement}-{trial}-{actor:02}.wav"


def test_ravdess_speech_and_song_are_complete_apart_and_together(copy_of, prepare):
    folder = copy_of(*ravdess_names(), "Video/01-01-06-01-02-01-12.wav")
    speech, notes = prepare("ravdess", folder)
    assert len(speech) == 1440 and speech.targets.sum(axis=0).tolist() == [96, *[192] * 7]
    assert notes.startswith("all 1,440 clips are here\n1 recording left out")
    assert "1,012 clips left out that are not speech" in notes
    song, _ = prepare("ravdess", folder, "song")
    assert song.emotions == ["neutral", "calm", "happiness", "sadness", "anger", "fear"]
    assert len(song) == 1012 and len(set(song.speakers)) == 23
    both, notes = prepare("ravdess", folder, "all")
    assert len(both) == 2452 and notes.startswith("all 2,452 clips are here")
    assert {
        s: len({v for v, w in zip(both.speakers, both.splits, strict=True) if w == s}) for s in set(both.splits)
    } == {
        "train": 15,
        "validation": 5,
        "test": 4,
    }


def test_ravdess_names_what_an_incomplete_copy_lacks(copy_of, prepare):
    folder = copy_of(*ravdess_names())
    for name in ("Actor_01/03-01-01-01-01-01-01.wav", "Actor_24/03-01-08-02-02-02-24.wav"):
        (folder / name).unlink()
    _, notes = prepare("ravdess", folder)
    assert notes.startswith("1,438 of 1,440 clips are here; missing: 03-01-01-01-01-01-01, 03-01-08-02-02-02-24\n")


def test_ravdess_says_what_a_name_says(copy_of, prepare):
    table, _ = prepare("ravdess", copy_of("03-01-06-01-02-01-12.wav", "03-01-08-02-01-02-05.wav"))
    assert emotion_of(table) == {"03-01-06-01-02-01-12": "fear", "03-01-08-02-01-02-05": "surprise"}
    assert (table.speakers, table.splits) == (["12", "05"], ["train", "test"])
    assert table.groups == {
        "original": ["fearful", "surprised"],
        "sex": ["female", "male"],
        "channel": ["speech", "speech"],
        "sentence": ["dogs", "kids"],
        "intensity": ["normal", "strong"],
        "language": ["english", "english"],
    }


def test_ravdess_without_song_says_so(copy_of, prepare):
    with pytest.raises(EmoclrError, match="holds no song, only 1 clips of the other kind"):
        prepare("ravdess", copy_of("03-01-06-01-02-01-12.wav"), "song")


def test_emodb_reads_the_german_letters_and_keeps_the_words(copy_of, prepare):
    names = ["03a01Fa", "08a02Wc", "10b01Ld", "11b09Eb", "13a05Aa", "14a07Tb", "15b02Nd"]
    table, notes = prepare("emodb", copy_of(*(f"wav/{name}.wav" for name in names), "17a01Fa.wav", "03a01Xa.wav"))
    assert emotion_of(table) == dict(
        zip(names, ["happiness", "anger", "boredom", "disgust", "fear", "sadness", "neutral"], strict=True)
    )
    assert table.groups["original"] == ["Freude", "Wut", "Langeweile", "Ekel", "Angst", "Trauer", "neutral"]
    assert table.groups["sex"] == ["male", "female", "male", "male", "female", "female", "male"]
    assert table.groups["age"] == ["30-39", "30-39", "30-39", "20-29", "30-39", "30-39", "20-29"]
    assert table.groups["sentence"] == ["a01", "a02", "b01", "b09", "a05", "a07", "b02"]
    assert table.speakers == ["03", "08", "10", "11", "13", "14", "15"] and table.splits is None
    assert notes.startswith("7 of 535 clips are here")
    assert "2 recordings left out, not named like 03a01Fa: 03a01Xa.wav, 17a01Fa.wav" in notes


def test_nemo_knows_its_speakers(copy_of, prepare):
    table, notes = prepare("nemo", copy_of("samples/WR0_surprised_64.wav", "EB0_neutral_13.wav", "XX0_anger_1.wav"))
    assert emotion_of(table) == {"EB0_neutral_13": "neutral", "WR0_surprised_64": "surprise"}
    assert table.groups == {
        "original": ["neutral", "surprised"],
        "sex": ["female", "male"],
        "age": ["20-29", "20-29"],
        "sentence": ["sentence 13", "sentence 64"],
        "language": ["polish", "polish"],
    }
    assert table.speakers == ["EB0", "WR0"] and table.splits is None
    assert "XX0_anger_1.wav" in notes


def test_sentences_named_by_numbers_are_no_emotions(copy_of, prepare):
    table, _ = prepare("nemo", copy_of("EB0_anger_1.wav", "EB0_fear_1.wav"))
    assert "sentence" not in table.emotions and "sentence" in table.groups


def test_tess_has_a_misnamed_clip_and_a_surprise_that_pleases(copy_of, prepare):
    table, _ = prepare(
        "tess",
        copy_of("OAF_neutral/OA_bite_neutral.wav", "YAF_pleasant_surprised/YAF_bite_ps.wav", "again/YAF_bite_ps.wav"),
    )
    assert emotion_of(table) == {"OA_bite_neutral": "neutral", "YAF_bite_ps": "surprise"}
    assert table.speakers == ["OAF", "YAF"] and table.splits is None
    assert table.groups["original"] == ["neutral", "pleasant surprise"]
    assert table.groups["age"] == ["60-69", "20-29"] and table.groups["sentence"] == ["bite", "bite"]


def test_tess_names_what_is_missing_of_the_words_it_has(copy_of, prepare):
    codes = ("angry", "disgust", "fear", "happy", "neutral", "ps", "sad")
    names = [f"{who}_back_{code}.wav" for who, code in product(("OAF", "YAF"), codes)]
    _, notes = prepare("tess", copy_of(*names[:-1]))
    assert notes.startswith("13 of 2,800 clips are here; missing: YAF_back_sad\n") or notes == (
        "13 of 2,800 clips are here; missing: YAF_back_sad"
    )


def savee_names():
    for speaker in ("DC", "JE", "JK", "KL"):
        for code, count in {"a": 15, "d": 15, "f": 15, "h": 15, "n": 30, "sa": 15, "su": 15}.items():
            for number in range(1, count + 1):
                yield speaker, f"{code}{number:02}"


@pytest.mark.parametrize("form", ["AudioData/{}/{}.wav", "ALL/{}_{}.wav"])
def test_savee_is_complete_in_folders_of_speakers_or_in_one(form, copy_of, prepare):
    table, notes = prepare("savee", copy_of(*(form.format(*name) for name in savee_names())))
    assert notes == "all 480 clips are here"
    by_emotion = dict(zip(table.emotions, table.targets.sum(axis=0).tolist(), strict=True))
    assert by_emotion == {
        "anger": 60,
        "disgust": 60,
        "fear": 60,
        "happiness": 60,
        "neutral": 120,
        "sadness": 60,
        "surprise": 60,
    }
    assert sorted(set(table.speakers)) == ["DC", "JE", "JK", "KL"] and table.splits is None


def test_savee_may_be_a_speakers_own_folder_and_says_what_lacks(copy_of, prepare):
    table, notes = prepare("savee", copy_of("sa01.wav", "su02.wav", folder="DC"))
    assert emotion_of(table) == {"sa01": "sadness", "su02": "surprise"}
    assert notes == "2 of 480 clips are here; missing: DC/a01, DC/a02, DC/a03, DC/a04, DC/a05 and 473 more"


def test_emovo_is_complete_with_14_sentences(copy_of, prepare):
    sentences = ["b1", "b2", "b3", "l1", "l2", "l3", "l4", "n1", "n2", "n3", "n4", "n5", "d1", "d2"]
    codes = {
        "dis": "disgust",
        "gio": "happiness",
        "neu": "neutral",
        "pau": "fear",
        "rab": "anger",
        "sor": "surprise",
        "tri": "sadness",
    }
    actors = ["f1", "f2", "f3", "m1", "m2", "m3"]
    names = {f"{code}-{actor}-{s}": actor for code, actor, s in product(codes, actors, sentences)}
    folder = copy_of(*(f"{actor}/{name}.wav" for name, actor in names.items()))
    table, notes = prepare("emovo", folder)
    assert notes == "all 588 clips are here"
    assert emotion_of(table) == {name: codes[name[:3]] for name in names}
    assert dict(zip([path.stem for path in table.paths], table.speakers, strict=True)) == names
    (folder / "m3" / "tri-m3-n5.wav").unlink()
    _, notes = prepare("emovo", folder)
    assert notes == "587 of 588 clips are here; missing: tri-m3-n5"


def test_ased_says_what_a_name_says(copy_of, prepare):
    names = ["05Angry/a5-03-01-02-50.wav", "h3-06-02-01-01.wav", "n1-07-01-02-64.wav", "a5-03-01-03-50.wav"]
    table, notes = prepare("ased", copy_of(*names))
    assert emotion_of(table) == {"a5-03-01-02-50": "anger", "h3-06-02-01-01": "happiness", "n1-07-01-02-64": "neutral"}
    assert table.speakers == ["50", "01", "64"] and table.splits == ["test", "validation", "train"]
    assert table.groups["sex"] == ["male", "female", "male"]
    assert table.groups["sentence"] == ["a03", "h06", "n07"]
    assert "a5-03-01-03-50.wav" in notes


def test_turev_db_takes_recordings_and_not_what_filters_made_of_them(copy_of, prepare):
    folder = copy_of(
        "Model Output for Test Data/testEmotions500HighPass/sound/Angry/1157_kz_beste.wav",
        "Sound Source/Angry/1157_kz_beste.wav",
        "Sound Source/Calm/1234_sk_algi.wav",
        "Sound Source/Happy/1358_mt_acik.wav",
        "Sound Source/Sad/7895_hl_acik.wav",
    )
    table, notes = prepare("turev_db", folder)
    assert all("Sound Source" in path.parts for path in table.paths)
    assert emotion_of(table) == {
        "1157_kz_beste": "anger",
        "1234_sk_algi": "calm",
        "1358_mt_acik": "happiness",
        "7895_hl_acik": "sadness",
    }
    assert table.speakers == ["1157", "1234", "1358", "7895"]
    assert notes == "4 of 1,735 clips are here"
