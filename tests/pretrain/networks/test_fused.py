"""Layers that take their activation along are quicker and leave a network's answers."""

import copy
import os
import pickle
import subprocess
import sys

import pytest
import torch
from torch import nn

from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings
from emoclr.pretrain.networks.fused import SMALL_MAP, FusedConv2d, FusedLinear, PairwiseMaxPool2d
from emoclr.pretrain.networks.quicken import quicken


def encoder_of(name):
    torch.manual_seed(0)
    settings = {"backbone": name, "readout": "stages", "spectrogram": {"n_fft": 512, "bands": 64}}
    return Encoder(EncoderSettings.model_validate(settings)).eval()


def by_onednn(dtype):
    return dtype == torch.float32 or torch.ops.mkldnn._is_mkldnn_bf16_supported()


def count(network, kind):
    return sum(type(module) is kind for module in network.modules())


@pytest.mark.parametrize("name", ["test_resnet", "framewise_cnn", "mobilenetv3_small_050", "densenet121"])
def test_an_encoder_gives_what_it_gave(name):
    encoder, waveforms = encoder_of(name), 0.1 * torch.randn(3, 16_000)
    with torch.no_grad():
        expected = encoder(waveforms)
        encoder.fold()
        assert count(encoder, FusedConv2d) > 0
        found = [encoder(waveforms), encoder(waveforms)]  # weights are laid out for the first batch
        longer = encoder(torch.cat([waveforms, waveforms], dim=1))  # and serve images of any size
        one = encoder(waveforms[:1])
    for each in found:
        torch.testing.assert_close(each, expected, rtol=0, atol=5e-5 * float(expected.abs().max()))
    torch.testing.assert_close(one, expected[:1], rtol=0, atol=5e-5 * float(expected.abs().max()))
    plain = encoder_of(name)
    with torch.no_grad():
        expected = plain(torch.cat([waveforms, waveforms], dim=1))
    torch.testing.assert_close(longer, expected, rtol=0, atol=5e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("activation", [nn.ReLU, nn.SiLU])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_is_the_convolution_and_then_the_activation(activation, dtype):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(4, 8, 3, stride=2, padding=1, groups=2), activation(inplace=True)).eval()
    images = torch.randn(2, 4, 9, 12)
    with torch.no_grad():
        expected = network.double()(images.double())
    network.float()
    assert quicken(network, lambda: network(images))
    assert (count(network, FusedConv2d), count(network, activation)) == (1, 1)
    assert isinstance(network[1], nn.Identity)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        found = network(images)
    assert found.dtype == dtype
    tolerance = {torch.float32: 1e-6, torch.bfloat16: 0.02}[dtype]
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=tolerance * float(expected.abs().max()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"), [(1, 1, 0), (3, 1, 1), (3, 2, 1), (2, 2, 0), ((1, 3), (1, 2), (0, 1))]
)
def test_small_maps_are_what_the_convolution_gives(kernel, stride, padding, dtype):
    torch.manual_seed(0)
    conv = nn.Conv2d(6, 5, kernel, stride=stride, padding=padding).eval()
    fused, expected = FusedConv2d(conv, nn.ReLU()), copy.deepcopy(conv).double()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        for batch, *sizes in [(3, 4, 3), (1, 2, 4), (5, 3, 3), (1, 9, 11), (2, 9, 11)]:  # the last one is no small map
            images = torch.randn(batch, 6, *sizes).contiguous(memory_format=torch.channels_last)
            found = fused(images)
            wanted = expected(images.double()).relu()
            assert (found.dtype, found.shape) == (dtype, wanted.shape)
            tolerance = {torch.float32: 1e-6, torch.bfloat16: 0.02}[dtype]
            torch.testing.assert_close(found.double(), wanted, rtol=0, atol=tolerance * float(wanted.abs().max()))
    assert {small for _, small in fused._laid_out} == ({True, False} if by_onednn(dtype) else set())
    assert expected(torch.zeros(1, 6, 9, 11).double())[0, 0].numel() > SMALL_MAP


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("channels", "kernel"), [((512, 1024), 1), ((1024, 512), 1), ((256, 256), 3)])
def test_weights_are_in_an_order_that_is_quickly_had(channels, kernel, dtype, capfd):
    """With AMX, for one image and two, oneDNN took 500 times as long to order weights as to convolve with them."""
    fused = FusedConv2d(nn.Conv2d(*channels, kernel, padding=kernel // 2), nn.ReLU())
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        for batch in (16, 1, 2, 5):
            images = torch.randn(batch, channels[0], 6, 7).contiguous(memory_format=torch.channels_last)
            with torch.backends.mkldnn.verbose(torch.backends.mkldnn.VERBOSE_ON):
                fused(images)
    told = capfd.readouterr().out
    assert (",exec," in told) or not by_onednn(dtype)
    assert "reorder,simple" not in told


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(4, 7), (2, 5, 7), (7,)])
def test_a_linear_layer_and_its_activation_are_one(shape, dtype):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(7, 3), nn.SiLU()).eval()
    rows = torch.randn(shape)
    expected = copy.deepcopy(network).double()(rows.double())
    assert quicken(network, lambda: network(torch.ones(2, 7)))
    assert (count(network, FusedLinear), count(network, nn.Identity)) == (1, 1)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        found = network(rows)
    assert found.dtype == dtype
    torch.testing.assert_close(
        found.double(), expected, rtol=0, atol={torch.float32: 1e-6, torch.bfloat16: 0.02}[dtype]
    )


