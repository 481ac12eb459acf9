"""The demo corpus says what its labels claim, in the files its docstring promises."""

import csv
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile as sf
from numpy.typing import NDArray
from scipy.signal import butter, find_peaks, sosfiltfilt

from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.corpus.demo.demo_corpus import DemoSummary, make_demo_corpus
from emoclr.corpus.demo.expression import CUES, EMOTIONS, express
from emoclr.corpus.demo.voice import VOWELS_HZ, Delivery, Voice, draw_voice, speak

RATE = 16_000
MAN = Voice("male", f0_hz=120.0, formant_scale=1.0)
WOMAN = Voice("female", f0_hz=205.0, formant_scale=1.15)


def say(emotion: str, voice: Voice = MAN, duration_s: float = 6.0, seed: int = 0) -> NDArray[np.float64]:
    return speak(voice, express(emotion, voice), duration_s, np.random.default_rng(seed))


def steady(voice: Voice, vowel: str = "ɑ", **how: float) -> NDArray[np.float64]:
    """One long vowel on one pitch."""
    delivery = Delivery(
        f0_hz=how.pop("f0_hz", voice.f0_hz),
        f0_range_semitones=0,
        f0_slope_semitones=0,
        syllables_per_s=0.4,
        level_range_db=0,
        vowels=(vowel,),
    )
    return speak(voice, replace(delivery, **how), 2.5, np.random.default_rng(1))[RATE : 2 * RATE]


def pitch_hz(waveform: NDArray[np.float64]) -> NDArray[np.float64]:
    f0, voiced, _ = librosa.pyin(waveform, fmin=50, fmax=600, sr=RATE, frame_length=1024, hop_length=640)
    return np.asarray(f0[voiced])


def active_level_db(waveform: NDArray[np.float64]) -> float:
    frames = librosa.feature.rms(y=waveform, frame_length=400, hop_length=160)[0]
    return float(20 * np.log10(np.sqrt(np.mean(frames[frames > 0.1 * frames.max()] ** 2))))


def syllables_per_s(waveform: NDArray[np.float64]) -> float:
    """Peaks of the loudness below 4 kHz (where hiss is weak), a second of sound."""
    voice = sosfiltfilt(butter(4, 1500, fs=RATE, output="sos"), waveform)
    envelope = np.sqrt(np.maximum(sosfiltfilt(butter(2, 12, fs=RATE, output="sos"), voice**2), 0))
    peaks, _ = find_peaks(envelope, height=0.15 * envelope.max(), prominence=0.1 * envelope.max())
    return len(peaks) / (len(waveform) / RATE)


def share_above_1_khz_db(waveform: NDArray[np.float64]) -> float:
    spectrum = np.abs(np.fft.rfft(waveform)) ** 2
    edge = int(1000 * len(waveform) / RATE)
    return float(10 * np.log10(spectrum[edge:].sum() / spectrum.sum()))


def local_jitter(waveform: NDArray[np.float64], f0_hz: float) -> float:
    """Mean absolute difference of neighbouring periods over their mean, from the strongest peak of each period."""
    peaks, _ = find_peaks(waveform, distance=int(0.7 * RATE / f0_hz))
    before, at, after = (waveform[peaks + step] for step in (-1, 0, 1))
    marks = peaks + 0.5 * (before - after) / (before - 2 * at + after)  # parabola through three samples
    periods = np.diff(marks)
    return float(np.mean(np.abs(np.diff(periods))) / np.mean(periods))


@pytest.mark.parametrize("voice", [MAN, WOMAN], ids=["man", "woman"])
def test_neutral_speech_has_the_pitch_asked_for(voice: Voice) -> None:
    measured = np.median(pitch_hz(say("neutral", voice, 4.0)))
    assert abs(1200 * np.log2(measured / voice.f0_hz)) < 30


@pytest.mark.parametrize("f0_hz", [80.0, 123.4, 250.0, 400.0])
def test_a_steady_vowel_has_the_pitch_asked_for(f0_hz: float) -> None:
    measured = np.median(pitch_hz(steady(MAN, f0_hz=f0_hz)))
    assert abs(1200 * np.log2(measured / f0_hz)) < 15


