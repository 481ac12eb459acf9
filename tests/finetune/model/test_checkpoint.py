"""What is loaded is what was saved; everything else is an error that names the file."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from scipy.special import expit

from emoclr.configs.errors import ConfigError
from emoclr.finetune.model.checkpoint import WEIGHTS, EnsembleCard, load_ensemble, load_model, save_model
from emoclr.finetune.model.emotion_model import EmotionModel
from emoclr.finetune.model.folders import CARD, ENSEMBLE_CARD
from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings
from emoclr.pretrain.encoder.folders import CheckpointError

EMOTIONS = ["anger", "sadness"]
ABOUT: dict[str, Any] = {
    "emotions": EMOTIONS,
    "thresholds": [0.4, 0.6],
    "temperatures": [0.5, 2.0],
    "window_s": 0.5,
    "hop_s": 0.25,
    "corpus_fingerprint": "abc",
    "started_from": "scratch",
}


@pytest.fixture(scope="module")
def models(encoder_settings: Callable[[str], EncoderSettings]) -> list[EmotionModel]:
    torch.manual_seed(0)
    return [EmotionModel(Encoder(encoder_settings(name)), 2) for name in ("test_resnet", "mobilenetv3_small_050")]


@pytest.fixture
def run(models: list[EmotionModel], tmp_path: Path) -> Path:
    """An ensemble's folder with members a and b."""
    for name, model in zip("ab", models, strict=True):
        save_model(tmp_path / name, model, **ABOUT)
    card = EnsembleCard(members=["a", "b"], emotions=EMOTIONS, thresholds=[0.3, 0.7], window_s=0.5, hop_s=0.25)
    (tmp_path / ENSEMBLE_CARD).write_text(yaml.safe_dump(card.model_dump(mode="json")))
    return tmp_path


def change(path: Path, **changes: object) -> None:
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **changes}))


def told(path: Path, load: Callable[[Path], object], folder: Path) -> str:
    """Returns what the refusal says, having checked that it names the file and exits with 1."""
    with pytest.raises(CheckpointError) as caught:
        load(folder)
    assert caught.value.exit_code == 1
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_model_comes_back_bit_for_bit_with_its_card(run: Path, models: list[EmotionModel]) -> None:
    loaded, card = load_model(run / "a")
    saved = models[0].state_dict()
    assert list(loaded.state_dict()) == list(saved)
    assert all(torch.equal(tensor, saved[name]) for name, tensor in loaded.state_dict().items())
    assert {name: getattr(card, name) for name in ABOUT} == ABOUT
    assert card.encoder == models[0].encoder.settings
    assert card.versions["torch"] == torch.__version__.partition("+")[0]
    assert not loaded.training


def test_an_ensemble_comes_back_with_the_temperatures_and_thresholds_of_its_members(run: Path) -> None:
    change(run / "b" / CARD, temperatures=[3.0, 4.0], thresholds=[0.1, 0.2])
    ensemble, card = load_ensemble(run)
    assert card.members == ["a", "b"] and not ensemble.training
    assert ensemble.temperatures.tolist() == [[0.5, 2.0], [3.0, 4.0]]
    assert ensemble.thresholds.tolist() == [[0.4, 0.6], [0.1, 0.2]]
    logits = np.array([[1.0, -2.0, 0.5, 3.0]])
    expected = (expit([1 / 0.5, -2 / 2]) + expit([0.5 / 3, 3 / 4])) / 2
    assert ensemble.probabilities(logits)[0] == pytest.approx(expected)


def test_weights_of_the_card_weigh_the_members(run: Path) -> None:
    change(run / ENSEMBLE_CARD, how="weighted", weights=[0.75, 0.25])
    ensemble, card = load_ensemble(run)
    assert card.weights == [0.75, 0.25]
    logits = np.array([[1.0, -2.0, 0.5, 3.0]])
    expected = 0.75 * expit(np.array([1 / 0.5, -2 / 2])) + 0.25 * expit(np.array([0.5 / 0.5, 3 / 2]))
    assert ensemble.probabilities(logits)[0] == pytest.approx(expected)


