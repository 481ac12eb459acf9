import shutil
import signal

import pytest
import torch
import yaml

from emoclr.pretrain.encoder.checkpoint import WEIGHTS, load_encoder
from emoclr.pretrain.encoder.folders import CARD, RUN
from emoclr.pretrain.networks import timm_models


def test_a_run_starts_from_the_weights_and_the_normalisation_of_an_earlier_one(run, finished, tmp_path):
    ran = run(tmp_path / "run", f"start_from={finished.out}", "learning_rate=1e-12", "epochs=1", "weight_decay=0")
    assert ran.code == 0
    before, card = load_encoder(finished.out / "test_resnet")
    after, _ = load_encoder(ran.out / "test_resnet")
    for name, tensor in before.backbone.named_parameters():
        torch.testing.assert_close(after.backbone.get_parameter(name), tensor, atol=1e-6, rtol=0)
    assert yaml.safe_load((ran.out / RUN).read_text())["normalisation"] == card.encoder.normalisation.model_dump(
        mode="json"
    )


def test_one_backbones_folder_is_a_start_too(run, finished, tmp_path):
    ran = run(tmp_path / "run", f"start_from={finished.out / 'test_resnet'}", "epochs=1")
    assert ran.code == 0


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (["backbones=test_byobnet"], "holds no encoder.yaml, nor does its folder test_byobnet"),
        (["spectrogram.bands=24"], "was trained on other spectrograms"),
        (["pretrained=true"], "weights start from ImageNet or from an earlier run, not both"),
    ],
)
def test_a_start_that_does_not_fit_is_refused_before_anything_is_made(run, finished, tmp_path, changes, told):
    ran = run(tmp_path / "run", f"start_from={finished.out}", *changes)
    assert ran.code == 2 and told in ran.told
    assert not (tmp_path / "run").exists()


def test_another_backbone_than_asked_for_is_refused(run, finished, tmp_path):
    folder = shutil.copytree(finished.out / "test_efficientnet", tmp_path / "start")
    ran = run(tmp_path / "run", f"start_from={folder}")
    assert ran.code == 2 and "is a test_efficientnet, where test_resnet is to be trained" in ran.told


def test_a_start_with_other_normalisation_for_each_backbone_is_refused(run, finished, tmp_path):
    start = shutil.copytree(finished.out, tmp_path / "start")
    card = yaml.safe_load((start / "test_resnet" / CARD).read_text())
    card["encoder"]["normalisation"]["mean"][0] += 1
    (start / "test_resnet" / CARD).write_text(yaml.safe_dump(card))
    ran = run(tmp_path / "run", f"start_from={start}", "backbones=test_resnet,test_efficientnet")
    assert ran.code == 2 and "were trained with different normalisations" in ran.told


@pytest.fixture
def without_network(monkeypatch):
    """timm as it is where weights cannot be downloaded; returns how often they were asked for."""
    create, asked = timm_models.create_model, []

    def create_model(name, *, pretrained=False, **more):
        if pretrained:
            asked.append(name)
            raise OSError("no route to host")
        return create(name, **more)

    monkeypatch.setattr(timm_models, "create_model", create_model)
    return asked


def test_a_start_that_fails_is_no_run_in_the_way_of_the_next(run, tmp_path, without_network):
    ran = run(tmp_path / "run", "pretrained=true")
    assert ran.code == 2 and "`pretrained: false` starts without them" in ran.told and without_network
    assert not (ran.out / RUN).exists()
    labels = tmp_path / "labels.csv"
    labels.write_text("no labels\n")
    ran = run(tmp_path / "run", f"supervised={labels}")
    assert ran.code != 0 and str(labels) in ran.told and "Traceback" not in ran.told
    assert not (ran.out / RUN).exists()
    assert run(tmp_path / "run", "epochs=1").code == 0


def test_what_was_begun_goes_on_without_the_weights_it_began_with(run, finished, at_step, tmp_path, without_network):
    start = shutil.copytree(finished.out, tmp_path / "start")
    words = (f"start_from={start}", "log_every_steps=1")
    whole = run(tmp_path / "whole", *words)
    with at_step(2, lambda: signal.raise_signal(signal.SIGINT)):
        ran = run(tmp_path / "run", *words)
    assert ran.code == 130
    shutil.rmtree(start)
    ran = run(tmp_path / "run", *words, "--resume")
    assert ran.code == 0, ran.told
    weights = [(out / "test_resnet" / WEIGHTS).read_bytes() for out in (whole.out, ran.out)]
    assert weights[0] == weights[1]
    # Of a run that began with ImageNet's weights only the card says so.
    card = yaml.safe_load((ran.out / RUN).read_text())
    card["settings"] |= {"pretrained": True, "start_from": None}
    (ran.out / RUN).write_text(yaml.safe_dump(card | {"digests": {}}))
    ran = run(tmp_path / "run", "pretrained=true", "log_every_steps=1", "epochs=3", "--resume")
    assert ran.code == 0, ran.told
    assert not without_network
