"""What the settings of a fine-tuning refuse."""

import pytest

from configs.errors import ConfigError
from configs.settings import load_settings
from finetune.settings import FinetuneSettings


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
        ("freeze=head", "'none' or 'backbone'"),
        ("devices=2", "devices"),
        ("backbones=[resnet10t,resnet10t]", "resnet10t"),
        ("augment.transforms=[{name: Reverse}]", "Reverse is refused"),
    ],
)
def test_what_cannot_be_is_refused_by_name(override: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load_settings(FinetuneSettings, "finetune.yaml", [override])


def test_lists_are_written_with_or_without_brackets() -> None:
    written = ["backbones=resnet10t,regnety_002", "emotions=anger"]
    found = load_settings(FinetuneSettings, None, written)
    assert (found.backbones, found.emotions) == (["resnet10t", "regnety_002"], ["anger"])
