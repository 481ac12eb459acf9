import random

import numpy as np
import pytest
import soundfile as sf
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emoclr.augment.safety import safe_names
from emoclr.augment.settings import TransformSettings, load_view_settings
from emoclr.augment.waveform import WaveformAugmentation, check_transforms, generators_restored
from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.configs.settings import SHIPPED

RATE = 16_000
F0S_HZ = (90, 145, 230, 315, 400)
NEED_FILES = {"AddBackgroundNoise", "AddShortNoises", "ApplyImpulseResponse"}
SHIPPED_TRANSFORMS = [
    pytest.param({**transform.model_dump(), "p": 1}, id=f"{path.stem}-{transform.name}")
    for path in sorted(SHIPPED.glob("simclr*.yaml"))
    for transform in load_view_settings(str(path), []).augment.transforms
]
SAFE_TRANSFORMS = [pytest.param({"name": name, "p": 1}, id=name) for name in sorted(safe_names() - NEED_FILES)]


def chain(*transforms):
    return WaveformAugmentation([TransformSettings.model_validate(transform) for transform in transforms], RATE)


def seeds(*numbers):
    return np.random.SeedSequence(numbers)


@pytest.fixture(scope="session")
def sounds(tmp_path_factory):
    """A folder with a noise, and one with the response of a room."""
    folder = tmp_path_factory.mktemp("sounds")
    rng = np.random.default_rng(0)
    for name, sound in {
        "noises": 0.1 * rng.standard_normal(RATE),
        "rooms": np.concatenate([[0.9], 0.05 * rng.standard_normal(3_000) * np.exp(-np.arange(3_000) / 500)]),
    }.items():
        (folder / name).mkdir()
        sf.write(folder / name / "one.wav", sound, RATE)
    return folder


def test_the_measure_of_the_fundamental_knows_what_was_made(voice, cents_from):
    for f0_hz in F0S_HZ:
        assert abs(cents_from(voice(f0_hz), f0_hz)) < 3
        assert cents_from(voice(f0_hz * 2 ** (25 / 1200)), f0_hz) == pytest.approx(25, abs=3)
        assert cents_from(voice(f0_hz * 2 ** (-300 / 1200)), f0_hz) == pytest.approx(-300, abs=3)


def test_the_measure_catches_a_transform_that_is_not_safe(voice, cents_from):
    shift = chain({"name": "PitchShift", "p": 1, "min_semitones": 1, "max_semitones": 1})
    assert cents_from(shift(voice(145), seeds(0)), 145) == pytest.approx(100, abs=15)


@pytest.mark.parametrize("transform", SHIPPED_TRANSFORMS + SAFE_TRANSFORMS)
def test_no_safe_transform_moves_the_fundamental_or_changes_the_length(voice, cents_from, transform):
    augmentation = chain(transform)
    changed = 0
    for f0_hz in F0S_HZ:
        clean = voice(f0_hz)
        for draw in range(3):
            augmented = augmentation(clean, seeds(f0_hz, draw))
            assert augmented.shape == clean.shape and augmented.dtype == np.float32
            assert np.isfinite(augmented).all()
            assert abs(cents_from(augmented, f0_hz)) < 20, (f0_hz, draw)
            changed += not np.array_equal(augmented, clean)
    assert changed > 10


@pytest.mark.parametrize(
    ("name", "folder", "parameters"),
    [
        ("AddBackgroundNoise", "noises", {"sounds_path": "noises", "min_snr_db": 5}),
        ("AddShortNoises", "noises", {"sounds_path": "noises", "min_snr_db": 5}),
        ("ApplyImpulseResponse", "rooms", {"ir_path": "rooms"}),
        ("ApplyImpulseResponse", "rooms", {"ir_path": "rooms", "leave_length_unchanged": False}),
    ],
)
def test_nor_does_one_that_brings_in_other_recordings(voice, cents_from, sounds, name, folder, parameters):
    paths = {key: str(sounds / value) if value == folder else value for key, value in parameters.items()}
    augmentation = chain({"name": name, "p": 1, **paths})
    for f0_hz in F0S_HZ:
        augmented = augmentation(voice(f0_hz), seeds(f0_hz))
        assert augmented.shape == voice(f0_hz).shape
        assert abs(cents_from(augmented, f0_hz)) < 20


