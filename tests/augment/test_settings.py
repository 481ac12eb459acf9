import audiomentations
import pytest
from audiomentations.core.transforms_interface import BaseWaveformTransform

from emoclr.augment.safety import SAFE_OF_AUDIOMENTATIONS, UNSAFE, refusal, safe_names
from emoclr.augment.settings import (
    AugmentSettings,
    SpectrogramSettings,
    TransformSettings,
    ViewSettings,
    load_view_settings,
)
from emoclr.augment.transforms import own_names, own_transform
from emoclr.configs.errors import ConfigError
from emoclr.configs.settings import validate


def refused(model, content):
    with pytest.raises(ConfigError) as caught:
        validate(model, content, "mine.yaml")
    return str(caught.value)


def test_a_number_that_yaml_takes_for_a_word_is_a_number():
    made = TransformSettings.model_validate({"name": "Gain", "min_gain_db": "-1e1", "max_gain_db": 3, "of": "1e1x"})
    assert made.parameters == {"min_gain_db": -10.0, "max_gain_db": 3, "of": "1e1x"}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"hop_length": 1_025}, "hop_length 1025 leaves gaps between frames of n_fft 1024"),
        ({"bands": 257}, "bands 257 is more than n_fft / 4"),
        ({"n_fft": 1_023}, "n_fft: "),
        ({"sample_rate": 0}, "sample_rate: "),
        ({"log_offset": 0}, "log_offset: "),
    ],
)
def test_a_spectrogram_that_cannot_be_is_refused(content, told):
    assert told in refused(SpectrogramSettings, content)


@pytest.mark.parametrize("name", sorted(UNSAFE))
def test_an_unsafe_transform_is_refused_with_the_reason(name):
    message = refused(AugmentSettings, {"transforms": [{"name": "Gain"}, {"name": name}]})
    assert f"{name} is refused: {UNSAFE[name]}" in message
    assert "allow_unsafe: true" in message
    assert len(UNSAFE[name]) > 30


@pytest.mark.parametrize("name", ["PitchShift", "TimeStretch", "VerticalFlip"])
def test_an_unsafe_transform_that_is_allowed_is_listed_with_its_reason(name):
    content = {"transforms": [{"name": "Gain"}, {"name": name}], "allow_unsafe": True}
    assert validate(AugmentSettings, content, "mine.yaml").unsafe == [f"{name}: {UNSAFE[name]}"]


@pytest.mark.parametrize("name", sorted(safe_names()))
def test_a_safe_transform_is_taken_without_a_word(name):
    assert AugmentSettings.model_validate({"transforms": [{"name": name}]}).unsafe == []
    assert issubclass(own_transform(name) or getattr(audiomentations, name), BaseWaveformTransform)


def test_every_transform_there_is_was_judged_or_is_refused():
    classes = {name: kind for name, kind in vars(audiomentations).items() if isinstance(kind, type)}
    waveform_transforms = {name for name, kind in classes.items() if issubclass(kind, BaseWaveformTransform)}
    assert len(waveform_transforms) > 30
    assert {name for name in waveform_transforms if refusal(name) is None} == SAFE_OF_AUDIOMENTATIONS
    assert not safe_names() & set(UNSAFE)
    assert not own_names() & SAFE_OF_AUDIOMENTATIONS


def test_a_slip_of_the_pen_is_refused_with_the_name_that_was_meant():
    message = refused(AugmentSettings, {"transforms": [{"name": "AddColourNoise"}]})
    assert "(perhaps 'AddColorNoise'?)" in message


@pytest.mark.parametrize(
    "content",
    [{"positives": "anywhere"}, {"nearby_s": -1}, {"transforms": [{"name": "Gain", "p": 1.5}]}, {"transforms": [{}]}],
)
def test_impossible_views_are_refused(content):
    assert refused(AugmentSettings, content).startswith("mine.yaml: ")


def test_views_are_read_from_a_pretraining_config_whose_other_keys_are_left_alone(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("crop_s: 1.5\nepochs: many\naugment: {nearby_s: 2}\n")
    assert load_view_settings(str(path), ["augment.nearby_s=3"]) == ViewSettings(
        crop_s=1.5, augment=AugmentSettings(nearby_s=3)
    )


def test_but_an_override_of_a_key_that_views_do_not_have_is_refused(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("crop_s: 1.5\n")
    with pytest.raises(ConfigError, match=r"unknown key 'crop' \(perhaps 'crop_s'\?\)"):
        load_view_settings(str(path), ["crop=3"])
    with pytest.raises(ConfigError, match=r"unknown key 'augment\.nearby' \(perhaps 'nearby_s'\?\)"):
        load_view_settings(str(path), ["augment.nearby=3"])
