import re

import librosa
import numpy as np
import pytest
import timm
import torch

from emoclr.configs.errors import ConfigError
from emoclr.configs.settings import SHIPPED, load_settings
from emoclr.pretrain.encoder.encoder import (
    Encoder,
    EncoderSettings,
    check_view_size,
    embed_together,
    make_backbone,
    mean_and_delta,
    pool,
)
from emoclr.pretrain.networks import timm_models
from emoclr.pretrain.networks.images import image_needs
from emoclr.pretrain.networks.stages import stage_maps
from emoclr.pretrain.settings import PretrainSettings


def waveforms(batch, samples=8_000):
    return 0.1 * torch.randn(batch, samples, generator=torch.Generator().manual_seed(0))


def test_pooling_is_the_mean_over_frequency_then_mean_and_max_over_time():
    maps = torch.randn(2, 5, 3, 7)
    by_hand = maps.numpy().mean(axis=2)
    expected = np.concatenate([by_hand.mean(axis=2), by_hand.max(axis=2)], axis=1)
    np.testing.assert_allclose(pool(maps).numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "test_convnext", "mobilenetv3_small_050"])
def test_an_embedding_has_two_numbers_for_every_channel_of_the_backbone(name):
    settings = EncoderSettings.model_validate({"backbone": name, "spectrogram": {"n_fft": 512, "bands": 64}})
    made = Encoder(settings).eval()
    channels = made.backbone(torch.zeros(1, 5, 64, 51)).shape[1]
    assert made.features == 2 * channels
    embedding = made(waveforms(2, 16_000))
    assert embedding.shape == (2, 2 * channels) and embedding.dtype == torch.float32


@pytest.mark.parametrize("samples", [400, 8_000, 40_000])
def test_clips_of_any_length_give_embeddings_of_one_size(encoder, samples):
    assert encoder.eval()(waveforms(1, samples)).shape == (1, encoder.features)


@pytest.mark.parametrize("added", [[], ["delta"], ["frequency"], ["delta", "frequency"], ["frequency", "delta"]])
def test_the_image_is_normalised_by_the_settings_and_has_the_channels_they_name(added):
    given = {"n_fft": 512, "bands": 32, "added_channels": added}
    normalisation = {"mean": (-5.0, 0.4, -3.0), "std": (3.0, 0.3, 3.0)}
    content = {"backbone": "test_resnet", "spectrogram": given, "normalisation": normalisation}
    encoder = Encoder(EncoderSettings.model_validate(content))
    image = encoder.spectrogram(waveforms(2)).numpy()
    mean, std = np.array([-5.0, 0.4, -3.0]), np.array([3.0, 0.3, 3.0])
    channels = list(np.moveaxis((image - mean[:, None, None]) / std[:, None, None], 1, 0))
    if "delta" in added:
        channels.append(5 * librosa.feature.delta(channels[0], width=5, mode="nearest"))
    if "frequency" in added:
        rows = np.arange(32.0)
        channels.append(np.broadcast_to((rows[:, None] - rows.mean()) / rows.std(), channels[0].shape))
    shown = encoder.images(encoder.spectrograms(waveforms(2)))
    np.testing.assert_allclose(shown.numpy(), np.stack(channels, axis=1), rtol=1e-4, atol=1e-5)
    assert encoder(waveforms(2)).shape == (2, encoder.features)


def test_a_channel_is_added_once():
    with pytest.raises(ConfigError, match=r"added_channels \[delta, delta\]: each of them once"):
        load_settings(PretrainSettings, SHIPPED / "simclr.yaml", ["spectrogram.added_channels=[delta,delta]"])


