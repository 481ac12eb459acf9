import contextlib
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from emoclr.pretrain.data.functionals.functionals import FUNCTIONALS
from emoclr.pretrain.data.unreadable_clips import SET_ASIDE
from emoclr.pretrain.data.views import ViewBatch
from emoclr.pretrain.encoder.checkpoint import WEIGHTS, load_encoder
from emoclr.pretrain.encoder.folders import RUN
from emoclr.pretrain.objectives.registry import make_loss
from emoclr.pretrain.report.report import REPORT
from emoclr.pretrain.settings import PretrainSettings
from emoclr.pretrain.training.module import ContrastiveModule

TWO = ("devices=2", "batch_size=4", "epochs=2", "save_every_steps=2")


TORCHRUN = {"TORCHELASTIC_RUN_ID": "none", "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0"}


def ended(ranks):
    return [rank.wait() for rank in ranks]


def weights_of(out):
    return (out / "test_resnet" / WEIGHTS).read_bytes()


@pytest.fixture(scope="module")
def told_of_whole(command, start_two, tmp_path_factory):
    """A run of two ranks and two backbones that nothing interrupted, and what its ranks told."""
    out = tmp_path_factory.mktemp("whole") / "run"
    ranks = start_two(command(out, *TWO, "backbones=test_resnet,test_efficientnet"))
    codes, told = ended(ranks), [rank.told() for rank in ranks]
    assert codes == [0, 0], told
    return out, told


@pytest.fixture(scope="module")
def whole(told_of_whole):
    return told_of_whole[0]


def test_that_batch_norms_of_cpu_ranks_are_not_synchronised_is_told_once_and_remembered(told_of_whole):
    out, (first, second) = told_of_whole
    assert first.count("warning: batch norms are not synchronised: ") == 1 and second == ""
    (remembered,) = yaml.safe_load((out / RUN).read_text())["warnings"]
    assert f"warning: {remembered}\n" in first
    assert "each of the 2 CPU ranks normalises by its own 4 clips" in remembered
    assert remembered in (out / REPORT).read_text()


def test_what_torchrun_starts_trains_together_by_default(whole, command, start_two, tmp_path):
    ranks = start_two(command(tmp_path / "run", *TWO[1:]), **TORCHRUN)
    assert ended(ranks) == [0, 0]
    assert weights_of(tmp_path / "run") == weights_of(whole)


def test_processes_that_would_each_train_alone_are_refused_before_anything_is_made(command, start_two, tmp_path):
    ranks = start_two(command(tmp_path / "run", *TWO[1:], "devices=1"), **TORCHRUN)
    assert ended(ranks) == [2, 2]
    assert "torchrun has started 2 processes; devices=2 num_nodes=1 is right" in ranks[0].told()
    assert not (tmp_path / "run").exists()


def kill_self():
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("step", [1, 5])
def test_two_ranks_that_are_killed_end_as_if_they_had_never_been(whole, command, start_two, at_step, tmp_path, step):
    words = command(tmp_path / "killed", *TWO)
    assert ended(start_two(words, [at_step(step, kill_self) for _ in range(2)])) == [-signal.SIGKILL] * 2
    ranks = start_two([*words, "--resume"])
    assert ended(ranks) == [0, 0]
    assert f"step {step // 2 * 2 + 1} of 6" in ranks[0].told()
    assert weights_of(tmp_path / "killed") == weights_of(whole)


@pytest.mark.parametrize("told", [0, 1])
def test_a_signal_to_one_rank_stops_both_and_nothing_is_lost(whole, command, start_two, at_step, tmp_path, told):
    words = command(tmp_path / "stopped", *TWO, "save_every_steps=100")
    ask = at_step(2, lambda: signal.raise_signal(signal.SIGTERM))
    asked = [ask if rank == told else contextlib.nullcontext() for rank in range(2)]
    ranks = start_two(words, asked)
    assert ended(ranks) == [130, 130]
    assert "saved at step 3 of 6" in ranks[0].told()
    assert ranks[1].told() == ""
    assert ended(start_two([*words, "--resume"])) == [0, 0]
    assert weights_of(tmp_path / "stopped") == weights_of(whole)


def test_a_rank_that_cannot_write_says_so_and_the_other_that_it_is_left_alone(
    whole, command, start_two, at_step, tmp_path
):
    def fill_disk():
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    words = command(tmp_path / "run", *TWO)
    ranks = start_two(words, [at_step(3, fill_disk), None])
    assert ended(ranks) == [1, 1]
    told = [rank.told() for rank in ranks]
    assert told[0].endswith("free some space or mend the permissions, then go on with --resume\n")
    assert told[1].endswith("error: rank 1: another rank has ended, and will have said why\n")
    assert not any("Traceback" in text for text in told)
    assert ended(start_two([*words, "--resume"])) == [0, 0]
    assert weights_of(tmp_path / "run") == weights_of(whole)


def test_the_command_starts_its_own_second_rank(whole, command, tmp_path):
    program = shutil.which("pretrain", path=Path(sys.executable).parent)
    words = [program, *command(tmp_path / "run", *TWO)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=600)
    assert ran.returncode == 0, ran.stderr
    assert weights_of(tmp_path / "run") == weights_of(whole)
    assert load_encoder(tmp_path / "run" / "test_resnet")[1].finished


