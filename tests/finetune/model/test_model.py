"""Heads standardise; ensembles are their members, one by one."""

from collections.abc import Callable
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from emoclr.finetune.model.model import EmotionHead, EmotionModel, Ensemble, combine
from emoclr.finetune.model.temperatures import calibrate
from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings

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


@given(st.lists(st.floats(-1_000, 1_000), min_size=1, max_size=5), st.floats(0.05, 20))
def test_calibration_is_scipys_sigmoid_of_divided_logits(logits: list[float], temperature: float) -> None:
    found = calibrate(np.array(logits), np.array(temperature))
    assert found == pytest.approx(expit(np.array(logits) / temperature), abs=1e-12)


def test_mean_and_vote_by_hand() -> None:
    probabilities = np.array([[[0.9, 0.2], [0.4, 0.5]], [[0.7, 0.6], [0.1, 0.1]], [[0.2, 0.4], [0.4, 0.3]]])
    thresholds = np.array([[0.5, 0.5], [0.8, 0.5], [0.2, 0.35]])
    assert combine(probabilities, thresholds, "mean") == pytest.approx(np.array([[0.6, 0.4], [0.3, 0.3]]))
    assert combine(probabilities, thresholds, "vote") == pytest.approx(np.array([[2, 2], [1, 1]]) / 3)


def test_weights_by_hand() -> None:
    probabilities = np.array([[[0.9, 0.2]], [[0.4, 0.6]], [[0.1, 0.5]]])
    found = combine(probabilities, np.full((3, 2), 0.5), "weighted", np.array([0.5, 0.5, 0.0]))
    assert found == pytest.approx(np.array([[0.65, 0.4]]))


def test_where_each_clip_has_one_label_members_vote_for_their_likeliest_and_the_mean_breaks_ties() -> None:
    clear = [[[0.1, 0.3, 0.2]], [[0.0, 0.2, 0.1]], [[0.9, 0.0, 0.8]]]  # two for the second, none over one half
    tied = [[[0.6, 0.5, 0.1]], [[0.1, 0.9, 0.2]]]
    thresholds = np.full((3, 3), 0.5)
    found = combine(np.array(clear), thresholds, "vote", single_label=True)
    assert found.argmax() == 1 and found[0] == pytest.approx((np.array([1, 2, 0]) + np.mean(clear, 0)[0]) / 4)
    assert combine(np.array(tied), thresholds[:2], "vote", single_label=True).argmax() == 1


@given(st.integers(1, 6), st.integers(0, 10_000))
def test_the_mean_never_outvotes_a_vote(n_members: int, seed: int) -> None:
    probabilities = np.random.default_rng(seed).random((n_members, 20, 4))
    votes = np.eye(4)[probabilities.argmax(2)].sum(0)
    found = combine(probabilities, np.full((n_members, 4), 0.5), "vote", single_label=True).argmax(1)
    assert (votes[np.arange(20), found] == votes.max(1)).all()


def test_an_ensemble_gives_the_logits_of_its_members(members: list[EmotionModel], waveforms: torch.Tensor) -> None:
    ensemble = Ensemble(members, TEMPERATURES, THRESHOLDS, "mean").eval()
    with torch.inference_mode():
        alone = [member(waveforms) for member in members]
        assert torch.equal(ensemble(waveforms), torch.cat(alone, dim=1))


@pytest.mark.parametrize(("duration_s", "expected"), [(1.5, [True, False]), (0.5, [False, False])])
def test_each_member_of_an_ensemble_answers_in_its_own_number_format(
    encoder_settings: Callable[[str], EncoderSettings],
    monkeypatch: pytest.MonkeyPatch,
    duration_s: float,
    expected: list[bool],
) -> None:
    monkeypatch.setattr("emoclr.pretrain.encoder.precision._cpu_has_amx", lambda: True)
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
