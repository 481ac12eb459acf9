import contextlib
import ctypes
import itertools
import os
import resource
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from emoclr.corpus.parallel.engines import make_engine
from emoclr.corpus.tars.shards import write_shards
from emoclr.pretrain.encoder.checkpoint import NEXT, WEIGHTS, load_encoder
from emoclr.pretrain.encoder.folders import CARD
from emoclr.pretrain.objectives.registry import OBJECTIVES
from emoclr.pretrain.training.saver import RESUME, AtomicCheckpointIO

KILLS = int(os.environ.get("EMOCLR_KILLS", "3"))
"""How often each run is killed at random moments."""

RUNS = {
    "nt_xent": ["workers=0"],
    "vicreg, 2 workers": ["objective=vicreg", "workers=2"],
    "dclw, in chunks": ["objective=dclw", "chunk_size=3", "functionals_weight=1"],
    "background": ["augment.background.p=1"],
    "tars, 2 workers": ["workers=2", "shuffle_buffer=8", "functionals_weight=1"],
}


@pytest.fixture(scope="module")
def tars(corpus, tmp_path_factory):
    """The clips of the corpus in tars."""
    folder = tmp_path_factory.mktemp("tars")
    write_shards([corpus], folder / "x-%06d.tar", make_engine("local"), "flac", shard_mb=0.16)
    last = sorted(folder.glob("x-*.tar"))[-1].stem
    assert last > "x-000001"
    return f"data={folder}/x-{{000000..{last[2:]}}}.tar"


@pytest.fixture(scope="module")
def whole(command, start, tmp_path_factory):
    """A run that nothing disturbs, in as many threads as those that are."""
    out = tmp_path_factory.mktemp("whole") / "run"
    assert start(command(out)).wait() == 0
    return out


def weights_of(out):
    return (out / "test_resnet" / WEIGHTS).read_bytes()


def learned(out):
    """All that a run has learned: encoder, projection head, and what its optimizer remembers."""
    saved = AtomicCheckpointIO().load_checkpoint(out / "test_resnet" / RESUME)
    return saved["state_dict"], [optimizer["state"] for optimizer in saved["optimizer_states"]]


def nothing_unfinished(out):
    return not list(out.rglob("*.tmp"))


@pytest.mark.parametrize("kind", RUNS)
def test_killed_at_random_moments_a_run_ends_as_if_it_had_never_been(request, command, start, tmp_path, kind):
    options = [*RUNS[kind], "save_every_steps=2"]
    if kind.startswith("tars"):
        options.append(request.getfixturevalue("tars"))
    began = time.monotonic()
    assert start(command(tmp_path / "whole", *options)).wait() == 0
    whole_s = time.monotonic() - began
    moments = np.random.default_rng(sum(map(ord, kind)))
    out = tmp_path / "killed"
    words = [*command(out, *options), "--resume"]
    killed = 0
    while killed < KILLS:
        child = start(words)
        child.wait(moments.uniform(0, whole_s))
        child.process.kill()
        if child.wait() == -signal.SIGKILL:
            killed += 1
        else:
            shutil.rmtree(out)
    assert start(words).wait() == 0
    assert weights_of(out) == weights_of(tmp_path / "whole")
    assert load_encoder(out / "test_resnet")[1].finished
    assert nothing_unfinished(out)