@pytest.fixture
def recordings(write_clips, tmp_path):
    write_clips(tmp_path / "recordings", [0.6] * 24)
    return tmp_path / "recordings"


# Of 24 clips two may be unreadable, and of the twelve that a rank sees by itself one.
@pytest.mark.parametrize(("unreadable", "code"), [((7, 11), 0), ((7, 11, 13), 1)])
def test_unreadable_clips_of_ranks_are_counted_together_and_named_once(
    command, start_two, at_step, tmp_path, recordings, unreadable, code
):
    def lose():
        for clip in unreadable:
            (recordings / f"{clip:02}.wav").unlink(missing_ok=True)

    words = [f"data={recordings}", f"cache={tmp_path / 'cache'}", "cache_gb=0", "max_lost=0.09", "negatives=any"]
    ranks = start_two(command(tmp_path / "run", *TWO, *words), [at_step(2, lose)] * 2)
    assert ended(ranks) == [code, code]
    told = ranks[0].told()
    names = [f"{recordings / f'{clip:02}.wav'}" for clip in unreadable]
    assert sum(told.count(f"unreadable: {name}: no such file") for name in names) == len(unreadable)
    assert ranks[1].told() == ""
    if code:
        assert told.count("3 clips of epoch 1 are unreadable, more than the share of 0.09 that max_lost allows") == 1
    listed = (tmp_path / "run" / SET_ASIDE).read_text()
    assert sorted(listed.splitlines()) == [f"{name}: unreadable in training: no such file" for name in names]


class Step(nn.Module):
    """The training step as what DistributedDataParallel calls."""

    def __init__(self, module, ranks):
        super().__init__()
        self.module = module
        module.loss = make_loss(module.settings.objective, module.settings.temperature, ranks > 1)

    def forward(self, batch):
        embeddings = self.module.embed(batch)
        of_functionals = self.module.functionals(embeddings, batch.functionals.transpose(0, 1).flatten(0, 1))
        return self.module.loss(*self.module.project(embeddings)) + of_functionals


def gradients(encoder, objective, batch, ranks=1):
    """Returns loss, gradients and what is known of functionals after one step.

    Batch norms use what they have learned, so that nothing mixes clips.
    """
    dtype = batch.waveforms.dtype
    torch.manual_seed(0)
    content = {
        "data": ["x"],
        "out": "x",
        "backbones": ["test_resnet"],
        "objective": objective,
        "chunk_size": 2,
        "functionals_weight": 1,
    }
    small = {"projection_hidden": 32, "projection_size": 16}
    settings = PretrainSettings.model_validate({**content, **small})
    step = Step(ContrastiveModule(encoder, settings, 10, lambda rank, ranks: None), ranks).eval().to(dtype)
    step.module.functionals.train()
    trained = DistributedDataParallel(step) if ranks > 1 else step
    loss = trained(batch)
    loss.backward()
    return (
        loss.detach(),
        torch.cat([parameter.grad.flatten() for parameter in step.parameters()]),
        step.module.functionals.mean,
    )


# Single precision rounds in another order for other batches, by how much depends on the processor: up to 6e-6 was
# measured for contrast, and 4e-5 to 2.4e-4 for VICReg, which divides by deviations that are small here.
@pytest.mark.parametrize(
    ("objective", "dtype", "apart"),
    [
        *((objective, torch.float64, 1e-9) for objective in ("nt_xent", "dcl", "vicreg")),
        *((objective, torch.float32, 1e-4) for objective in ("nt_xent", "dcl")),
        ("vicreg", torch.float32, 3e-3),
    ],
)
def test_two_ranks_learn_from_half_a_batch_each_what_one_learns_from_the_whole(
    encoder, objective, dtype, apart, tmp_path, monkeypatch, free_port
):
    if dtype == torch.float64:
        monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    generator = torch.Generator().manual_seed(0)
    waveforms = 0.1 * torch.randn(8, 2, 8_000, generator=generator, dtype=dtype)
    functionals = torch.randn(8, 2, len(FUNCTIONALS), generator=generator, dtype=dtype)
    functionals[functionals > 1] = torch.nan
    batch = ViewBatch(waveforms, torch.zeros(8, 2, 1, 2), torch.arange(8), functionals)
    port = free_port()

    def work(rank):
        torch.set_num_threads(1)
        torch.distributed.init_process_group("gloo", f"tcp://localhost:{port}", rank=rank, world_size=2)
        half = ViewBatch(*(part[4 * rank : 4 * rank + 4] for part in batch))
        torch.save(gradients(encoder, objective, half, ranks=2), tmp_path / f"{rank}.pt")
        torch.distributed.destroy_process_group()

    ranks = [multiprocessing.get_context("fork").Process(target=work, args=(rank,)) for rank in range(2)]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(300)
    assert [process.exitcode for process in ranks] == [0, 0]
    (loss_0, first, *known), (loss_1, second, *known_too) = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    loss, whole, of_whole = gradients(encoder, objective, batch)
    assert whole.norm() > 0
    assert torch.equal(first, second)
    torch.testing.assert_close([*known, *known_too], [of_whole] * 2)
    torch.testing.assert_close((loss_0 + loss_1) / 2, loss, rtol=1e-5, atol=0)
    assert (first - whole).norm() < apart * whole.norm()