@pytest.mark.parametrize(
    "transform",
    [
        {"name": "TimeStretch", "leave_length_unchanged": False, "min_rate": 1.2, "max_rate": 1.25},
        {"name": "Trim", "top_db": 20},
        {"name": "AdjustDuration", "duration_seconds": 3.0},
        {"name": "Reverse"},
    ],
)
def test_even_an_unsafe_transform_leaves_a_view_its_length(voice, transform):
    waveform = voice(145)
    augmented = chain({**transform, "p": 1})(waveform, seeds(0))
    assert augmented.shape == waveform.shape
    torch.from_numpy(augmented)  # which takes no view of the samples backwards


@pytest.mark.parametrize("transform", SHIPPED_TRANSFORMS + SAFE_TRANSFORMS)
def test_digital_silence_stays_finite(transform):
    augmented = chain(transform)(np.zeros(8_000, np.float32), seeds(0))
    assert augmented.shape == (8_000,) and np.isfinite(augmented).all()


EVERYTHING = chain(*[{**parameter.values[0], "p": 0.5} for parameter in SHIPPED_TRANSFORMS])


@settings(deadline=None, max_examples=25)
@given(first=st.integers(0, 2**32), second=st.integers(0, 2**32), disturbance=st.integers(0, 2**32 - 1))
def test_the_seeds_decide_everything_and_nothing_else_does(voice, first, second, disturbance):
    waveform = voice(145, 0.2)
    once = EVERYTHING(waveform, seeds(first))
    EVERYTHING(waveform, seeds(second))
    random.seed(disturbance)
    np.random.seed(disturbance)
    torch.manual_seed(disturbance)
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    again = EVERYTHING(waveform, seeds(first))
    assert again.tobytes() == once.tobytes()
    after = random.getstate(), np.random.get_state(), torch.get_rng_state()
    assert states[0] == after[0]
    assert states[1][0] == after[1][0] and states[1][2:] == after[1][2:]
    np.testing.assert_array_equal(states[1][1], after[1][1])
    assert torch.equal(states[2], after[2])


def test_the_global_generators_are_put_back_even_after_an_error():
    random.seed(1)
    np.random.seed(1)
    python, numpy = random.getstate(), np.random.get_state()
    with pytest.raises(Exception, match="multichannel"):
        chain({"name": "RoomResponse", "p": 1})(np.zeros((2, 800), np.float32), seeds(0))
    assert random.getstate() == python
    np.testing.assert_array_equal(np.random.get_state()[1], numpy[1])


def test_around_several_the_global_generators_are_put_back_at_the_end_and_the_next_time_again():
    for _ in range(2):
        random.seed(1)
        np.random.seed(1)
        expected = random.random(), np.random.random()
        random.seed(1)
        np.random.seed(1)
        with pytest.raises(RuntimeError), generators_restored():
            for number in range(2):
                EVERYTHING(np.ones(800, np.float32), seeds(number))
            raise RuntimeError
        assert (random.random(), np.random.random()) == expected


def test_the_input_is_left_as_it_is(voice):
    waveform = voice(145, 0.2)
    before = waveform.copy()
    for draw in range(5):
        EVERYTHING(waveform, seeds(draw))
    np.testing.assert_array_equal(waveform, before)


def test_no_transforms_no_change(voice):
    np.testing.assert_array_equal(chain()(voice(145), seeds(0)), voice(145))


@pytest.mark.parametrize(
    ("transform", "told"),
    [
        (
            {"name": "Gain", "min_gain": -3},
            r": unknown key 'min_gain' \(perhaps 'min_gain_db'\?\); known are min_gain_db",
        ),
        (
            {"name": "AddGaussianSNR", "min_snr_db": 30, "max_snr_db": 5},
            " does not take {min_snr_db: 30, max_snr_db: 5}: ",
        ),
        ({"name": "HighShelfFilter", "min_center_freq": "low"}, " does not take {min_center_freq: low}"),
        ({"name": "AddBackgroundNoise"}, " does not take {}: .*sounds_path"),
        ({"name": "AddBackgroundNoise", "sounds_path": "/nowhere"}, ": sounds_path: /nowhere: no such file or folder"),
        ({"name": "RoomResponse", "min_rt60_s": 2, "max_rt60_s": 1}, " does not take {.*}: min_rt60_s"),
        ({"name": "RoomResponse", "min_rt60_s": 1e-5, "max_rt60_s": 1e-5}, " does not take {.*}: .* at least 0.001"),
    ],
)
def test_parameters_that_a_transform_does_not_take_are_told(transform, told):
    with pytest.raises(ConfigError, match=rf"augment\.transforms: {transform['name']}{told}"):
        chain(transform)


