"""What the settings of a fine-tuning refuse."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from emoclr.configs.errors import ConfigError
from emoclr.configs.settings import load_settings
from emoclr.corpus.decoded.cache_settings import opener
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.training.resume import RunCard
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
        ("loss=hinge", "'bce' or 'focal'"),
        ("freeze=head", "'none', 'backbone' or 'all'"),
        ("devices=2", "devices"),
        ("backbones=[resnet10t,resnet10t]", "resnet10t"),
        ("augment.transforms=[{name: Reverse}]", "Reverse is refused"),
    ],
)
def test_what_cannot_be_is_refused_by_name(override: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load_settings(FinetuneSettings, "finetune.yaml", [override])


NEUTRAL: dict[str, Any] = {
    "mix": {"p": 0.0, "max_below_db": 6.0},
    "join": {"p": 0.0},
    "label_smoothing": 0.0,
    "averaging": "none",
    "averaging_decay": 0.99,
    "focal_gamma": 2.0,
    "asymmetric_gamma": 4.0,
}


def test_removed_settings_at_their_defaults_still_load(tmp_path: Path) -> None:
    written = {**NEUTRAL, "epochs": 3}
    (tmp_path / "finetune.yaml").write_text(yaml.safe_dump(written))
    found = load_settings(FinetuneSettings, str(tmp_path / "finetune.yaml"), [])
    assert found == FinetuneSettings(epochs=3)
    card = {"settings": written, "corpus_fingerprint": "a", "labels_sha256": "b", "sources": {}}
    assert RunCard.model_validate(card).settings == found
    assert written == {**NEUTRAL, "epochs": 3}


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("mix.p=0.1", "0.010"),
        ("mix=0.1", "0.010"),
        ("join.p=0.1", "0.010"),
        ("label_smoothing=0.1", "no difference"),
        ("averaging=ema", "no difference"),
        ("averaging_decay=0.9", "no difference"),
        ("focal_gamma=1", "no difference"),
        ("asymmetric_gamma=2", "no difference"),
        ("loss=asymmetric", "no difference"),
    ],
)
def test_removed_settings_of_other_values_are_refused_with_what_they_were_worth(asked: str, shown: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(FinetuneSettings, "finetune.yaml", [asked])
    name = asked.partition("=")[0]
    assert all(part in str(caught.value) for part in (name, "removed", shown, "ablations"))


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
        assert opener(found).keywords == {"cache_dir": Path("/tmp/kept"), "cache_gb": 0, "channels": "auto"}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("window_s=2", "unknown key 'window_s' (perhaps 'crop_s'?)"),
        ("augment=0.5", "augment: is a group of keys, not 0.5 (perhaps 'augment.positives=0.5'?): positives, short"),
        ("fractions=abc", "a part of the labels is a number above 0 and at most 1, such as 0.1, not 'abc'"),
    ],
)
def test_what_was_probably_meant_is_told(override: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(FinetuneSettings, "finetune.yaml", [override])
    assert told in str(caught.value)