def test_a_card_of_an_earlier_version_loads_without_weights(run: Path) -> None:
    content = yaml.safe_load((run / ENSEMBLE_CARD).read_text())
    del content["weights"]
    (run / ENSEMBLE_CARD).write_text(yaml.safe_dump(content))
    ensemble, card = load_ensemble(run)
    assert (card.how, card.weights, ensemble.how) == ("mean", None, "mean")


def test_one_backbones_folder_is_an_ensemble_of_one(run: Path) -> None:
    ensemble, card = load_ensemble(run / "b")
    assert len(ensemble.members) == 1
    assert (card.emotions, card.thresholds, card.window_s, card.single_label) == (EMOTIONS, [0.4, 0.6], 0.5, False)


def test_one_backbone_of_a_single_label_ensemble_stays_single_label(models: list[EmotionModel], tmp_path: Path) -> None:
    save_model(tmp_path / "a", models[0], **ABOUT, single_label=True)
    assert load_ensemble(tmp_path / "a")[1].single_label


def test_an_ensemble_may_be_moved_as_a_folder(run: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    moved = shutil.copytree(run, tmp_path_factory.mktemp("elsewhere") / "it")
    shutil.rmtree(run)
    assert len(load_ensemble(moved)[0].members) == 2


@pytest.mark.parametrize("part", [0.0, 0.5, 0.999])
def test_truncated_weights_are_refused(run: Path, part: float) -> None:
    path = run / "b" / WEIGHTS
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    assert "truncated" in told(path, load_ensemble, run)


def test_one_bit_is_enough(run: Path) -> None:
    path = run / "a" / WEIGHTS
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert "changed" in told(path, load_model, run / "a")


def test_weights_of_another_model_are_refused_even_with_the_right_digest(run: Path) -> None:
    path = run / "a" / WEIGHTS
    shutil.copy(run / "b" / WEIGHTS, path)
    assert "exchanged" in told(path, load_model, run / "a")
    change(run / "a" / CARD, weights_sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    assert "do not fit" in told(path, load_model, run / "a")


def test_a_missing_tensor_is_refused(run: Path) -> None:
    path = run / "a" / WEIGHTS
    save_file({name: value for name, value in load_file(path).items() if name != "head.mean"}, path)
    change(run / "a" / CARD, weights_sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    assert "head.mean" in told(path, load_model, run / "a")


def test_a_file_of_another_kind_is_refused_and_not_unpickled(run: Path) -> None:
    path = run / "a" / WEIGHTS
    torch.save({"a": 1}, path)
    change(run / "a" / CARD, weights_sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    assert "is not a safetensors file" in told(path, load_model, run / "a")


@pytest.mark.parametrize("name", [WEIGHTS, CARD])
def test_a_missing_file_of_a_member_is_named(run: Path, name: str) -> None:
    (run / "b" / name).unlink()
    assert "No such file" in told(run / "b" / name, load_ensemble, run)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"format": 2}, "format"),
        ({"surprise": 1}, "unknown key 'surprise'"),
        ({"thresholds": [0.5]}, "1 for 2 emotions"),
        ({"temperatures": [1.0, 1.0, 1.0]}, "3 for 2 emotions"),
        ({"temperatures": [1.0, 0.0]}, "temperatures"),
        ({"temperatures": [1.0, float("nan")]}, "temperatures"),
        ({"window_s": 0}, "window_s"),
        ({"temperatures": [1.0, float("inf")]}, "temperatures"),
        ({"thresholds": [0.5, float("nan")]}, "thresholds"),
        ({"thresholds": [0.5, 1.5]}, "thresholds"),
        ({"thresholds": [-0.1, 0.5]}, "thresholds"),
        ({"hop_s": 0.75}, "hop_s"),
        ({"window_s": 1e9, "hop_s": 1}, "window_s: input should be less than or equal to 120"),
        ({"hop_s": 1e-9}, "hop_s: input should be greater than or equal to 0.01"),
        ({"encoder": {"backbone": "resnet_of_dreams"}}, "resnet_of_dreams"),
        *(
            ({"emotions": ["joy", name]}, f"emotions: emotion '{shown}' ")
            for name, shown in [
                *(
                    (name, name)
                    for name in ("joy", "path", "start_s", "speaker", "emotions", "", " ", "=1+1", "@a", "a;b")
                ),
                ("a\nb", "a\\nb"),
                ("a\x1b[2Jb", "a\\x1b[2Jb"),
            ]
        ),
    ],
)
def test_a_models_card_that_cannot_be_is_refused(run: Path, changes: dict[str, object], why: str) -> None:
    change(run / "a" / CARD, **changes)
    assert why in told(run / "a" / CARD, load_ensemble, run)


