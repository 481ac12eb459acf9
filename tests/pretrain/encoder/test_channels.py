import pytest

from emoclr.configs.errors import ConfigError
from emoclr.finetune.settings import FinetuneSettings
from emoclr.pretrain.encoder.channels import with_channels
from emoclr.pretrain.encoder.checkpoint import EncoderCard
from emoclr.probe.settings import ProbeSettings


def card(channels):
    rest = {"crop_s": 2.0, "weights_sha256": "", "corpus_fingerprint": "", "step": 1, "steps": 1}
    return EncoderCard(encoder={"backbone": "test_resnet"}, channels=channels, **rest)


@pytest.mark.parametrize("settings", [ProbeSettings, FinetuneSettings])
def test_what_is_heard_is_what_was_asked_for_or_what_encoders_were_trained_on(settings):
    assert with_channels(settings(), [card(2), card(2)]).channels == 2
    assert with_channels(settings(channels="loudest"), [card(2), card("mean")]).channels == "loudest"
    with pytest.raises(ConfigError, match=r"channels: .*\(2, mean\)"):
        with_channels(settings(), [card(2), card("mean")])


def test_a_card_of_before_is_of_channels_that_were_chosen_by_what_they_hold():
    given = card("mean").model_dump()
    del given["channels"]
    assert with_channels(ProbeSettings(), [EncoderCard.model_validate(given)]).channels == "auto"
