"""What the settings of a fine-tuning refuse."""

from pathlib import Path

import pytest

from emoclr.configs.errors import ConfigError
from emoclr.configs.settings import load_settings
from emoclr.corpus.decoded.opener import opener
from emoclr.finetune.settings import FinetuneSettings
from emoclr.probe.settings import ProbeSettings


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("patience=0", "patience"),
        ("batch_size=1", "batch_size"),
        ("learning_rate=0", "learning_rate"),
        ("layer_decay=1.5", "layer_decay"),
        ("warmup=1", "warmup"),
        ("max_positive_weight=0.5", "max_positive_weight"),
        ("positive_share=0", "positive_share"),
        ("loss=hinge", "'bce', 'focal' or 'asymmetric'"),
        ("focal_gamma=-1", "focal_gamma"),
        ("asymmetric_gamma=-1", "asymmetric_gamma"),
        ("label_smoothing=1", "label_smoothing"),
        ("mix.p=1.5", "mix.p"),
        ("mix.max_below_db=-1", "max_below_db"),
        ("join.p=-0.1", "join.p"),
        ("averaging=swa", "'none' or 'ema'"),
        ("averaging_decay=1", "averaging_decay"),
        ("freeze=head", "'none' or 'backbone'"),
        ("devices=2", "devices"),
        ("backbones=[resnet10t,resnet10t]", "resnet10t"),
        ("augment.transforms=[{name: Reverse}]", "Reverse is refused"),
    ],
)
def test_what_cannot_be_is_refused_by_name(override: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load_settings(FinetuneSettings, "finetune.yaml", [override])


@pytest.mark.parametrize("asked", ["mix.p=0.1", "join.p=0.1", "averaging=ema"])
def test_what_a_frozen_backbone_would_ignore_is_refused(asked: str) -> None:
    with pytest.raises(ConfigError, match="freeze: backbone leaves out"):
        load_settings(FinetuneSettings, "finetune.yaml", ["freeze=backbone", asked])


def test_a_clip_is_mixed_or_joined_with_at_most_certainty() -> None:
    with pytest.raises(ConfigError, match=r"mix.p 0.6 and join.p 0.5 are more than 1 together"):
        load_settings(FinetuneSettings, "finetune.yaml", ["mix.p=0.6", "join.p=0.5"])


def test_the_seeds_of_a_run_are_those_of_all_its_networks() -> None:
    found = load_settings(FinetuneSettings, None, ["seed=4", "seeds=2", "compare_seeds=3"])
    assert list(found.network_seeds) == [4, 5, 6]
    assert list(load_settings(FinetuneSettings, None, ["seeds=2"]).network_seeds) == [0, 1]


def test_lists_are_written_with_or_without_brackets() -> None:
    written = ["backbones=resnet10t,regnety_002", "emotions=anger"]
    found = load_settings(FinetuneSettings, None, written)
    assert (found.backbones, found.emotions) == (["resnet10t", "regnety_002"], ["anger"])


def test_what_a_cache_may_hold_is_set_as_in_pretraining() -> None:
    given = ["cache=/tmp/kept", "cache_gb=0"]
    for model, name in ((FinetuneSettings, "finetune.yaml"), (ProbeSettings, "probe.yaml")):
        found = load_settings(model, name, given)
        assert (found.cache, found.cache_gb) == (Path("/tmp/kept"), 0)
        assert opener(found).keywords == {"cache_dir": Path("/tmp/kept"), "cache_gb": 0}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("window_s=2", "unknown key 'window_s' (perhaps 'crop_s'?)"),
        ("mix=0.5", "mix: is a group of keys, not 0.5 (perhaps 'mix.p=0.5'?): p, max_below_db"),
        ("fractions=abc", "a part of the labels is a number above 0 and at most 1, such as 0.1, not 'abc'"),
    ],
)
def test_what_was_probably_meant_is_told(override: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(FinetuneSettings, "finetune.yaml", [override])
    assert told in str(caught.value)