@pytest.mark.parametrize("text", ["", "- a list", "key: [", "\x00"])
def test_a_card_that_is_none_is_refused(run: Path, text: str) -> None:
    for path in (run / ENSEMBLE_CARD, run / "a" / CARD):
        path.write_text(text)
    told(run / ENSEMBLE_CARD, load_ensemble, run)
    told(run / "a" / CARD, load_model, run / "a")


def test_metrics_may_be_undefined(run: Path) -> None:
    change(run / "a" / CARD, metrics={"auroc": float("nan")})
    assert np.isnan(load_model(run / "a")[1].metrics["auroc"])


def test_a_member_that_is_a_link_out_of_the_folder_is_refused(
    run: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = shutil.move(run / "b", tmp_path_factory.mktemp("outside") / "b")
    (run / "b").symlink_to(outside)
    assert "members: b is a link out of" in told(run / ENSEMBLE_CARD, load_ensemble, run)


def test_members_and_weights_are_bounded(run: Path) -> None:
    change(run / ENSEMBLE_CARD, members=["a", "./a"])
    assert "stands there twice" in told(run / ENSEMBLE_CARD, load_ensemble, run)
    change(run / ENSEMBLE_CARD, members=[f"m{number}" for number in range(1001)])
    assert "1000" in told(run / ENSEMBLE_CARD, load_ensemble, run)
    change(run / ENSEMBLE_CARD, members=["a", "b"], how="weighted", weights=[float("nan"), 0.5])
    assert "weights" in told(run / ENSEMBLE_CARD, load_ensemble, run)


@pytest.mark.parametrize("member", ["../a", "a/../../b", "/tmp/a"])
def test_members_outside_the_folder_are_refused(run: Path, member: str) -> None:
    change(run / ENSEMBLE_CARD, members=["a", member])
    assert f"{member} lies outside" in told(run / ENSEMBLE_CARD, load_ensemble, run)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"members": []}, "members"),
        ({"how": "guess"}, "how"),
        ({"thresholds": [0.5]}, "1 for 2 emotions"),
        ({"how": "weighted"}, "weights: there where"),
        ({"weights": [0.5, 0.5]}, "only where, how is weighted"),
        ({"how": "weighted", "weights": [1.0]}, "weights: 1 for 2 members"),
        ({"how": "weighted", "weights": [0.5, 0.4]}, "weights: their sum is 0.9; it should be 1"),
        ({"how": "weighted", "weights": [1.5, -0.5]}, "weights"),
        ({"how": "weighted", "weights": [float("nan"), 1.0]}, "weights"),
    ],
)
def test_an_ensembles_card_that_cannot_be_is_refused(run: Path, changes: dict[str, object], why: str) -> None:
    change(run / ENSEMBLE_CARD, **changes)
    assert why in told(run / ENSEMBLE_CARD, load_ensemble, run)


@pytest.mark.parametrize("emotions", [["anger", "joy"], ["sadness", "anger"]])
def test_members_of_different_emotions_are_refused(run: Path, emotions: list[str]) -> None:
    change(run / "b" / CARD, emotions=emotions)
    assert ", ".join(emotions) in told(run / "b" / CARD, load_ensemble, run)


def test_a_folder_without_an_ensemble_says_what_to_give(pretrained: Path, tmp_path: Path) -> None:
    for folder in (pretrained, pretrained / "test_resnet"):
        assert "give the --out folder of a finished `finetune`" in told(folder, load_ensemble, folder)
    with pytest.raises(ConfigError, match="nowhere: no such folder; give the --out folder of a finished `finetune`"):
        load_ensemble(tmp_path / "nowhere")