@pytest.mark.parametrize("vowel", ["ɑ", "æ", "ɛ", "i"])
@pytest.mark.parametrize("voice", [MAN, WOMAN], ids=["man", "woman"])
def test_linear_prediction_finds_the_formants_of_the_vowel(voice: Voice, vowel: str) -> None:
    # A low pitch samples the resonances densely enough for linear prediction.
    waveform = steady(voice, vowel, f0_hz=90.0, aspiration_db=-60)
    polynomial = librosa.lpc(librosa.effects.preemphasis(waveform, coef=0.9), order=18)
    roots = [root for root in np.roots(polynomial) if root.imag > 0 and abs(root) > 0.9]
    found_hz = np.sort([np.angle(root) * RATE / (2 * np.pi) for root in roots])
    for target_hz in voice.formant_scale * np.array(VOWELS_HZ[vowel]):
        assert np.abs(found_hz - target_hz).min() < max(0.06 * target_hz, 40)


@pytest.mark.parametrize("jitter", [0.01, 0.02, 0.04])
def test_periods_differ_from_their_neighbours_by_the_jitter_asked_for(jitter: float) -> None:
    waveform = steady(MAN, "ɛ", jitter=jitter, shimmer=0, aspiration_db=-60)
    # The ringing of the period before moves the peaks a little.
    assert local_jitter(waveform, MAN.f0_hz) == pytest.approx(jitter, rel=0.3)


def test_more_breath_leaves_less_of_the_sound_harmonic() -> None:
    def peak_of_autocorrelation(aspiration_db: float) -> float:
        waveform = steady(MAN, aspiration_db=aspiration_db, jitter=0, shimmer=0)
        lag = round(RATE / MAN.f0_hz)
        return float(np.corrcoef(waveform[:-lag], waveform[lag:])[0, 1])

    peaks = [peak_of_autocorrelation(level) for level in (-40, -20, -10, 0)]
    assert all(harmonic > breathy for harmonic, breathy in pairwise(peaks))


def test_a_darker_source_has_less_energy_above_1_khz() -> None:
    bright, dark = (share_above_1_khz_db(steady(MAN, "ɛ", brightness_hz=hz)) for hz in (4000, 800))
    assert bright > dark + 3


@pytest.mark.parametrize("voice", [MAN, WOMAN], ids=["man", "woman"])
def test_measured_cues_follow_the_table(voice: Voice) -> None:
    def measure(emotion: str) -> dict[str, float]:
        long = np.concatenate([say(emotion, voice, 4.0, seed) for seed in range(3)])
        f0 = pitch_hz(long)
        # Pitch and vowels move energy too, so this cue is measured with both held.
        held = replace(express(emotion, voice), f0_hz=voice.f0_hz, vowels=("ɛ",))
        one_vowel = speak(voice, held, 2.0, np.random.default_rng(0))
        return {
            "rate": syllables_per_s(long),
            "intensity": active_level_db(long),
            "f0_level": float(np.median(f0)),
            "high_frequencies": share_above_1_khz_db(one_vowel),
            "f0_range": float(np.subtract(*np.quantile(12 * np.log2(f0), [0.9, 0.1]))),
        }

    measured = {emotion: measure(emotion) for emotion in EMOTIONS}
    for emotion, cues in CUES.items():
        for name, value in measured[emotion].items():
            direction = getattr(cues, name)
            if direction:
                assert np.sign(value - measured["neutral"][name]) == np.sign(direction), (emotion, name)
    assert measured["anger"]["intensity"] > measured["sadness"]["intensity"] + 6
    assert measured["anger"]["rate"] > 1.2 * measured["sadness"]["rate"]


def test_settings_follow_the_table_where_a_sound_cannot_be_measured_apart() -> None:
    neutral = express("neutral", MAN)
    for emotion, cues in CUES.items():
        said = express(emotion, MAN)
        assert np.sign(said.jitter - neutral.jitter) == np.sign(cues.irregularity), emotion
        assert np.sign(said.shimmer - neutral.shimmer) == np.sign(cues.irregularity), emotion
        assert np.sign(said.brightness_hz - neutral.brightness_hz) == np.sign(cues.high_frequencies), emotion
        assert np.sign(said.aspiration_db - neutral.aspiration_db) == np.sign(cues.breathiness), emotion
        assert np.sign(neutral.attack_s - said.attack_s) == np.sign(cues.onset_speed), emotion


