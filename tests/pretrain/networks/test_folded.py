"""Folding batch norms makes networks quicker and leaves their answers."""

import pytest
import torch
from torch import nn

from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings
from emoclr.pretrain.networks.folded import fold_batch_norms


def trained(network):
    """Gives batch norms statistics and weights of their own."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.running_mean, module.bias.data):
                tensor.normal_()
            for tensor in (module.running_var, module.weight.data):
                tensor.uniform_(0.5, 2)
    return network.eval()


def norms_of(network):
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


@pytest.mark.parametrize(
    ("name", "left"),
    [("test_resnet", 0), ("framewise_cnn", 0), ("mobilenetv3_small_050", 0), ("test_convnext", 0), ("densenet121", 62)],
)
def test_an_encoder_gives_what_it_gave(name, left):
    settings = {"backbone": name, "readout": "stages", "spectrogram": {"n_fft": 512, "bands": 64}}
    encoder = trained(Encoder(EncoderSettings.model_validate(settings)))
    waveforms = 0.1 * torch.randn(3, 16_000)
    with torch.no_grad():
        expected = encoder(waveforms)
        encoder.fold()
        found = encoder(waveforms)
    assert norms_of(encoder) == left  # of DenseNet those that take several convolutions' joined maps
    torch.testing.assert_close(found, expected, rtol=0, atol=5e-5 * float(expected.abs().max()))


class TakenTwice(nn.Module):
    """Adds what its convolution gives to what its batch norm makes of it."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, images):
        maps = self.conv(images)
        return self.norm(maps) + maps


class Shared(nn.Module):
    """Has one convolution before two batch norms."""

    def __init__(self):
        super().__init__()
        self.conv, self.norms = nn.Conv2d(3, 3, 1), nn.ModuleList([nn.BatchNorm2d(3), nn.BatchNorm2d(3)])

    def forward(self, images):
        for norm in self.norms:
            images = norm(self.conv(images))
        return images


@pytest.mark.parametrize("kind", [TakenTwice, Shared])
def test_a_network_that_would_change_stays_as_it_is(kind):
    network, images = trained(kind()), torch.randn(2, 3, 8, 8)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    expected = network(images)
    assert not fold_batch_norms(network, lambda: network(images))
    assert torch.equal(network(images), expected)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_a_copy_in_bf16_gives_what_autocast_gives():
    encoder = trained(Encoder(EncoderSettings(backbone="test_resnet", readout="stages")))
    waveforms = 0.1 * torch.randn(2, 16_000)
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        copy = encoder.in_bf16()
        assert torch.equal(copy(waveforms), encoder(waveforms))
        assert {weights.dtype for weights in copy.backbone.parameters()} == {torch.float32, torch.bfloat16}
    assert {weights.dtype for weights in encoder.parameters()} == {torch.float32}
