import json
import os

import numpy as np
import pytest
import soundfile as sf
import soxr

from emoclr.corpus.audio.decoder import AudioInfo
from emoclr.corpus.audit import audit
from emoclr.corpus.audit.fingerprints import MAX_BITS_OFF, copies, fingerprint
from emoclr.corpus.audit.people import emotions_of_few, rare_emotions
from emoclr.corpus.audit.recordings import Recording, _listen
from emoclr.corpus.audit.report import audit_json, audit_markdown
from emoclr.corpus.audit.shortcuts import find_shortcuts
from emoclr.corpus.cli import main
from emoclr.corpus.demo.demo_corpus import make_demo_corpus
from emoclr.corpus.labels.labels_csv import read_labels
from emoclr.corpus.labels.tables.text_table import LabelsError

RATE = 16_000
NOTHING = np.zeros(0, dtype=np.float32)
HEAD = ["path", "joy", "anger", "speaker", "split"]

pytestmark = pytest.mark.usefixtures("in_this_process")


def voice(seed, duration_s=1.5):
    """Something like speech: harmonics that glide, in syllables, with breath; another seed is another sentence."""
    rng = np.random.default_rng(seed)
    samples = round(duration_s * RATE)
    knots = np.linspace(0, samples, 8)
    pitch_hz = np.interp(np.arange(samples), knots, rng.uniform(90, 260, 8))
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE
    loudness = np.interp(np.arange(samples), np.linspace(0, samples, 16), rng.uniform(0.05, 1, 16))
    harmonics = [
        np.interp(np.arange(samples), knots, rng.uniform(0, 1, 8)) * np.sin(number * phase) / number
        for number in range(1, 16)
    ]
    return 0.2 * loudness * (np.sum(harmonics, axis=0) + 0.05 * rng.normal(size=samples))


@pytest.fixture
def corpus(tmp_path, write_table):
    """Returns make(*rows) -> labels.csv; a row is (samples or a writer of a path, cells after the path)."""

    def make(*rows, head=HEAD, suffix=".wav"):
        lines = []
        for number, (sound, *cells) in enumerate(rows):
            path = tmp_path / f"{number:03}{suffix}"
            if callable(sound):
                path = sound(path)
            else:
                sf.write(path, sound, RATE)
            lines.append([path.name, *cells])
        return write_table(tmp_path / "labels.csv", head, lines)

    return make


def checks(found):
    return {finding.check: finding for finding in found.findings}


def four(split=("train", "train", "test", "test")):
    """Rows of four different clips of two speakers."""
    return [
        (voice(number), number % 2, 1 - number % 2, "ann" if number < 2 else "bob", split[number])
        for number in range(4)
    ]


def test_a_corpus_without_faults_has_no_leak_no_copy_and_no_broken_sound(corpus):
    found = audit(corpus(*four()))
    assert not found.leaks
    told = set(checks(found))
    assert not {check for check in told if check.startswith(("identical", "a copy"))}
    assert not told & {"unreadable", "silence", "clipping", "DC offset", "emotions missing in a split"}


def test_all_speakers_in_several_splits_are_counted_not_refused(corpus):
    labels = corpus(*four(("train", "test", "validation", "test")))
    with pytest.raises(LabelsError, match="a leak"):
        read_labels(labels)
    (leak,) = audit(labels).leaks
    assert leak.check == "speakers across splits"
    assert list(leak.cases) == ["ann: 1 train, 1 test", "bob: 1 validation, 1 test"]


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


def test_names_that_are_no_text_and_have_line_ends_stay_on_a_line(corpus):
    odd = b"caf\xe9\n.wav"
    labels = corpus(*four(), (np.zeros(RATE), 1, 0, "ann", "train"))
    (labels.parent / "004.wav").rename(labels.parent / os.fsdecode(odd))
    labels.write_bytes(labels.read_bytes().replace(b"004.wav", b'"' + odd + b'"'))
    (case,) = checks(audit(labels))["silence"].cases
    assert case == r"caf\xe9\n.wav (joy): 1.0 s, digital silence"


def test_different_sentences_and_takes_share_no_fingerprint():
    clips = [voice(seed) for seed in range(30)]
    rng = np.random.default_rng(0)
    takes = [np.interp(np.arange(0, len(clip), rng.uniform(0.85, 0.95)), np.arange(len(clip)), clip) for clip in clips]
    assert copies([fingerprint(clip.astype(np.float32)) for clip in clips + takes]) == []


def test_half_of_the_bits_differ_between_unrelated_sounds():
    one, other = (fingerprint(voice(seed).astype(np.float32)) for seed in (1, 2))
    both = (one > 0) & (other > 0)
    assert np.bitwise_count(one[both] ^ other[both]).mean() / 32 == pytest.approx(0.5, abs=0.1)
    assert MAX_BITS_OFF < 0.35  # of the paper's false alarm analysis, for excerpts of 3 s