def test_emotions_overlap_and_speakers_differ() -> None:
    rng = np.random.default_rng(0)
    level = {emotion: [express(emotion, MAN, rng).level_dbfs for _ in range(50)] for emotion in EMOTIONS}
    assert min(level["happiness"]) < max(level["neutral"]) < max(level["happiness"])
    assert min(level["anger"]) < max(level["happiness"])
    men, women = ([draw_voice(sex, rng) for _ in range(20)] for sex in ("male", "female"))
    assert max(man.f0_hz for man in men) < min(woman.f0_hz for woman in women)
    assert np.mean([man.formant_scale for man in men]) < np.mean([woman.formant_scale for woman in women]) - 0.1


@pytest.mark.parametrize("duration_s", [0.25, 0.5, 1.0, 3.3])
@pytest.mark.parametrize("emotion", ["anger", "disgust"])
def test_an_utterance_has_the_length_asked_for_and_is_finite(emotion: str, duration_s: float) -> None:
    waveform = say(emotion, MAN, duration_s)
    assert len(waveform) == round(duration_s * RATE)
    assert np.isfinite(waveform).all()
    assert active_level_db(waveform) > -40


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DemoSummary]:
    folder = tmp_path_factory.mktemp("demo")
    return folder, make_demo_corpus(folder, seed=7, size="small")


Row = dict[str, str]