@pytest.mark.parametrize(
    ("objective", "optimizer"),
    zip(OBJECTIVES, itertools.cycle(["lars", "sgd", "adamw"]), strict=False),
)
def test_killed_at_some_step_a_run_of_any_objective_and_optimizer_ends_as_if_it_had_never_been(
    command, start, at_step, tmp_path, objective, optimizer
):
    options = [f"objective={objective}", f"optimizer={optimizer}", "save_every_steps=2", "log_every_steps=6"]
    assert start(command(tmp_path / "whole", *options)).wait() == 0
    words = command(tmp_path / "killed", *options)
    assert start(words, at_step(3, lambda: os.kill(os.getpid(), signal.SIGKILL))).wait() == -signal.SIGKILL
    on_the_way, _ = learned(tmp_path / "killed")
    child = start([*words, "--resume"])
    assert child.wait() == 0, child.told()
    weights, remembered = learned(tmp_path / "killed")
    assert weights_of(tmp_path / "killed") == weights_of(tmp_path / "whole")
    assert remembered[0]
    torch.testing.assert_close((weights, remembered), learned(tmp_path / "whole"), rtol=0, atol=0)
    assert all(not torch.equal(before, weights[name]) for name, before in on_the_way.items() if "weight" in name)


@contextlib.contextmanager
def killed_at(name, time_of_it, after):
    """Kills this process right before or right after the file `name` is replaced for the n-th time."""
    replace = Path.replace
    seen = itertools.count(1)

    def deadly(self, target):
        last = target.name == name and next(seen) == time_of_it
        if last and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(self, target)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", deadly)
        yield


@pytest.mark.parametrize(("every", "which"), [(1, 2), (100, 1)], ids=["on the way", "at the end"])
def test_killed_within_every_part_of_a_save_a_run_loses_no_more_than_that_save(
    whole, command, start, tmp_path, every, which
):
    words = [*command(tmp_path / "run", f"save_every_steps={every}"), "--resume"]
    for name, after in itertools.product((NEXT, CARD, WEIGHTS, RESUME), (False, True)):
        code = start(words, killed_at(name, which, after)).wait()
        if code == 0:
            break
        assert code == -signal.SIGKILL
        resume = tmp_path / "run" / "test_resnet" / RESUME
        if every == 1 or (resume.parent / CARD).is_file():
            load_encoder(resume.parent)
        assert every == 100 or AtomicCheckpointIO().load_checkpoint(resume)["global_step"] > 0
    assert start(words).wait() == 0
    assert weights_of(tmp_path / "run") == weights_of(whole)
    assert load_encoder(tmp_path / "run" / "test_resnet")[1].finished
    assert nothing_unfinished(tmp_path / "run")


def fill_disk(out):
    """From here on no file of this process may grow."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def take_away(out):
    out.rename(out.with_name("elsewhere"))


def forbid(out):
    if os.geteuid() == 0:
        # Root writes where modes forbid it, unless its capabilities are gone.
        assert ctypes.CDLL(None).capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()) == 0
    (out / "test_resnet").chmod(0o555)


@pytest.mark.parametrize("log_every", [1, 3], ids=["metrics first", "checkpoint first"])
@pytest.mark.parametrize(
    ("mishap", "reason"),
    [
        (fill_disk, "cannot be written: File too large"),
        (take_away, "the folder was removed while the run was writing into it"),
        (forbid, "cannot be written: Permission denied"),
    ],
)
def test_where_nothing_can_be_written_the_last_checkpoint_is_kept(
    whole, command, start, at_step, tmp_path, mishap, reason, log_every
):
    out = tmp_path / "run"
    words = command(out, "save_every_steps=2", f"log_every_steps={log_every}")
    child = start(words, at_step(3, lambda: mishap(out)))
    assert child.wait() == 1
    told = child.told()
    assert f"error: {out / 'test_resnet'}" in told and reason in told
    assert told.endswith("free some space or mend the permissions, then go on with --resume\n")
    if mishap is take_away:
        assert not out.exists()
        out.with_name("elsewhere").rename(out)
    (out / "test_resnet").chmod(0o755)
    assert nothing_unfinished(out)
    assert load_encoder(out / "test_resnet")[1].step == 2
    assert AtomicCheckpointIO().load_checkpoint(out / "test_resnet" / RESUME)["global_step"] == 2
    assert start([*words, "--resume"]).wait() == 0
    assert weights_of(out) == weights_of(whole)