def test_a_clip_too_short_for_a_fingerprint_has_none():
    assert len(fingerprint(np.ones(2_000, dtype=np.float32))) == 0
    assert copies([fingerprint(np.ones(2_000, dtype=np.float32))] * 2) == []


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


def test_broken_sounds_are_named_each_for_its_fault(corpus):
    loud = np.clip(20 * voice(5), -1, 1)
    labels = corpus(
        *four(),
        (np.zeros(RATE), 1, 0, "ann", "train"),
        (0.0005 * np.sign(voice(6)), 1, 0, "ann", "train"),
        (loud, 1, 0, "ann", "train"),
        (0.5 * voice(7) + 0.05, 1, 0, "ann", "train"),
        (lambda path: path, 1, 0, "ann", "train"),
    )
    found = checks(audit(labels))
    assert list(found["silence"].cases) == [
        "004.wav (joy): 1.0 s, digital silence",
        "005.wav (joy): 1.5 s, peak -66 dBFS",
    ]
    (clipped,) = found["clipping"].cases
    assert clipped.startswith("006.wav (joy): ") and clipped.endswith("% of the samples at full scale")
    (offset,) = found["DC offset"].cases
    assert offset == "007.wav (joy): mean +0.050"
    assert list(found["unreadable"].cases) == ["008.wav: no such file"]
    assert not [check for check in found if check.startswith("identical")], "silent clips are alike, and no copies"


def test_what_is_measured_is_what_was_written(corpus):
    times = np.arange(RATE) / RATE
    labels = corpus((0.5 * np.sin(2 * np.pi * 1_000 * times) + 0.02, 1, 0, "ann", "train"), *four())
    measured = audit(labels).recordings[0]
    assert isinstance(measured, Recording)
    assert (measured.duration_s, measured.sample_rate, measured.channels, measured.suffix) == (1.0, RATE, 1, ".wav")
    assert measured.offset == pytest.approx(0.02, abs=1e-4)
    assert measured.rms_db == pytest.approx(10 * np.log10(0.5**2 / 2 + 0.02**2), abs=0.01)
    assert measured.peak_db == pytest.approx(20 * np.log10(0.52), abs=0.01)
    assert measured.bandwidth_hz == pytest.approx(1_000, abs=100)


def test_one_speaker_alone_cannot_be_held_out(corpus):
    found = audit(corpus(*[(*row[:3], "ann", "train") for row in four()]))
    assert find_shortcuts(found.table, found.recordings) == []