def test_what_a_mask_hides_is_the_mean_of_the_corpus(encoder):
    encoder.eval()
    everything = torch.tensor([[[0.0, 1.0]]]).expand(2, 1, 2)
    nothing_left = encoder(waveforms(2), everything)
    rows = torch.arange(32.0)
    high = ((rows - rows.mean()) / rows.std(correction=0)).view(1, 1, 32, 1).expand(2, 1, 32, 26)
    of_the_mean = pool(encoder.backbone(torch.cat([torch.zeros(2, 4, 32, 26), high], dim=1)))
    torch.testing.assert_close(nothing_left, of_the_mean, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(nothing_left, encoder(waveforms(2)))


def test_masks_are_time_masks_as_far_as_the_settings_say(encoder):
    encoder.backbone = torch.nn.Identity()
    half = torch.tensor([[[0.0, 0.5]]])
    as_time = encoder(waveforms(1), half)
    encoder.settings = encoder.settings.model_copy(update={"time_masks": 0})
    as_frequency = encoder(waveforms(1), half)
    means = encoder(waveforms(1))[0, :5]  # of mel, chroma, STFT, delta and frequency
    assert (as_frequency[0, :5] == means).tolist() == [False, True, False, False, True]
    assert (as_time[0, :5] == means).tolist() == [False, False, False, False, True]


def test_in_eval_mode_a_clip_gives_the_same_alone_and_among_others_and_changes_nothing(encoder):
    encoder.train()(waveforms(8))  # gives batch norm something to remember
    encoder.eval()
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    together = encoder(waveforms(8))
    for clip in range(8):
        torch.testing.assert_close(encoder(waveforms(8)[clip : clip + 1])[0], together[clip], rtol=1e-4, atol=1e-5)
    assert all(torch.equal(tensor, before[name]) for name, tensor in encoder.state_dict().items())


def test_in_bf16_the_spectrogram_stays_in_fp32_and_so_does_the_embedding(encoder):
    encoder.eval()
    images = []
    encoder.backbone.register_forward_pre_hook(lambda module, inputs: images.append(inputs[0]))
    exact = encoder(waveforms(2, 48_000))
    with torch.autocast("cpu", torch.bfloat16):
        rounded = encoder(waveforms(2, 48_000))
    assert torch.equal(images[0], images[1]) and images[1].dtype == torch.float32
    assert rounded.dtype == torch.float32
    assert not torch.equal(rounded, exact)
    assert torch.nn.functional.cosine_similarity(rounded, exact).min() > 0.99


def test_the_weights_are_all_that_is_stored(encoder):
    assert {name.partition(".")[0] for name in encoder.state_dict()} == {"backbone"}


@pytest.mark.parametrize(
    ("wrong", "near"), [("resnet10", "resnet10t"), ("mobilenet_v3_small_100", "mobilenetv3_small_100")]
)
def test_a_backbone_that_timm_does_not_know_is_told_with_near_names(wrong, near):
    with pytest.raises(ConfigError, match=f"backbone {wrong}: timm has no such model .perhaps .*'{near}'"):
        make_backbone(wrong)


def test_a_name_unlike_any_other_gets_no_guess():
    with pytest.raises(ConfigError, match=r"timm has no such model$"):
        make_backbone("zzzzzzzz")


# A transformer with tokens, one of a fixed size, and maps whose channels come last.
@pytest.mark.parametrize("name", ["test_vit", "test_vit_relpos", "test_mambaout"])
def test_what_gives_no_feature_maps_is_refused(name):
    with pytest.raises(ConfigError, match=f"backbone {name}: is no CNN that gives feature maps"):
        Encoder(EncoderSettings(backbone=name))


def test_weights_that_cannot_be_downloaded_are_told(monkeypatch):
    def no_network(*_, **options):
        assert options["pretrained"]
        raise ConnectionError("no network")

    monkeypatch.setattr(timm_models, "create_model", no_network)
    with pytest.raises(ConfigError, match=r"its ImageNet weights cannot be had .*no network.*pretrained: false"):
        make_backbone("test_resnet", pretrained=True)


@pytest.mark.parametrize("name", sorted(path.name for path in SHIPPED.glob("*.yaml") if "simclr" in path.name))
def test_the_backbones_of_shipped_configs_exist(name):
    settings = load_settings(PretrainSettings, name, ["data=recordings", "out=run"])
    assert len(settings.backbones) == 5
    assert all(timm.is_model(backbone) for backbone in settings.backbones)


@pytest.mark.parametrize(
    ("bands", "crop_s", "told"),
    [
        (32, 0.5, ["crop_s=0.5 (26 frames) is too small for it, 0.62 would do"]),
        (128, 0.5, ["crop_s=0.5 (26 frames) is too small for it, 0.62 would do"]),
        (16, 3.0, ["spectrogram.bands=16 is too small for it, 32 would do"]),
        (16, 0.1, ["spectrogram.bands=16 is too small for it, 32 would do", "crop_s=0.1 (6 frames) is too small"]),
    ],
)
def test_images_too_small_for_a_backbone_are_told_by_the_setting_and_what_would_do(bands, crop_s, told):
    def check(bands, crop_s):
        small = {"backbone": "test_convnext", "spectrogram": {"bands": bands}}
        check_view_size(Encoder(EncoderSettings.model_validate(small)), crop_s)

    with pytest.raises(ConfigError, match=re.escape(f"backbone test_convnext: {'; '.join(told)}")):
        check(bands, crop_s)
    check(max(bands, 32), max(crop_s, 0.62))


def test_trying_a_view_leaves_an_encoder_as_it_was(encoder):
    before = {name: tensor.clone() for name, tensor in encoder.train().state_dict().items()}
    check_view_size(encoder, 0.5)
    assert encoder.training and encoder.backbone.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in encoder.state_dict().items())


