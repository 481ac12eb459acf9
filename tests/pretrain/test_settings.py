from pathlib import Path

import pytest

from emoclr.configs.errors import ConfigError
from emoclr.configs.settings import load_settings, validate
from emoclr.pretrain.settings import PretrainSettings

NEEDED = {"data": "recordings,labels.csv", "out": "run", "backbones": "resnet10t"}


def settings(**more):
    return validate(PretrainSettings, {**NEEDED, **more}, "mine.yaml")


def test_lists_may_be_written_with_commas_or_as_one_word():
    made = settings(splits="train,test")
    assert [str(path) for path in made.data] == ["recordings", "labels.csv"]
    assert made.backbones == ["resnet10t"]
    assert list(made.splits) == ["train", "test"]


def test_test_speakers_stay_out_unless_asked_for():
    assert list(settings().splits) == ["train", "validation"]
    assert settings(splits=None).splits is None


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"batch_size": 30}, "batch_size 30 is no multiple of speakers_per_batch 8"),
        ({"backbones": "a,b,a"}, "a, b, a: each has one folder"),
        ({"backbones": []}, "backbones: "),
        ({"data": []}, "data: "),
        ({"objective": "simclr"}, "objective: .*'nt_xent'"),
        ({"temperature": 0}, "temperature: "),
        ({"splits": "dev"}, "splits"),
        ({"warmup": 1.0}, "warmup: "),
        ({"spectrogram": {"sample_rate": 8_000}}, "spectrogram: sample_rate 8000: all audio is decoded to 16000 Hz"),
        ({"temprature": 0.1}, r"unknown key 'temprature' \(perhaps 'temperature'\?\)"),
        ({"augment": {"transforms": [{"name": "PitchShift"}]}}, "PitchShift is refused: it moves the fundamental"),
    ],
)
def test_what_cannot_be_is_refused_with_its_key(wrong, told):
    with pytest.raises(ConfigError, match=rf"mine\.yaml: .*{told}"):
        settings(**wrong)


@pytest.mark.parametrize(
    ("optimizer", "rate", "decay"), [("adamw", 1e-3, 0.05), ("sgd", 0.03, 1e-4), ("lars", 0.3, 1e-6)]
)
def test_each_optimizer_has_a_learning_rate_and_a_weight_decay_of_its_own(optimizer, rate, decay):
    for absent in ({}, {"learning_rate": None, "weight_decay": None}):
        made = settings(optimizer=optimizer, **absent)
        assert (made.learning_rate, made.weight_decay) == (rate, decay)
    made = settings(optimizer=optimizer, learning_rate=0.5, weight_decay=0)
    assert (made.learning_rate, made.weight_decay) == (0.5, 0)
    shipped = load_settings(PretrainSettings, "simclr.yaml", ["data=x", "out=y", f"optimizer={optimizer}"])
    assert (shipped.learning_rate, shipped.weight_decay) == (rate, decay)


def test_without_speaker_negatives_a_batch_may_have_any_size():
    assert settings(batch_size=30, negatives="any").batch_size == 30


def test_folders_that_look_like_dates_and_numbers_are_folders():
    loaded = load_settings(
        PretrainSettings, None, ["data=1e3,001,2025-11-28", "out=on", "backbones=resnet10t", "cache=007", "monitor=1"]
    )
    assert loaded.data == [Path("1e3"), Path("001"), Path("2025-11-28")]
    assert (loaded.out, loaded.cache, loaded.monitor) == (Path("on"), Path("007"), Path("1"))
