"""Heads standardise; ensembles are their members, one by one."""

from collections.abc import Callable
from typing import Literal

import numpy as np
import pytest
import torch
from scipy.special import expit

from emoclr.finetune.model.emotion_model import EmotionHead, EmotionModel, Ensemble
from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings, Normalisation

TEMPERATURES = np.array([[0.5, 2.0, 1.0], [1.5, 0.8, 3.0]])
THRESHOLDS = np.array([[0.5, 0.4, 0.6], [0.3, 0.5, 0.5]])


@pytest.fixture(scope="module")
def members(encoder_settings: Callable[[str], EncoderSettings]) -> list[EmotionModel]:
    torch.manual_seed(0)
    return [EmotionModel(Encoder(encoder_settings("test_resnet")), 3).eval() for _ in range(2)]


@pytest.fixture(scope="module")
def waveforms() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(size=(4, 8_000)).astype(np.float32)) * 0.1


def test_a_head_is_a_linear_layer_on_standardised_embeddings() -> None:
    head = EmotionHead(5, 2)
    head.mean.copy_(torch.arange(5.0))
    head.deviation.copy_(torch.arange(1.0, 6.0))
    embeddings = torch.randn(7, 5, generator=torch.Generator().manual_seed(0))
    standard = (embeddings.numpy() - np.arange(5)) / np.arange(1, 6)
    expected = standard @ head.linear.weight.detach().numpy().T + head.linear.bias.detach().numpy()
    assert head(embeddings).detach().numpy() == pytest.approx(expected, abs=1e-5)


def test_mean_and_deviation_are_stored_and_not_trained() -> None:
    head = EmotionHead(5, 2)
    assert {"mean", "deviation"} <= set(head.state_dict())
    assert {name for name, _ in head.named_parameters()} == {"linear.weight", "linear.bias"}


def test_a_model_is_a_head_on_an_encoder(members: list[EmotionModel], waveforms: torch.Tensor) -> None:
    model = members[0]
    with torch.inference_mode():
        assert torch.equal(model(waveforms), model.head(model.encoder(waveforms)))
        assert model(waveforms).shape == (4, 3)


def test_logits_are_float32_in_a_mixed_precision_too(members: list[EmotionModel], waveforms: torch.Tensor) -> None:
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert members[0](waveforms).dtype == torch.float32


def test_an_ensemble_gives_the_logits_of_its_members(members: list[EmotionModel], waveforms: torch.Tensor) -> None:
    ensemble = Ensemble(members, TEMPERATURES, THRESHOLDS, "mean").eval()
    with torch.inference_mode():
        alone = [member(waveforms) for member in members]
        assert torch.equal(ensemble(waveforms), torch.cat(alone, dim=1))


def test_members_of_the_same_settings_share_their_spectrograms(
    encoder_settings: Callable[[str], EncoderSettings], waveforms: torch.Tensor
) -> None:
    usual = encoder_settings("test_resnet")
    coarse = usual.model_copy(update={"spectrogram": usual.spectrogram.model_copy(update={"hop_length": 200})})
    louder = usual.model_copy(update={"normalisation": Normalisation(mean=(-3, 0.2, -4), std=(2, 0.3, 3))})
    models = [EmotionModel(Encoder(settings), 3).eval() for settings in (usual, coarse, louder)]
    computed: list[int] = []
    for number, model in enumerate(models):
        model.encoder.spectrogram.register_forward_hook(lambda *_, number=number: computed.append(number))
    with torch.inference_mode():
        alone = [model(waveforms) for model in models]
        computed.clear()
        found = Ensemble(models, np.ones((3, 3)), np.ones((3, 3)), "mean").eval()(waveforms)
    assert computed == [0, 1]
    assert torch.equal(found, torch.cat(alone, dim=1))


@pytest.mark.parametrize(("duration_s", "expected"), [(1.5, [True, False]), (0.5, [False, False])])
def test_each_member_of_an_ensemble_answers_in_its_own_number_format(
    encoder_settings: Callable[[str], EncoderSettings],
    monkeypatch: pytest.MonkeyPatch,
    duration_s: float,
    expected: list[bool],
) -> None:
    monkeypatch.setattr("emoclr.pretrain.encoder.precision._cpu_gains_by_bf16", lambda: True)
    torch.manual_seed(0)
    both = [
        EmotionModel(Encoder(encoder_settings(name)), 3).eval() for name in ("test_resnet", "mobilenetv3_small_050")
    ]
    waveforms = torch.randn(2, round(duration_s * 16_000), generator=torch.Generator().manual_seed(0)) * 0.1
    halves: list[bool] = []
    for member in both:
        member.encoder.backbone.register_forward_pre_hook(
            lambda module, inputs: halves.append(torch.is_autocast_enabled("cpu"))
        )
    with torch.inference_mode():
        together = Ensemble(both, TEMPERATURES, THRESHOLDS, "mean").eval()(waveforms)
        assert halves == expected
        alone = []
        for member, half in zip(both, expected, strict=True):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
                alone.append(member(waveforms))
    assert torch.equal(together, torch.cat(alone, dim=1))


@pytest.mark.parametrize("how", ["mean", "vote"])
def test_an_ensembles_answer_is_that_of_its_members(members: list[EmotionModel], how: Literal["mean", "vote"]) -> None:
    logits = np.random.default_rng(0).normal(size=(2, 9, 3)) * 3  # (members, n, emotions)
    alone = [expit(logits[m] / TEMPERATURES[m]) for m in range(2)]
    votes = [p >= THRESHOLDS[m] for m, p in enumerate(alone)]
    expected = (alone[0] + alone[1]) / 2 if how == "mean" else (votes[0].astype(float) + votes[1]) / 2
    found = Ensemble(members, TEMPERATURES, THRESHOLDS, how).probabilities(np.concatenate(list(logits), axis=1))
    assert found == pytest.approx(expected, abs=1e-12)