def test_a_transform_that_is_none_is_told():
    with pytest.raises(ConfigError, match=r"augment\.transforms: audiomentations has no VerticalFlip"):
        chain({"name": "VerticalFlip"})


@pytest.mark.parametrize("name", ["Equalizer", "LowShelfFilter", "HighShelfFilter", "PeakingFilter"])
def test_what_a_filter_rings_on_with_in_silence_ends_in_zeros(name, voice):
    """Numbers too small for a processor to be quick at cost forty times the filter itself."""
    sound = np.concatenate([voice(145), np.zeros(5 * RATE, np.float32)])
    filtered = chain({"name": name, "p": 1})(sound, seeds(0))
    smallest = np.finfo(np.float32).tiny
    assert not np.any((filtered != 0) & (np.abs(filtered) < smallest))
    assert not filtered[-RATE:].any()
    assert filtered[:RATE].std() > 0.02


def test_the_process_computes_with_small_numbers_as_before():
    chain({"name": "Equalizer", "p": 1})(np.ones(RATE, np.float32), seeds(0))
    assert np.float64(5e-324) * np.float64(1.0) != 0


def test_files_to_draw_from_come_in_the_order_of_their_names(tmp_path):
    names = [f"{folder}/{file}.wav" for folder in "hbgaecfd" for file in "ba"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    made = TransformSettings.model_validate({"name": "AddBackgroundNoise", "sounds_path": str(tmp_path)})
    (transform,) = WaveformAugmentation([made], RATE).transforms
    assert transform.sound_file_paths == [str(tmp_path / name) for name in sorted(names)]


def test_a_folder_without_audio_is_named(tmp_path):
    made = TransformSettings.model_validate({"name": "ApplyImpulseResponse", "ir_path": str(tmp_path)})
    with pytest.raises(ConfigError, match=r"ApplyImpulseResponse: ir_path: .* holds no audio files"):
        WaveformAugmentation([made], RATE)


@pytest.mark.parametrize(
    ("transform", "told"),
    [
        ({"name": "PeakingFilter", "max_center_freq": 12_000}, "max_center_freq: 12000 Hz is not below"),
        ({"name": "LowPassFilter", "min_cutoff_freq": 8_000, "max_cutoff_freq": 8_000}, "min_cutoff_freq: 8000 Hz"),
        (
            {"name": "Equalizer", "max_high_hz": 9_000},
            "max_high_hz: 9000 Hz is not below half of the sample rate, 8000",
        ),
        (
            {"name": "Gain", "min_gain_db": 700, "max_gain_db": 900},
            r"gives values that are no numbers, with {amplitude_ratio: .*2\d of 32",
        ),
        ({"name": "Gain", "min_gain_db": -9_000, "max_gain_db": -8_000}, "gives silence"),
    ],
)
def test_what_gives_no_views_is_refused_with_its_parameters(transform, told):
    with pytest.raises(ConfigError, match=rf"^augment\.transforms: {transform['name']}: {told}"):
        check_transforms([TransformSettings.model_validate({**transform, "p": 0.1})], RATE, RATE)


def test_safe_transforms_pass_the_trial_on_views_of_any_length():
    trial = [TransformSettings(name=name) for name in safe_names() - NEED_FILES - {"AirAbsorption"}]
    for samples in (RATE // 20, RATE):
        check_transforms(trial, RATE, samples)


def test_values_that_are_no_numbers_are_told_when_they_come_with_what_was_drawn():
    """Above half of the sample rate audiomentations' filter is unstable."""
    drawn = {"min_center_freq": 11_000, "max_center_freq": 12_000, "min_gain_db": -24, "max_gain_db": -20}
    settings = [{"name": "Gain", "p": 1}, {"name": "PeakingFilter", "p": 1, **drawn}]
    augmentation = WaveformAugmentation([TransformSettings.model_validate(each) for each in settings], 2 * RATE)
    augmentation.sample_rate = RATE
    noise = np.random.default_rng(0).normal(0, 0.1, 5 * RATE).astype(np.float32)
    told = r"^augment\.transforms: PeakingFilter: gives values that are no numbers, with "
    told += r"\{center_freq: 11\d{3}.*, q_factor: .*\}$"
    with pytest.raises(EmoclrError, match=told):
        augmentation(noise, seeds(0))