def test_a_processor_without_bf16_computes_in_it_as_pytorch_does():
    code = """import torch
from torch import nn
from emoclr.pretrain.networks.fused import FusedConv2d, FusedLinear
conv, linear, images = nn.Conv2d(4, 6, 3, padding=1), nn.Linear(6, 5), torch.randn(2, 4, 9, 9)
with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
    maps = FusedConv2d(conv, nn.ReLU())(images)
    assert torch.equal(maps, conv(images).relu())
    features = maps.mean((2, 3))
    assert torch.equal(FusedLinear(linear)(features), linear(features))
print(torch.ops.mkldnn._is_mkldnn_bf16_supported(), maps.dtype)
"""
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"}
    told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert told.stdout == "False torch.bfloat16\n"


@pytest.mark.parametrize("size", [(2, 2), (5, 8), (96, 101)])
def test_pairs_of_pairs_are_pooled_as_pytorch_pools_them(size):
    images = torch.randn(3, 4, *size)
    for given in (images, images.contiguous(memory_format=torch.channels_last)):
        assert torch.equal(PairwiseMaxPool2d()(given), nn.functional.max_pool2d(images, 2))


@pytest.mark.parametrize("pool", [nn.MaxPool2d(3, 2), nn.MaxPool2d(2, 1), nn.MaxPool2d(2, ceil_mode=True)])
def test_other_poolings_stay(pool):
    network, images = nn.Sequential(nn.Conv2d(3, 3, 1), pool).eval(), torch.randn(1, 3, 9, 9)
    quicken(network, lambda: network(images))
    assert network[1] is pool


class Shortcut(nn.Module):
    """Adds its input to what its convolution gives, in place, before the activation takes it."""

    def __init__(self):
        super().__init__()
        self.conv, self.activation = nn.Conv2d(3, 3, 1), nn.ReLU()

    def forward(self, images):
        maps = self.conv(images)
        maps += images
        return self.activation(maps)


class TakenTwice(nn.Module):
    """Adds what its convolution gives to what its activation makes of it."""

    def __init__(self):
        super().__init__()
        self.conv, self.activation = nn.Conv2d(3, 3, 1), nn.ReLU()

    def forward(self, images):
        maps = self.conv(images)
        return self.activation(maps) + maps


class OneActivation(nn.Module):
    """Has one activation behind two convolutions."""

    def __init__(self):
        super().__init__()
        self.convolutions, self.activation = nn.ModuleList([nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)]), nn.ReLU()

    def forward(self, images):
        for conv in self.convolutions:
            images = self.activation(conv(images))
        return images


@pytest.mark.parametrize(("kind", "fused"), [(Shortcut, 1), (TakenTwice, 0), (OneActivation, 2)])
def test_an_activation_that_takes_something_else_stays(kind, fused):
    torch.manual_seed(0)
    network, images = kind().eval(), torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        expected = network(images)
    quicken(network, lambda: network(images))
    assert (count(network, FusedConv2d), count(network, nn.ReLU)) == (fused, 1)
    with torch.no_grad():
        torch.testing.assert_close(network(images), expected)


def test_copies_compute_with_their_own_weights():
    network, images = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval(), torch.randn(1, 3, 8, 8)
    quicken(network, lambda: network(images))
    with torch.no_grad():
        expected = network(images)
        for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
            assert torch.equal(other(images), expected)
            other[0].weight.zero_()
            other[0].bias.fill_(2)
            copied = copy.deepcopy(other)
            assert torch.equal(copied(images), torch.full_like(expected, 2))
        assert torch.equal(network(images), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet"])
def test_answers_do_not_depend_on_the_batch_that_came_first(name, dtype):
    encoder, waveforms = encoder_of(name), 0.1 * torch.randn(16, 8_000)
    encoder.fold()
    found = []
    for first in (1, 5, 16):
        made = copy.deepcopy(encoder)  # its weights are not laid out yet
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
            made(waveforms[:first])
            found.append(torch.cat([made(waveforms[:count]) for count in (1, 3, 16)]))
    assert torch.equal(found[0], found[1]) and torch.equal(found[1], found[2])
