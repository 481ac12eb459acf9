"""What members begin as: encoders of a run, weights that are downloaded, or nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch

from emoclr.configs.errors import ConfigError
from emoclr.configs.settings import SHIPPED, load_settings
from emoclr.finetune.run import finetune
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.training.initial_weights import find_initial_weights
from emoclr.pretrain.encoder.checkpoint import save_encoder
from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings
from emoclr.pretrain.encoder.folders import CheckpointError
from emoclr.pretrain.networks import timm_models

BACKBONES = ["test_efficientnet", "test_resnet"]
Settings = Callable[..., FinetuneSettings]


def test_starts_are_the_runs_backbones_or_those_that_are_named(pretrained: Path, settings: Settings) -> None:
    assert [start.name for start in find_initial_weights([pretrained], settings())] == BACKBONES
    one = find_initial_weights([pretrained], settings(backbones=["test_resnet"]))
    assert [(start.name, start.folder) for start in one] == [("test_resnet", pretrained / "test_resnet")]
    assert [start.name for start in find_initial_weights([pretrained / "test_resnet"], settings())] == ["test_resnet"]
    scratch = find_initial_weights([], settings(backbones=["resnet10t"]))
    assert [(start.name, start.folder) for start in scratch] == [("resnet10t", None)]


@pytest.mark.parametrize("start", ["scratch", "pretrained"])
def test_views_too_small_for_a_backbone_are_refused_before_anything_is_made(
    run: Callable[..., Any], pretrained: Path, tmp_path: Path, start: str
) -> None:
    if start == "scratch":
        words = ["backbones=[test_resnet,test_convnext]", "crop_s=0.5", "spectrogram={bands: 32}"]
    else:
        encoder = Encoder(EncoderSettings(backbone="test_convnext"))
        save_encoder(tmp_path / "run", encoder, crop_s=1, corpus_fingerprint="abc", step=1, steps=1)
        words = ["--from", str(tmp_path / "run"), "crop_s=0.5"]
    ran = run(tmp_path / "out", *words)
    assert ran.code == 2
    assert "backbone test_convnext: crop_s=0.5 (26 frames) is too small for it, 0.62 would do" in ran.told
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_started_from_is_told(pretrained: Path, settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing to start from: give --from RUN, or backbones="):
        find_initial_weights([], settings())
    with pytest.raises(ConfigError, match=r"resnet18 is not among those of --from: test_efficientnet, test_resnet"):
        find_initial_weights([pretrained], settings(backbones=["resnet18"]))
    with pytest.raises(ConfigError, match=r"are test_resnet; give one of them"):
        find_initial_weights([pretrained, pretrained / "test_resnet"], settings())
    with pytest.raises(CheckpointError, match=r"no encoder\.yaml in it"):
        find_initial_weights([tmp_path], settings())


def test_members_hear_windows_of_one_length(
    pretrained: Path, settings: Settings, encoder_settings: Callable[[str], EncoderSettings], tmp_path: Path
) -> None:
    longer = Encoder(encoder_settings("test_resnet"))
    save_encoder(tmp_path / "longer", longer, crop_s=1, corpus_fingerprint="abc", step=1, steps=1)
    both = [pretrained / BACKBONES[0], tmp_path / "longer"]
    with pytest.raises(ConfigError, match=r"\(longer 1 s, test_efficientnet 0\.5 s\).*; crop_s=0\.5 gives them all"):
        find_initial_weights(both, settings(crop_s=None))
    assert {start.crop_s(settings(crop_s=0.7)) for start in find_initial_weights(both, settings(crop_s=0.7))} == {0.7}


def no_network(name: str, pretrained: bool = False, **settings: object) -> torch.nn.Module:
    """What timm does where the Hub cannot be reached."""
    if pretrained:
        raise ConnectionError(f"cannot download {name}")
    return CREATE(name, **settings)


CREATE = timm_models.create_model


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timm_models, "create_model", no_network)


def test_weights_that_cannot_be_downloaded_are_named_with_what_to_do(
    labels: Path, settings: Settings, tmp_path: Path, offline: None
) -> None:
    with pytest.raises(
        ConfigError, match=r"(?s)test_resnet: .*ImageNet.*cannot download.*`pretrained: false`"
    ) as caught:
        finetune([], labels, tmp_path / "out", settings(backbones=["test_resnet"], pretrained=True))
    assert caught.value.exit_code == 2
    assert not (tmp_path / "out/ensemble.yaml").exists()


def test_third_place_runs_up_to_the_download(labels: Path, tmp_path: Path, offline: None) -> None:
    chosen = load_settings(FinetuneSettings, str(SHIPPED / "third-place.yaml"), ["crop_s=0.5", "workers=0"])
    assert (chosen.folds, chosen.ensemble, len(chosen.backbones or [])) == (5, "vote", 5)
    with pytest.raises(ConfigError, match=r"efficientnet_b0: its ImageNet weights cannot be had"):
        finetune([], labels, tmp_path / "out", chosen)


def test_all_five_of_third_place_are_cnns_that_timm_has_weights_for() -> None:
    chosen = load_settings(FinetuneSettings, "third-place.yaml", [])
    assert all(name in timm.list_models(pretrained=False) for name in chosen.backbones or [])
    assert all(timm.list_pretrained(f"{name}.*") for name in chosen.backbones or [])