def read_rows(folder: Path) -> list[Row]:
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def sounds(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*labeled/*") if "broken" not in path.name)


def test_the_summary_counts_what_lies_in_the_folder(corpus: tuple[Path, DemoSummary]) -> None:
    folder, summary = corpus
    rows = read_rows(folder)
    assert (summary.labelled_clips, summary.unlabelled_clips, summary.speakers) == (48, 24, 12)
    assert summary.labels == folder / "labels.csv"
    assert summary.files == sum(path.is_file() for path in folder.rglob("*"))
    assert len(rows) == summary.labelled_clips + 1
    assert len(sounds(folder)) == summary.labelled_clips + summary.unlabelled_clips
    seconds = sum(sf.info(path).duration for path in sounds(folder))
    assert seconds == pytest.approx(summary.duration_s, rel=0.02)  # mp3 pads


def test_labels_have_the_columns_of_the_contract(corpus: tuple[Path, DemoSummary]) -> None:
    folder, _ = corpus
    rows = read_rows(folder)
    assert list(rows[0]) == ["path", *EMOTIONS, "speaker", "split", "sex", "synthetic"]
    assert {row[emotion] for row in rows for emotion in EMOTIONS} == {"0.0", "1.0"}
    assert all((folder / row["path"]).is_file() for row in rows)
    assert {row["sex"] for row in rows} == {"female", "male"}


def test_every_split_holds_every_emotion_and_both_sexes(corpus: tuple[Path, DemoSummary]) -> None:
    rows = [row for row in read_rows(corpus[0]) if "broken" not in row["path"]]
    for split in ("train", "validation", "test"):
        here = [row for row in rows if row["split"] == split]
        assert all(any(row[emotion] == "1.0" for row in here) for emotion in EMOTIONS), split
        assert {row["sex"] for row in here} == {"female", "male"}, split


def test_speakers_are_disjoint_and_the_unlabelled_are_of_training(corpus: tuple[Path, DemoSummary]) -> None:
    folder, _ = corpus
    splits: dict[str, set[str]] = {}
    for row in read_rows(folder):
        splits.setdefault(row["speaker"], set()).add(row["split"])
    assert all(len(where) == 1 for where in splits.values())
    unlabelled = {path.name.split("_")[0] for path in sounds(folder) if path.parent.name == "unlabeled"}
    assert all(splits.get(name, {"train"}) == {"train"} for name in unlabelled)
    assert unlabelled - set(splits), "some voices are heard only without labels"


def test_clips_with_two_emotions_carry_both_labels_one_after_the_other(
    corpus: tuple[Path, DemoSummary],
) -> None:
    folder, _ = corpus
    present = {row["path"]: {emotion for emotion in EMOTIONS if row[emotion] == "1.0"} for row in read_rows(folder)}
    twofold = {path: emotions for path, emotions in present.items() if len(emotions) == 2}
    assert {len(emotions) for emotions in present.values()} == {1, 2}
    assert len(twofold) == 6
    changing = [path for path, said in twofold.items() if said & {"anger", "happiness"} and said & {"fear", "sadness"}]
    assert changing
    for path in changing:
        waveform, _ = sf.read(folder / path, always_2d=True)
        n = len(waveform)
        first_db, last_db = (
            10 * np.log10(np.mean(part**2)) for part in (waveform[: 2 * n // 5], waveform[-2 * n // 5 :])
        )
        assert abs(first_db - last_db) > 6, path


def test_formats_rates_channels_and_durations_are_those_promised(corpus: tuple[Path, DemoSummary]) -> None:
    folder, _ = corpus
    infos = [sf.info(path) for path in sounds(folder)]
    assert {info.subtype for info in infos} == {
        "PCM_16",
        "PCM_24",
        "FLOAT",
        "VORBIS",
        "OPUS",
        "MPEG_LAYER_III",
    }
    assert {path.suffix for path in sounds(folder)} == {".wav", ".flac", ".ogg", ".opus", ".mp3"}
    assert {info.samplerate for info in infos} == {8_000, 16_000, 22_050, 44_100, 48_000}
    assert {info.channels for info in infos} == {1, 2}
    assert sum(info.channels == 2 for info in infos) <= 8
    durations = np.array([info.duration for info in infos])
    assert durations.min() == pytest.approx(0.5, abs=0.1)
    assert durations.max() == pytest.approx(22, abs=0.1)
    assert np.mean(durations <= 4.1) > 0.9


def test_every_clip_decodes_to_sound_that_does_not_clip(corpus: tuple[Path, DemoSummary]) -> None:
    for path in sounds(corpus[0]):
        waveform, _ = sf.read(path, always_2d=True)
        level_db = 20 * np.log10(np.sqrt(np.mean(waveform**2)))
        assert -55 < level_db < -8, path
        assert np.isfinite(waveform).all(), path


def test_broken_files_cannot_be_decoded_and_one_is_listed(corpus: tuple[Path, DemoSummary]) -> None:
    folder, summary = corpus
    broken = sorted(folder.glob("*labeled/*broken*"))
    assert len(broken) == summary.broken_files
    for path in broken:
        try:
            samples, _ = sf.read(path)
        except sf.LibsndfileError:
            continue
        assert len(samples) == 0, path
    listed = [row["path"] for row in read_rows(folder) if "broken" in row["path"]]
    assert len(listed) == 1
    assert folder / listed[0] in broken


def test_a_second_run_with_the_same_seed_restores_the_same_corpus(
    corpus: tuple[Path, DemoSummary], tmp_path: Path
) -> None:
    folder, summary = corpus
    again = shutil.copytree(folder, tmp_path / "again")
    for path in sounds(again):
        path.write_bytes(b"damaged")
    assert replace(make_demo_corpus(again, seed=7, size="small"), labels=summary.labels) == summary
    for first in [*sounds(folder), folder / "labels.csv"]:
        second = again / first.relative_to(folder)
        if first.suffix in {".wav", ".flac", ".mp3", ".csv"}:
            assert first.read_bytes() == second.read_bytes(), first
        else:
            np.testing.assert_array_equal(sf.read(first)[0], sf.read(second)[0])


def test_another_seed_gives_another_corpus(corpus: tuple[Path, DemoSummary], tmp_path: Path) -> None:
    folder, _ = corpus
    make_demo_corpus(tmp_path, seed=8, size="small")
    assert (tmp_path / "labels.csv").read_bytes() != (folder / "labels.csv").read_bytes()
    assert {path.read_bytes() for path in sounds(tmp_path)}.isdisjoint(path.read_bytes() for path in sounds(folder))


def test_what_is_not_of_the_corpus_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "labeled").mkdir()
    (tmp_path / "labeled" / "mine.wav").write_bytes(b"")
    with pytest.raises(EmoclrError, match=r"mine\.wav"):
        make_demo_corpus(tmp_path, size="small")
    assert not (tmp_path / "labels.csv").exists()
    own = tmp_path / "own"
    own.mkdir()
    (own / "labels.csv").write_text("path\n")
    with pytest.raises(EmoclrError, match=r"labels\.csv"):
        make_demo_corpus(own, size="small")


def test_impossible_arguments_name_what_is_possible(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="full, small"):
        make_demo_corpus(tmp_path, size="huge")
    with pytest.raises(ConfigError, match="seed"):
        make_demo_corpus(tmp_path, seed=-1)
