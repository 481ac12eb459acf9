"""A run that cannot go on names the file that is in the way."""

import functools
import shutil

import pytest

from emoclr.pretrain.encoder.checkpoint import WEIGHTS
from emoclr.pretrain.encoder.folders import RUN
from emoclr.pretrain.training.saver import RESUME, AtomicCheckpointIO


def weights_of(run, backbone="test_resnet"):
    return (run / backbone / WEIGHTS).read_bytes()


@pytest.mark.parametrize("content", [b"", b"something else"])
def test_a_damaged_resume_file_is_named(stopped_copy, run, content):
    path = stopped_copy / "test_resnet" / RESUME
    path.write_bytes(content or path.read_bytes()[:-1_000])
    ran = run(stopped_copy, "--resume")
    assert ran.code == 1
    assert ran.told.splitlines()[-1].startswith(f"error: {path}: is not the resume file that was saved here")


@pytest.mark.parametrize(
    "lacking",
    [
        ["state_dict"],
        ["loops", "fit_loop", "epoch_loop.batch_progress", "total"],
        ["optimizer_states"],
        ["optimizer_states", 0, "state"],
        ["lr_schedulers"],
    ],
    ids=lambda keys: ".".join(map(str, keys)),
)
def test_a_resume_file_that_lacks_something_is_named(stopped_copy, run, lacking):
    path = stopped_copy / "test_resnet" / RESUME
    checkpoint = AtomicCheckpointIO().load_checkpoint(path)
    *above, last = lacking
    del functools.reduce(lambda content, key: content[key], above, checkpoint)[last]
    AtomicCheckpointIO().save_checkpoint(checkpoint, path)
    ran = run(stopped_copy, "--resume")
    assert ran.code == 1
    told = ran.told.splitlines()[-1]
    assert told.startswith(f"error: {path}: lacks what a training goes on from (") and "anew" in told


def test_a_resume_file_of_another_backbone_is_named(finished, run, tmp_path):
    out = shutil.copytree(finished.out, tmp_path / "run")
    path = out / "test_resnet" / RESUME
    shutil.copy(out / "test_efficientnet" / RESUME, path)
    before = weights_of(out)
    ran = run(out, "--resume", "epochs=3")
    assert ran.code == 1
    assert f"error: {path}: was saved by another network than test_resnet; " in ran.told
    assert weights_of(out) == before


@pytest.mark.parametrize("text", ["a: [1", "colour: red"])
def test_a_damaged_run_card_is_named(stopped_copy, run, text):
    (stopped_copy / RUN).write_text(text)
    ran = run(stopped_copy, "--resume")
    assert ran.code == 1 and f"error: {stopped_copy / RUN}: " in ran.told
