import pytest
import timm
import torch
from timm.optim import param_groups_layer_decay
from torch.nn import functional as F

from emoclr.configs.errors import ConfigError
from emoclr.pretrain.encoder.checkpoint import load_encoder, save_encoder
from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings, make_backbone
from emoclr.pretrain.networks.framewise_cnn import FramewiseCNN


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    made = make_backbone("framewise_cnn")
    made.train()(torch.randn(8, 3, 64, 32))  # gives batch norm something to remember
    return made.eval()


def test_its_maps_are_those_of_the_paper_s_operations_one_by_one(network):
    images = torch.randn(2, 3, 64, 38)
    weights = network.state_dict()
    maps = images
    for block in ("blocks.0.0", "blocks.1.0"):
        maps = F.conv2d(maps, weights[f"{block}.conv.weight"], padding=1)
        norm = [weights[f"{block}.bn.{name}"] for name in ("running_mean", "running_var", "weight", "bias")]
        maps = F.max_pool2d(F.batch_norm(maps, *norm).relu(), 2)
    assert maps.shape == (2, 64, 16, 9)
    for frame in range(9):
        local = maps[..., frame].transpose(1, 2).reshape(2, 16 * 64)  # rows of frequency, channels within
        one = F.linear(local, weights["mlp.0.weight"], weights["mlp.0.bias"]).relu()
        two = F.linear(one, weights["mlp.3.weight"], weights["mlp.3.bias"]).relu()
        found = network(images)[:, :, 0, frame]
        torch.testing.assert_close(found, torch.cat([local, two], dim=1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("bands", "frames"), [(96, 101), (128, 251), (40, 64), (64, 4)])
def test_spectrograms_of_any_size_give_maps_of_one_row_and_a_quarter_of_the_frames(network, bands, frames):
    with torch.no_grad():
        assert network(torch.zeros(1, 3, bands, frames)).shape == (1, network.num_features, 1, frames // 4)


def test_it_hears_how_high_a_band_lies_where_pooling_over_frequency_does_not(network):
    low, high = torch.zeros(2, 1, 3, 64, 32).unbind()
    low[:, :, 16:24] = 1.0
    high[:, :, 32:40] = 1.0  # moved by a multiple of all strides: the same maps, moved
    blocks = network.blocks(low).mean(dim=2), network.blocks(high).mean(dim=2)
    torch.testing.assert_close(*blocks, rtol=1e-4, atol=1e-4)
    embedded = [network(image).mean(dim=3) for image in (low, high)]
    assert not torch.allclose(*embedded, rtol=0.1, atol=0.1)


def test_its_intermediate_maps_are_as_timm_tells_them(network):
    images = torch.randn(1, 3, 64, 64)
    last, maps = network.forward_intermediates(images)
    assert torch.equal(last, network.forward_features(images)) and torch.equal(last, maps[-1])
    for info, one in zip(network.feature_info, maps, strict=True):
        assert one.shape[1] == info["num_chs"] and one.shape[3] == 64 / info["reduction"]
    for indices, places in ((2, [1, 2]), ([0, -1], [0, 2])):
        taken = network.forward_intermediates(images, indices, intermediates_only=True)
        assert all(torch.equal(one, maps[place]) for one, place in zip(taken, places, strict=True))


def test_timm_makes_it_with_and_without_classes_but_has_no_weights_for_it():
    assert timm.is_model("framewise_cnn")
    assert timm.create_model("framewise_cnn", num_classes=4)(torch.zeros(2, 3, 64, 64)).shape == (2, 4)
    made = FramewiseCNN(num_classes=0, global_pool="avg")
    made.reset_classifier(7)
    assert made(torch.zeros(2, 3, 64, 64)).shape == (2, 7) and made.get_classifier().out_features == 7
    with pytest.raises(ConfigError, match=r"backbone framewise_cnn: its ImageNet weights cannot be had"):
        make_backbone("framewise_cnn", pretrained=True)


def test_fine_tuning_gives_later_layers_higher_rates(network):
    scale = {}
    for group in param_groups_layer_decay(network, layer_decay=0.5):
        scale |= {id(weight): group["lr_scale"] for weight in group["params"]}
    order = [network.blocks[0][0].conv, network.blocks[1][0].conv, network.mlp[0], network.mlp[3]]
    rates = [scale[id(layer.weight)] for layer in order]
    assert rates == sorted(rates) and len(set(rates)) == 4


def test_an_encoder_of_it_is_saved_and_loaded_as_any_other(tmp_path):
    made = Encoder(EncoderSettings(backbone="framewise_cnn")).eval()
    save_encoder(tmp_path, made, crop_s=2.0, corpus_fingerprint="", step=1, steps=1)
    loaded, card = load_encoder(tmp_path)
    waveforms = 0.1 * torch.randn(2, 16_000)
    assert card.encoder.backbone == "framewise_cnn"
    assert loaded(waveforms).shape == (2, made.features) == (2, 4096)
    assert torch.equal(loaded(waveforms), made(waveforms))