def test_mean_and_delta_are_those_of_numpy_and_a_single_frame_has_no_delta():
    maps = torch.randn(2, 5, 3, 7)
    by_hand = maps.numpy().mean(axis=2)
    expected = np.concatenate([by_hand.mean(axis=2), np.abs(np.diff(by_hand, axis=2)).mean(axis=2)], axis=1)
    np.testing.assert_allclose(mean_and_delta(maps).numpy(), expected, rtol=1e-5, atol=1e-6)
    assert not mean_and_delta(maps[..., :1])[:, 5:].any()


# The last maps are a stage's own, a stage's through a last convolution, two stages' through a norm, and ours.
@pytest.mark.parametrize("name", ["test_resnet", "mobilenetv3_small_050", "test_convnext", "framewise_cnn"])
def test_with_stages_an_embedding_holds_the_last_maps_and_those_of_the_two_stages_before(name):
    made = Encoder(EncoderSettings(backbone=name, readout="stages")).eval()
    images = torch.randn(2, 5, 64, 96)
    with torch.no_grad():
        *earlier, last = stage_maps(made.backbone, images)
        torch.testing.assert_close(last, made.backbone(images))
    assert [maps.shape[1] for maps in earlier] == image_needs(made.backbone, name, in_chans=5).stages
    assert [maps.shape[1] for maps in earlier] == [info["num_chs"] for info in made.backbone.feature_info[-3:-1]]
    clip = waveforms(2, 16_000)
    embedding = made(clip)
    assert embedding.shape == (2, made.features) == (2, 2 * sum(maps.shape[1] for maps in [*earlier, last]))
    channels = last.shape[1]
    of_last = torch.cat([embedding[:, -2 * channels : -channels], made.pooled(clip)[:, channels:]], dim=1)
    torch.testing.assert_close(of_last, made.pooled(clip), rtol=1e-4, atol=1e-5)


def test_a_backbone_without_stages_is_read_from_its_last_maps(monkeypatch):
    def without_stages(name, **options):
        network = timm.models.create_model(name, **options)
        network.forward_intermediates = None
        return network

    monkeypatch.setattr("emoclr.pretrain.networks.timm_models.create_model", without_stages)
    monkeypatch.setattr("emoclr.pretrain.networks.images.architecture_key", lambda *parts: None)  # it is no more timm's
    made = Encoder(EncoderSettings(backbone="test_resnet", readout="stages")).eval()
    with torch.no_grad():
        images = made.images(made.spectrograms(waveforms(2)))
        torch.testing.assert_close(made(waveforms(2)), mean_and_delta(made.backbone(images)))
    assert made.features == made.trained_features == 192


def test_the_readout_changes_nothing_of_what_is_trained():
    torch.manual_seed(0)
    last = Encoder(EncoderSettings(backbone="test_resnet"))
    torch.manual_seed(0)
    stages = Encoder(EncoderSettings(backbone="test_resnet", readout="stages"))
    torch.testing.assert_close(stages.pooled(waveforms(4)), last(waveforms(4)), rtol=0, atol=0)
    assert stages.trained_features == last.features and stages.features > last.features
    assert set(stages.state_dict()) == set(last.state_dict())


def test_cards_of_before_are_read_as_they_were_and_new_runs_from_stages():
    assert EncoderSettings.model_validate({"backbone": "resnet10t"}).readout == "last"
    assert load_settings(PretrainSettings, "simclr-small.yaml", ["data=recordings", "out=run"]).readout == "stages"


def test_encoders_together_give_what_each_gives_alone():
    torch.manual_seed(0)
    plain = {"backbone": "test_resnet", "spectrogram": {"n_fft": 512, "bands": 64}}
    others = [{"backbone": "framewise_cnn"}, {"normalisation": {"mean": (1, 2, 3)}}, {"spectrogram": {"bands": 80}}]
    made = [Encoder(EncoderSettings.model_validate(plain | other)).eval() for other in [{}, *others]]
    together = [(encoder, False) for encoder in made] + [(made[0], True)]
    with torch.no_grad():
        found = embed_together(together, waveforms(2))
        for encoder, each in zip(made, found, strict=False):
            assert torch.equal(each, encoder(waveforms(2)))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert torch.equal(found[-1], made[0](waveforms(2)))
    assert {each.dtype for each in found} == {torch.float32}
