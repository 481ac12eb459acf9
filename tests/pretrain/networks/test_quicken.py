"""Networks that are made quicker leave their answers."""

import copy

import pytest
import torch
from torch import nn

from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings, make_backbone
from emoclr.pretrain.networks import quicken as quicken_module
from emoclr.pretrain.networks.fused import FusedResidual
from emoclr.pretrain.networks.quicken import quicken


@pytest.fixture(autouse=True)
def kept_nowhere_else(monkeypatch, tmp_path):
    monkeypatch.setenv("EMOCLR_CACHE", str(tmp_path))
    quicken_module._KEPT.forget()


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
def test_batch_norms_whose_folding_would_change_answers_stay(kind):
    network, images = trained(kind()), torch.randn(2, 3, 8, 8)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with torch.no_grad():
        expected = network(images)
        quicken(network, lambda: network(images))
        torch.testing.assert_close(network(images), expected, rtol=0, atol=1e-6 * float(expected.abs().max()))
    assert norms_of(network) == norms_of(kind())
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize("name", ["resnet10t", "resnet14t"])
def test_where_nothing_agrees_all_is_undone(name):
    network, images = trained(make_backbone(name)), torch.randn(1, 3, 96, 96)
    modules = {name: id(module) for name, module in network.named_modules()}
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with torch.no_grad():
        expected = network(images)
    answers = iter(range(1, 9))
    assert not quicken(network, lambda: torch.full((1,), float(next(answers))) + 0 * network(images).sum())
    assert {name: id(module) for name, module in network.named_modules()} == modules
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    with torch.no_grad():
        assert torch.equal(network(images), expected)


@pytest.mark.parametrize("name", ["resnet10t", "resnet14t"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_residual_blocks_take_their_sum_along(name, dtype):
    network, images = trained(make_backbone(name)), 0.1 * torch.randn(2, 3, 96, 128)
    exact = copy.deepcopy(network).double()
    with torch.no_grad():
        assert quicken(network, lambda: network(images))
        assert sum(isinstance(module, FusedResidual) for module in network.modules()) == 4
        expected = exact(images.double())
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
            found = network(images)
    tolerance = {torch.float32: 1e-5, torch.bfloat16: 0.03}[dtype]
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=tolerance * float(expected.abs().max()))


def test_a_copy_in_bf16_gives_what_autocast_gives():
    encoder = trained(Encoder(EncoderSettings(backbone="test_resnet", readout="stages")))
    waveforms = 0.1 * torch.randn(2, 16_000)
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        copy = encoder.in_bf16()
        assert torch.equal(copy(waveforms), encoder(waveforms))
        assert {weights.dtype for weights in copy.backbone.parameters()} == {torch.float32, torch.bfloat16}
    assert {weights.dtype for weights in encoder.parameters()} == {torch.float32}


@pytest.mark.parametrize("name", ["resnet10t", "framewise_cnn", "ese_vovnet19b_slim", "densenet121"])
def test_what_was_done_is_done_again_without_a_run(name):
    network, images = trained(make_backbone(name)), 0.1 * torch.randn(2, 3, 96, 128)
    first, again, other = (copy.deepcopy(network) for _ in range(3))
    runs = []

    def run_of(network):
        return lambda: runs.append(1) or network(images)

    with torch.no_grad():
        done = quicken(first, run_of(first), "the key")
        assert runs
        runs.clear()
        quicken_module._KEPT.forget()  # as a new process
        assert quicken(again, run_of(again), "the key") == done
        assert not runs
        assert torch.equal(again(images), first(images))
        assert [type(module) for module in again.modules()] == [type(module) for module in first.modules()]
        assert quicken(other, run_of(other), "another key") == done and runs


def test_where_nothing_is_gained_that_is_kept():
    network, images = trained(Shared()), torch.randn(2, 3, 8, 8)
    answers = iter(range(1, 9))
    assert not quicken(network, lambda: torch.full((1,), float(next(answers))) + 0 * network(images).sum(), "shared")
    quicken_module._KEPT.forget()
    assert not quicken(network, lambda: pytest.fail("nothing is to be run"), "shared")


def test_what_was_kept_of_another_network_is_found_anew():
    images = 0.1 * torch.randn(2, 3, 96, 128)
    with torch.no_grad():
        for name in ("resnet10t", "framewise_cnn"):
            network = trained(make_backbone(name))
            expected = network(images)
            assert quicken(network, lambda network=network: network(images), "one key")
            torch.testing.assert_close(network(images), expected, rtol=0, atol=5e-5 * float(expected.abs().max()))
            assert norms_of(network) == 0


def test_an_encoder_whose_layers_keep_their_weights_is_not_copied_for_bf16():
    encoder = trained(Encoder(EncoderSettings(backbone="test_resnet")))
    assert encoder.in_bf16() is not encoder
    encoder.fold()
    assert encoder.in_bf16() is encoder
