"""Copies of a clip are found, whatever was done to them, and weighed by their labels and splits."""

import numpy as np
import pytest
import soundfile as sf
import soxr

from emoclr.corpus.audit import audit

from .conftest import HEAD, RATE, checks, four, voice

pytestmark = pytest.mark.usefixtures("in_this_process")


def as_flac(original, path):
    sf.write(path.with_suffix(".flac"), sf.read(original, dtype="int16")[0], RATE)
    return path.with_suffix(".flac")


def as_stereo_float(original, path):
    samples, _ = sf.read(original, dtype="float32")
    sf.write(path, np.stack([samples, samples], axis=1), RATE, subtype="FLOAT")
    return path


def with_silence_around(original, path):
    samples, _ = sf.read(original, dtype="int16")
    sf.write(path, np.pad(samples, (777, 3_000)), RATE)
    return path


@pytest.mark.parametrize("copy", [as_flac, as_stereo_float, with_silence_around])
def test_a_lossless_copy_in_another_split_is_identical_audio(corpus, copy):
    labels = corpus(*four(), (lambda path: copy(path.with_name("000.wav"), path), 0, 1, "eve", "test"))
    found = checks(audit(labels))
    (case,) = found["identical audio across splits"].cases
    assert case.startswith("000.wav (anger; ann; train) = 004.") and case.endswith("(anger; eve; test)")
    assert "a copy across splits" not in found


def encoded(form, subtype, rate=RATE, **options):
    def write(path, sound):
        path = path.with_suffix({"MP3": ".mp3", "OGG": ".ogg", "WAV": ".wav"}[form])
        sf.write(path, soxr.resample(sound, RATE, rate), rate, format=form, subtype=subtype, **options)
        return path

    return write


@pytest.mark.parametrize(
    "copy",
    [
        encoded("MP3", "MPEG_LAYER_III"),
        encoded("MP3", "MPEG_LAYER_III", rate=44_100),
        encoded("OGG", "VORBIS"),
        encoded("OGG", "OPUS"),
        encoded("WAV", "PCM_16", rate=8_000),
        encoded("WAV", "ULAW", rate=8_000),
        lambda path, sound: encoded("WAV", "PCM_16")(path, 0.1 * sound),
        lambda path, sound: encoded("WAV", "PCM_16")(path, sound[2_345:]),
    ],
    ids=["mp3", "mp3 44.1k", "vorbis", "opus", "8k", "telephone", "20 dB softer", "start cut"],
)
def test_a_changed_copy_in_another_split_is_found_by_its_fingerprint(corpus, copy):
    labels = corpus(*four(), (lambda path: copy(path, voice(0)), 0, 1, "eve", "test"))
    found = audit(labels)
    (leak,) = found.leaks
    assert leak.check == "a copy across splits"
    assert leak.cases[0].startswith("000.wav (anger; ann; train) = 004.")


def test_several_copies_of_a_clip_are_one_case(corpus):
    copies_of_it = [
        (lambda path, form=form: encoded(*form)(path, voice(0)), 0, 1, "ann", "train")
        for form in (("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"))
    ]
    (case,) = checks(audit(corpus(*four(), *copies_of_it)))["a copy with the same labels"].cases
    assert case.count(" = ") == 3 and case.endswith("% of fingerprint bits differ)")


def test_the_same_audio_with_other_labels_contradicts_itself(corpus):
    found = checks(audit(corpus(*four(), (voice(0), 1, 0, "ann", "train"))))
    assert list(found["identical audio with different labels"].cases) == [
        "000.wav (anger; ann; train) = 004.wav (joy; ann; train)"
    ]
    assert "identical audio across splits" not in found


def test_the_same_audio_with_the_same_labels_is_only_noted(corpus):
    found = audit(corpus(*four(), (voice(0), 0, 1, "ann", "train")))
    assert not found.leaks
    assert checks(found)["identical audio with the same labels"].weight == "note"


def test_the_same_audio_whose_shares_differ_is_not_said_to_have_the_same_labels(corpus):
    rows = [(voice(0), 0.7, 0.3, "ann", "train"), (voice(0), 0.3, 0.5, "ann", "train")]
    found = checks(audit(corpus(*four()[1:], *rows)))
    assert found["identical audio with other shares"].weight == "note"
    (case,) = found["identical audio with other shares"].cases
    assert case.startswith("003.wav (joy 0.70, anger 0.30; ann; train) = 004.wav (joy 0.30, anger 0.50; ann; train)")
    assert case.endswith("; joy differs by 0.40")
    assert not {"identical audio with the same labels", "identical audio with different labels"} & set(found)


def test_without_splits_the_same_audio_of_two_speakers_leaks_through_folds(corpus):
    rows = [row[:4] for row in four()]
    found = audit(corpus(*rows, (voice(0), 0, 1, "bob"), head=HEAD[:4]))
    assert [leak.check for leak in found.leaks] == ["identical audio across speakers"]


def test_parts_of_one_recording_are_compared_apart(corpus):
    twice = np.concatenate([voice(0), voice(0), voice(9)])
    length = str(len(voice(0)) / RATE)
    labels = corpus(*four())
    sf.write(labels.parent / "long.wav", twice, RATE)
    parts = [("0", length), (length, str(2 * float(length))), (str(2 * float(length)), "")]
    lines = [f"long.wav,0,1,ann,train,{start},{end}" for start, end in parts]
    labels.write_text("\n".join([",".join([*HEAD, "start_s", "end_s"]), *lines]) + "\n")
    found = checks(audit(labels))
    (case,) = found["identical audio with the same labels"].cases
    assert case == "long.wav [0 s to 1.5 s] (anger; ann; train) = long.wav [1.5 s to 3 s] (anger; ann; train)"
