"""What cannot work is refused before anything is made, and what is unsafe is warned of."""

import re

import pytest
import yaml

from emoclr.pretrain.encoder.folders import RUN


def test_a_corpus_smaller_than_a_batch_is_refused_before_anything_is_made(run, tmp_path):
    ran = run(tmp_path / "run", "batch_size=32")
    assert ran.code == 2
    assert "batch_size 32: the corpus has 24 clips to train on" in ran.told
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["accelerator=foo"], "accelerator: "),
        (["accelerator=tpu"], "accelerator=tpu devices=auto num_nodes=1: "),
        (["devices=0"], "devices.*: "),
        (["batch_size=16", "devices=2"], "a batch needs as many on each of 2 ranks; batch_size=12 "),
        (["max_bad_steps=3", "devices=2"], "max_bad_steps 3: of 2 ranks the others would wait"),
    ],
)
def test_what_the_devices_cannot_do_is_refused_before_anything_is_made(run, tmp_path, words, told):
    ran = run(tmp_path / "run", *words)
    assert ran.code == 2 and re.search(told, ran.told), ran.told
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("speakers_per_batch", "fits"), [(4, "batch_size=24"), (16, "batch_size=16"), (32, "batch_size=24 negatives=any")]
)
def test_a_batch_size_that_fits_is_suggested_and_fits(run, tmp_path, speakers_per_batch, fits):
    asked = f"speakers_per_batch={speakers_per_batch}"
    assert f"; {fits} fits" in run(tmp_path / "run", "batch_size=32", asked).told
    assert run(tmp_path / "run", asked, *fits.split(), "epochs=1").code == 0


def test_views_too_small_for_a_backbone_are_refused_before_anything_is_made(run, tmp_path):
    ran = run(tmp_path / "run", "backbones=test_resnet,test_convnext")
    assert ran.code == 2
    assert "backbone test_convnext: crop_s=0.5 (26 frames) is too small for it, 0.62 would do" in ran.told
    assert not (tmp_path / "run").exists()


def test_a_backbone_that_is_misspelt_is_told_before_the_others_are_trained(run, tmp_path):
    ran = run(tmp_path / "run", "backbones=test_resnet,resnet10")
    assert ran.code == 2 and "resnet10:" in ran.told and "'resnet10t'" in ran.told
    assert not (tmp_path / "run").exists()


def test_what_is_unsafe_is_warned_of_and_remembered(run, tmp_path):
    transforms = "augment.transforms=[{name: Reverse}]"
    refused = run(tmp_path / "run", transforms)
    assert refused.code == 2 and "Reverse is refused: sound is serial" in refused.told
    ran = run(tmp_path / "run", transforms, "augment.allow_unsafe=true", "epochs=1")
    assert ran.code == 0
    assert "warning: unsafe augmentation: Reverse: sound is serial" in ran.told
    assert yaml.safe_load((ran.out / RUN).read_text())["warnings"][0].startswith("unsafe augmentation: Reverse: ")


def test_that_lars_without_weight_decay_is_plain_sgd_is_warned_of_and_remembered(run, tmp_path):
    ran = run(tmp_path / "run", "optimizer=lars", "weight_decay=0", "epochs=1")
    assert ran.code == 0 and "warning: optimizer=lars with weight_decay=0 is plain SGD" in ran.told
    assert yaml.safe_load((ran.out / RUN).read_text())["warnings"][0].startswith("optimizer=lars")
