"""What goes into a file is the ensemble as Python asks it, and combined as `finetune` combines."""

import copy

import numpy as np
import pytest
import torch

from emoclr.augment.settings import SpectrogramSettings
from emoclr.finetune.model.combination import COMBINATIONS as OF_ARRAYS
from emoclr.finetune.model.emotion_model import EmotionModel, Ensemble
from emoclr.predict.export.stored_weights import halve_exact, round_to_int8, store_int8
from emoclr.predict.export.whole_network import COMBINATIONS, WaveformToProbabilities
from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings, Normalisation


def test_every_combination_is_there() -> None:
    assert set(COMBINATIONS) == set(OF_ARRAYS)


@pytest.mark.parametrize("single_label", [False, True])
@pytest.mark.parametrize("how", OF_ARRAYS)
def test_combinations_are_those_of_finetune(how: str, single_label: bool) -> None:
    rng = np.random.default_rng(0)
    probabilities, thresholds = rng.random((3, 50, 4)), rng.random((3, 4))
    weights = rng.dirichlet(np.ones(3))
    expected = OF_ARRAYS[how].function(probabilities, thresholds, weights, single_label)
    tensors = [torch.from_numpy(array) for array in (probabilities.swapaxes(0, 1), thresholds, weights)]
    found = COMBINATIONS[how](*tensors, single_label)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


def encoder(bands: int, readout: str) -> Encoder:
    settings = EncoderSettings(
        backbone="test_resnet",
        spectrogram=SpectrogramSettings(bands=bands),
        normalisation=Normalisation(mean=(-3.0, 0.3, -2.0), std=(2.0, 0.3, 1.5)),
        readout=readout,
    )
    return Encoder(settings)


@pytest.mark.parametrize("how", OF_ARRAYS)
def test_it_gives_the_probabilities_of_the_ensemble(how: str) -> None:
    torch.manual_seed(0)
    members = [EmotionModel(encoder(32, "stages"), 3), EmotionModel(encoder(48, "last"), 3)]
    members.append(EmotionModel(encoder(32, "last"), 3))
    temperatures, thresholds = np.array([[0.5, 1.0, 2.0]] * 3), np.array([[0.4, 0.5, 0.6]] * 3)
    ensemble = Ensemble(members, temperatures, thresholds, how, np.array([0.2, 0.5, 0.3])).eval()
    for member in members:
        torch.nn.init.normal_(member.head.linear.weight, std=0.5)
    whole = WaveformToProbabilities(copy.deepcopy(ensemble)).eval()
    assert len(whole.encoders.spectrograms) == 2
    waveforms = 0.1 * torch.randn(5, 9_000)
    with torch.inference_mode():
        expected = ensemble.probabilities(torch.cat([member(waveforms) for member in members], dim=1).double().numpy())
        found = whole(waveforms).numpy()
    assert expected.std() > 0.05
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_only_weights_that_lose_nothing_are_halved() -> None:
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.Linear(8, 8)).requires_grad_(False)
    network[0].weight.copy_(network[0].weight.half().float())
    given = torch.randn(4, 8)
    expected = network(given)
    halve_exact(network)
    assert torch.equal(network(given), expected)
    assert sorted(str(weights.dtype) for weights in network.parameters() if weights.dim() == 2) == [
        "torch.float16",
        "torch.float32",
    ]


def test_weights_are_rounded_to_a_127th_of_the_largest_of_their_output_and_stored_as_such() -> None:
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.Flatten())
    network.append(torch.nn.Linear(8 * 4, 2)).eval().requires_grad_(False)
    network[0].weight[5] = 0
    network[3].weight[1] *= 1e-6
    before = copy.deepcopy(network)
    round_to_int8(network)
    for number in (0, 3):
        exact, rounded = before[number].weight.flatten(1).numpy(), network[number].weight.flatten(1).numpy()
        steps = np.abs(exact).max(axis=1, keepdims=True) / 127
        assert np.all(np.abs(rounded - exact) <= 0.501 * steps) and not np.array_equal(rounded, exact)
        assert all(len(np.unique(row)) <= 255 for row in rounded)
    assert torch.equal(network[1].weight, before[1].weight) and torch.equal(network[0].bias, before[0].bias)
    given = torch.randn(4, 3, 4, 4)
    expected = network(given)
    store_int8(network)
    assert {str(weights.dtype) for weights in network.parameters() if weights.dim() > 1} == {"torch.int8"}
    torch.testing.assert_close(network(given), expected)
