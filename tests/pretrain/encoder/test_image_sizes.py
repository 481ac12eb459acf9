"""Networks that take images of some sizes only get their images filled up with silence, and simply work."""

import librosa
import numpy as np
import pytest
import torch

from emoclr.configs.errors import ConfigError
from emoclr.pretrain.encoder.encoder import (
    Encoder,
    EncoderSettings,
    Normalisation,
    check_view_size,
    make_backbone,
    pool,
)
from emoclr.pretrain.networks import images as images_module
from emoclr.pretrain.networks.images import fill_image, image_needs

MULTIPLES = {
    "resnet10t": 1,
    "ese_vovnet19b_slim": 1,
    "repvgg_a0": 1,
    "regnetx_002": 1,
    "seresnet18": 1,
    "densenet121": 1,
    "mobilenetv3_small_050": 1,
    "convnextv2_atto": 1,
    "edgenext_xx_small": 1,
    "vgg11": 1,
    "dla46x_c": 32,
    "hrnet_w18_small": 32,
    "csatv2": 32,
    "inception_v3": 32,
    "lambda_resnet26t": 32,
}


@pytest.mark.parametrize("name", MULTIPLES)
def test_families_give_maps_of_an_image_of_odd_size(name):
    with torch.device("meta"):  # shapes without memory
        backbone = make_backbone(name).eval()
        channels, multiple, stages = image_needs(backbone, name)
        images = fill_image(torch.zeros(2, 3, 90, 101), torch.zeros(1, 3, 1, 1), multiple)
        maps = backbone(images)
    assert multiple == MULTIPLES[name]
    assert maps.shape[:2] == (2, channels) and maps.dim() == 4
    if stages:
        assert stages == [each["num_chs"] for each in backbone.feature_info[-3:-1]]


def test_the_image_is_filled_with_what_a_silent_recording_looks_like():
    normalisation = Normalisation(mean=(-5.0, 0.4, -3.0), std=(3.0, 0.3, 3.0))
    sizes = {"bands": 40, "n_fft": 512}
    settings = {"backbone": "dla34", "normalisation": normalisation, "spectrogram": sizes}
    encoder = Encoder(EncoderSettings.model_validate(settings)).eval()
    check_view_size(encoder, 0.5)
    sound = 0.1 * torch.randn(1, 8_000, generator=torch.Generator().manual_seed(0))
    mean, std = (np.array(numbers)[:, None, None] for numbers in (normalisation.mean, normalisation.std))
    filled = (encoder.spectrogram(torch.zeros(1, 10_080))[0].numpy() - mean) / std  # (3, 40, 32)
    filled = np.concatenate([filled, filled[:, :24]], axis=1)  # (3, 64, 32)
    filled[:, :40, :26] = (encoder.spectrogram(sound)[0].numpy() - mean) / std
    changes = np.zeros((1, 64, 32))
    changes[0, :40, :26] = 5 * librosa.feature.delta(filled[0, :40, :26], width=5, mode="nearest")
    height = np.broadcast_to((np.arange(64.0)[:, None] - 19.5) / np.arange(40).std(), (1, 64, 32))
    filled = np.concatenate([filled, changes, height])  # (5, 64, 32)
    with torch.no_grad():
        expected = pool(encoder.backbone(torch.from_numpy(filled).float()[None]))
        torch.testing.assert_close(encoder(sound), expected, rtol=0, atol=1e-3 * float(expected.abs().max()))


def test_what_a_network_needs_is_seen_once(monkeypatch, tmp_path):
    images_module._KEPT.forget()
    monkeypatch.setenv("EMOCLR_CACHE", str(tmp_path))
    with torch.device("meta"):
        backbone = make_backbone("dla34")
        seen = image_needs(backbone, "dla34")
        backbone.forward = lambda images: pytest.fail("nothing is to be sent through")
        assert image_needs(backbone, "dla34") == seen == (512, 32, [128, 256])


def test_an_image_that_fits_stays_as_it_is():
    images = torch.randn(1, 3, 96, 128)
    assert fill_image(images, torch.ones(1, 3, 1, 1), 32) is images


def test_the_classifier_of_vgg_is_not_there():
    with torch.device("meta"):
        backbone = make_backbone("vgg11")
        assert image_needs(backbone, "vgg11")[0] == 512
    assert sum(weights.numel() for weights in backbone.parameters()) == 9_220_480  # its convolutions


@pytest.mark.parametrize("name", ["botnet26t_256", "halonet26t", "deit3_small_patch16_224"])
def test_what_takes_one_size_only_is_refused_with_the_reason(name):
    with torch.device("meta"), pytest.raises(ConfigError, match=r"of images of any size: \w+"):
        image_needs(make_backbone(name), name)