def test_rare_emotions_absent_splits_and_one_sided_speakers_are_named(corpus):
    rows = [(voice(number), 0, 1, f"s{number // 2}", ("train", "test")[number // 12]) for number in range(14)]
    rows[0] = (voice(0), 1, 1, "s0", "train")
    found = checks(audit(corpus(*rows)))
    few = found["emotions with few clips or speakers"]
    assert list(few.cases) == ["joy: 1 clip (7.14%) of 1 speaker"] and "rare emotions" not in found
    assert list(found["emotions missing in a split"].cases) == ["joy: 1 train, 0 test"]
    cases = found["speakers with one emotion only"].cases
    assert cases[0] == "s1: 2 clips, all anger" and len(cases) == 6


def test_emotions_in_under_one_clip_of_a_hundred_are_rare_whatever_their_number(corpus):
    rows = [(np.zeros(80), int(number < 7), 1, f"s{number}", "train") for number in range(710)]
    table = read_labels(corpus(*rows))
    positive = table.targets > 0
    assert rare_emotions(table, positive).cases == ["joy: 7 clips (0.99%) of 7 speakers"]
    assert emotions_of_few(table, positive) is None


def test_a_path_longer_than_the_screen_is_printed_whole(corpus, tmp_path, call):
    name = "long-" * 24 + "name.wav"
    labels = corpus((np.zeros(800), 1, 0, "ann", "train"), *four()[1:])
    (tmp_path / "000.wav").rename(tmp_path / name)
    labels.write_text(labels.read_text().replace("000.wav", name))
    assert f"- {name}\n" in call(main, ["audit", labels], tmp_path).told


def test_unknown_speakers_are_a_warning(corpus):
    rows = [row[:3] for row in four()]
    assert "speakers unknown" in checks(audit(corpus(*rows, head=HEAD[:3])))


def test_of_the_demo_corpus_its_broken_file_is_found_and_no_leak_nor_copy(tmp_path):
    demo = make_demo_corpus(tmp_path / "demo", size="small")
    found = audit(demo.labels)
    assert not found.leaks
    (broken,) = checks(found)["unreadable"].cases
    assert broken.startswith("labeled/spk01_broken.flac: ")
    assert not [check for check in checks(found) if check.startswith(("identical", "a copy"))]


def test_the_command_fails_on_leakage_and_writes_what_it_printed(corpus, tmp_path, call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    labels = corpus(*four(), (voice(0), 1, 0, "eve", "test"))
    ran = call(main, ["audit", labels, "--out", tmp_path / "report"], tmp_path / "report")
    assert ran.code == 1
    assert "identical audio across splits" in ran.told and "Leakage" in ran.told
    printed = [line for line in ran.told.splitlines() if not line.startswith(("wrote", "next"))]
    assert all(len(line) <= 80 or max(map(len, line.split())) > 70 for line in printed)
    assert any(line.strip() == f"{labels}:" or line.startswith(f"{labels}: ") for line in printed)
    found = json.loads((ran.out / "report.json").read_text())
    assert found["leakage"] is True and found["clips"] == 5
    cases = {finding["check"]: finding["cases"] for finding in found["findings"]}
    assert cases["identical audio across splits"] == ["000.wav (anger; ann; train) = 004.wav (joy; eve; test)"]
    page = (ran.out / "report.md").read_text()
    assert "### Identical audio across splits" in page and "- 000.wav (anger; ann; train)" in page


def test_the_command_is_content_without_leakage(corpus, tmp_path, call):
    ran = call(main, ["audit", corpus(*four())], tmp_path)
    assert ran.code == 0 and "No leakage found." in ran.told


def test_without_speakers_it_is_told_first_that_voices_may_leak(corpus, tmp_path, call):
    labels = corpus(*four())
    lines = [line.split(",") for line in labels.read_text().splitlines()]
    place = lines[0].index("speaker")
    labels.write_text("\n".join(",".join(line[:place] + line[place + 1 :]) for line in lines))
    ran = call(main, ["audit", labels], tmp_path)
    told = " ".join(ran.told.split())
    assert ran.code == 0 and not told.endswith("No leakage found.")
    assert told.index("speakers are not known") < told.index("0.00 h") < told.index("next: ")
    assert told.endswith("`--columns speaker=NAME`.")
    assert audit_json(audit(labels))["verdict"][0]["weight"] == "open"


def test_nothing_points_to_a_file_that_is_not_written(corpus, tmp_path, call):
    rows = [(np.zeros(800), number % 2, 1, f"s{number}", "train") for number in range(9)]
    labels = corpus(*rows)
    assert "and 4 more, with --out DIR all" in call(main, ["audit", labels], tmp_path).told
    assert "and 4 more, all in report.json" in call(main, ["audit", labels, "--out", tmp_path / "o"], tmp_path).told


def test_long_lists_are_whole_in_json_alone(corpus):
    rows = [(np.zeros(800), number % 2, 1, f"s{number}", "train") for number in range(60)]
    found = audit(corpus(*rows))
    whole = next(finding for finding in audit_json(found)["findings"] if finding["check"] == "silence")
    assert len(whole["cases"]) == 60
    assert "and 10 more, all in report.json" in audit_markdown(found)


def test_the_share_from_which_an_emotion_is_there_is_a_setting(corpus, tmp_path, capsys):
    rows = [(voice(0), 0.7, 0.3, "ann", "train"), (voice(0), 0.3, 0.5, "ann", "train")]
    labels = corpus(*four()[1:], *rows)
    assert "from a share of 0.25 on" in checks(audit(labels))["identical audio with other shares"].summary
    assert main(["audit", str(labels), "--positive-share", "0.4", "--out", str(tmp_path / "out")]) == 0
    assert "identical audio with different labels" in capsys.readouterr().out
    content = json.loads((tmp_path / "out" / "report.json").read_text())
    assert content["positive_share"] == 0.4 and content["emotions"] == {"joy": 3, "anger": 2}
    assert audit_json(audit(labels))["emotions"] == {"joy": 4, "anger": 3}


@pytest.mark.parametrize("share", ["0", "1.1", "half"])
def test_a_share_is_above_0_and_at_most_1(share, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["audit", "labels.csv", "--positive-share", share])
    assert stopped.value.code == 2 and share in capsys.readouterr().err


@pytest.mark.parametrize("size", [100, 1_000, 16_000, 40_000])
def test_a_clip_measured_block_by_block_is_as_measured_whole(tmp_path, size):
    sound = np.concatenate([np.zeros(3_000), 0.4 * voice(3), np.zeros(20_000), 0.2 * voice(4), np.zeros(999)])
    sound = (np.rint(sound * 32_768) / 32_768).astype(np.float32)
    info = AudioInfo(None, 16_000, 1)
    whole = _listen([sound], info, ".wav")
    split = _listen(np.split(sound, range(size, len(sound), size)), info, ".wav")
    assert split.words.tolist() == whole.words.tolist()
    assert (split.digest, split.bandwidth_hz, split.clipped) == (whole.digest, whole.bandwidth_hz, whole.clipped)
    assert [split.rms_db, split.offset] == pytest.approx([whole.rms_db, whole.offset])
    # Whatever zeros are around it, the sound is the same, and other zeros within it make another.
    assert _listen([sound[3_000:]], info, ".wav").digest == whole.digest
    assert _listen([np.delete(sound, np.s_[40_000:40_010])], info, ".wav").digest != whole.digest
