from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from safetensors.torch import load_file

from emoclr.configs.errors import EmoclrError
from emoclr.pretrain.data.views import ViewBatch
from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings
from emoclr.pretrain.objectives.registry import OBJECTIVES, make_loss
from emoclr.pretrain.report.run_state import _bad_steps
from emoclr.pretrain.settings import PretrainSettings
from emoclr.pretrain.training.contrastive_metrics import (
    alignment,
    contrastive_accuracy,
    effective_rank,
    embedding_std,
    uniformity,
)
from emoclr.pretrain.training.module import ContrastiveModule


@pytest.fixture
def make_module(encoder):
    def make(steps=10, **more):
        content = {"data": ["x"], "out": Path("x"), "backbones": ["test_resnet"]}
        small = {"projection_hidden": 32, "projection_size": 16}
        module = ContrastiveModule(
            encoder, PretrainSettings.model_validate({**content, **small, **more}), steps, lambda rank, ranks: None
        )
        module.trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
        module.setup("fit")
        return module

    return make


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    masks = torch.rand(5, 2, 2, 1, generator=generator) * 0.5
    return ViewBatch(
        0.1 * torch.randn(5, 2, 8_000, generator=generator), torch.cat([masks, masks + 0.2], dim=3), torch.arange(5)
    )


def closed_form(projections, temperature):
    """NT-Xent (Chen et al. 2020, equation 1) of `projections[clip][view]`, by loops."""
    views = [(clip, view / np.linalg.norm(view)) for clip, pair in enumerate(projections) for view in pair]
    losses = []
    for here, (clip, view) in enumerate(views):
        others = [(other, np.exp(view @ z / temperature)) for there, (other, z) in enumerate(views) if there != here]
        (twin,) = (weight for other, weight in others if other == clip)
        losses.append(-np.log(twin / sum(weight for _, weight in others)))
    return np.mean(losses)


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_the_loss_of_a_batch_is_nt_xents_closed_form(make_module, batch, temperature):
    module = make_module(temperature=temperature).train()
    loss = module.training_step(batch, 0)
    # All views clip by clip, in an order of its own: batch norm does not mind, and the loss must not either.
    waveforms = torch.cat([batch.waveforms[clip] for clip in range(5)])
    masks = torch.cat([batch.masks[clip] for clip in range(5)])
    projections = module.projection(module.encoder(waveforms, masks)).detach().double().numpy().reshape(5, 2, -1)
    assert loss.item() == pytest.approx(closed_form(projections, temperature), rel=1e-4)


def test_in_bf16_the_loss_is_computed_in_single_precision(make_module, batch):
    module = make_module(temperature=0.1).train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = module.training_step(batch, 0)
    first, second = module.latest["first"], module.latest["second"]
    assert {loss.dtype, first.dtype, second.dtype} == {torch.float32}
    projections = torch.stack([first, second], dim=1).double().numpy()
    assert loss.item() == pytest.approx(closed_form(projections, 0.1), rel=1e-5)


def test_masks_reach_the_view_they_were_drawn_for(make_module, batch):
    module = make_module().eval()
    first, second = module.project(module.embed(batch))
    unmasked = batch._replace(masks=torch.zeros_like(batch.masks))
    masks = unmasked.masks.clone()
    masks[3, 1] = torch.tensor([[0.0, 1.0]])
    changed_first, changed_second = module.project(module.embed(unmasked._replace(masks=masks)))
    plain_first, plain_second = module.project(module.embed(unmasked))
    torch.testing.assert_close(changed_first, plain_first)
    differs = (changed_second - plain_second).abs().amax(dim=1) > 1e-3
    assert differs.tolist() == [False, False, False, True, False]
    assert first.shape == second.shape == (5, 16)


@pytest.mark.filterwarnings("ignore:To copy construct")  # in lightly's DCLW
@pytest.mark.parametrize("objective", sorted(OBJECTIVES))
def test_every_objective_trains_the_encoder(make_module, batch, objective):
    module = make_module(objective=objective).train()
    loss = module.training_step(batch, 0)
    loss.backward()
    assert torch.isfinite(loss)
    gradients = [parameter.grad for parameter in module.encoder.parameters()]
    assert all(gradient is not None and torch.isfinite(gradient).all() for gradient in gradients)
    assert sum(gradient.abs().sum() for gradient in gradients) > 0


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "lars"])
def test_biases_and_norms_have_no_weight_decay_and_everything_else_has(make_module, optimizer):
    module = make_module(optimizer=optimizer, weight_decay=0.07)
    groups = module.configure_optimizers()["optimizer"].param_groups
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    assert len(decay) == sum(len(group["params"]) for group in groups) == len(list(module.parameters()))
    norms = (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)
    spared = {id(p) for part in module.modules() if isinstance(part, norms) for p in part.parameters()}
    spared |= {id(p) for name, p in module.named_parameters() if name.endswith("bias")}
    assert spared
    assert decay == {id(p): 0.0 if id(p) in spared else 0.07 for p in module.parameters()}


def test_the_learning_rate_warms_up_to_its_value_and_falls_to_nothing(make_module):
    configured = make_module(steps=40, warmup=0.25, learning_rate=0.02).configure_optimizers()
    optimizer, schedule = configured["optimizer"], configured["lr_scheduler"]
    assert schedule["interval"] == "step"
    rates = []
    for _ in range(40):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule["scheduler"].step()
    peak = int(np.argmax(rates))
    assert max(rates) == pytest.approx(0.02, rel=0.02) and 8 <= peak <= 11
    assert (np.diff(rates[: peak + 1]) > 0).all() and (np.diff(rates[10:]) < 0).all()
    # Half of the way down, a cosine has half of its height.
    assert rates[25] == pytest.approx(0.01, rel=0.1)
    assert rates[-1] < 0.02 / 50


def test_metrics_are_those_of_the_latest_step(make_module, batch):
    module = make_module().train()
    loss = module.training_step(batch, 0)
    first, second = module.latest["first"], module.latest["second"]
    optimizer = torch.optim.SGD(module.parameters(), lr=0.125)
    module.on_before_optimizer_step(optimizer)
    assert module.metrics() == pytest.approx(
        {
            "loss": loss.item(),
            "contrastive_accuracy": contrastive_accuracy(first, second).item(),
            "alignment": alignment(first, second).item(),
            "uniformity": uniformity(first).item(),
            "embedding_std": embedding_std(first).item(),
            "effective_rank": effective_rank(first).item(),
            "learning_rate": 0.125,
        }
    )


def test_a_loss_that_is_no_number_ends_the_run_and_saves_its_views(make_module, batch, tmp_path):
    module = make_module().train()
    module.trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, default_root_dir=tmp_path)
    assert module.metrics() == {}
    broken = batch._replace(waveforms=batch.waveforms.index_fill(0, torch.tensor([3]), torch.nan))
    with pytest.raises(EmoclrError, match=r"the loss of step 7 is nan; .*bad-step-7.* lower learning_rate"):
        module.training_step(broken, 6)
    saved = load_file(tmp_path / "bad-step-7.safetensors")
    assert torch.equal(saved["clips"], batch.clips) and torch.equal(saved["masks"], batch.masks)
    assert saved["waveforms"].isnan().flatten(1).any(dim=1).tolist() == [False, False, False, True, False]


def test_with_several_ranks_a_bad_step_is_named_by_its_rank(make_module, batch, tmp_path, monkeypatch):
    module = make_module(max_bad_steps=9).train()
    trainer = SimpleNamespace(world_size=2, global_rank=1, default_root_dir=tmp_path)
    monkeypatch.setattr(ContrastiveModule, "trainer", trainer)
    with pytest.raises(EmoclrError, match=r"bad-step-7-rank-1\.safetensors"):
        module.training_step(batch._replace(waveforms=batch.waveforms * torch.nan), 6)
    assert _bad_steps(tmp_path) == ["a loss that is no number at step 7"]


def test_views_are_not_set_aside_into_a_folder_that_is_gone(make_module, batch, tmp_path):
    module = make_module(max_bad_steps=9).train()
    gone = tmp_path / "gone"
    module.trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, default_root_dir=gone)
    with pytest.raises(EmoclrError, match="the folder was removed"):
        module.training_step(batch._replace(waveforms=batch.waveforms * torch.nan), 0)
    assert not gone.exists()


def test_as_many_bad_steps_are_skipped_as_allowed(make_module, batch, tmp_path, capsys):
    module = make_module(max_bad_steps=1).train()
    module.trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, default_root_dir=tmp_path)
    broken = batch._replace(waveforms=batch.waveforms * torch.nan)
    assert module.training_step(broken, 0) is None
    assert "Skipped, 1 of at most 1" in capsys.readouterr().err
    with pytest.raises(EmoclrError, match="the loss of step 2"):
        module.training_step(broken, 1)


def test_a_skipped_step_leaves_the_running_averages_and_has_no_metrics(make_module, batch, tmp_path):
    module = make_module(max_bad_steps=1).train()
    module.trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, default_root_dir=tmp_path)
    module.training_step(batch, 0)
    before = {name: buffer.clone() for name, buffer in module.named_buffers() if "running" in name}
    assert before
    assert module.training_step(batch._replace(waveforms=batch.waveforms * torch.nan), 1) is None
    assert all(torch.equal(buffer, before[name]) for name, buffer in module.named_buffers() if name in before)
    assert module.metrics() == {}


def test_stochastic_layers_draw_from_the_seed_and_the_place_in_the_run(make_module, batch):
    module = make_module().train()
    drawn = []
    module.projection.register_forward_hook(lambda *_: drawn.append(torch.rand(1).item()))
    for step, disturbance in ((3, 0), (3, 1), (4, 0)):
        torch.manual_seed(disturbance)
        module.training_step(batch, step)
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.fixture
def without_batch_statistics(make_module, encoder):
    """Makes a module whose batch norms are frozen, so that a view's projection depends on that view only."""

    def make(**more):
        torch.manual_seed(0)
        module = make_module(**more).train()
        for part in module.modules():
            if isinstance(part, torch.nn.modules.batchnorm._BatchNorm):
                part.eval()
        return module

    return make


@pytest.mark.parametrize("objective", ["nt_xent", "dcl", "vicreg"])
@pytest.mark.parametrize("chunk_size", [1, 2, 3])
def test_chunks_have_the_gradients_of_the_whole_batch(without_batch_statistics, batch, objective, chunk_size):
    gradients = {}
    whole = without_batch_statistics(objective=objective)
    for size in (None, chunk_size):
        module = without_batch_statistics(objective=objective, chunk_size=size)
        module.load_state_dict(whole.state_dict())
        loss = module.training_step(batch, 0)
        module.zero_grad()
        loss.backward()
        gradients[size] = loss.item(), torch.cat([p.grad.flatten() for p in module.parameters()])
    assert gradients[chunk_size][0] == pytest.approx(gradients[None][0], rel=1e-5)
    # Convolutions of one view round in another order than those of five; test_chunks.py looks closer.
    apart = (gradients[chunk_size][1] - gradients[None][1]).norm() / gradients[None][1].norm()
    assert gradients[None][1].norm() > 0 and apart < 1e-4


def test_in_training_too_chunks_have_the_gradients_of_the_whole_batch_where_the_backbone_has_no_batch_norms(batch):
    sizes = {"n_fft": 512, "hop_length": 320, "bands": 32}
    encoder = Encoder(EncoderSettings.model_validate({"backbone": "test_convnext", "spectrogram": sizes}))
    head = OBJECTIVES["nt_xent"].load_head()(encoder.features, 32, 16)
    assert any(isinstance(part, torch.nn.BatchNorm1d) for part in head.modules())
    longer = batch._replace(waveforms=batch.waveforms.repeat(1, 1, 2))
    found = []
    for size in (None, 2):
        content = {"data": ["x"], "out": "x", "backbones": ["test_convnext"], "chunk_size": size}
        small = {"projection_hidden": 32, "projection_size": 16}
        settings = PretrainSettings.model_validate({**content, **small})
        torch.manual_seed(0)
        module = ContrastiveModule(encoder, settings, 10, lambda rank, ranks: None).train()
        first, second = module.project(module.embed(longer))
        loss = make_loss("nt_xent", 0.15, distributed=False)(first, second)
        module.zero_grad()
        loss.backward()
        found.append((loss.item(), torch.cat([p.grad.flatten() for p in module.parameters()])))
    assert found[1][0] == pytest.approx(found[0][0], rel=1e-5)
    assert (found[1][1] - found[0][1]).norm() < 1e-4 * found[0][1].norm()


def test_chunks_update_running_averages_once(make_module, batch):
    module = make_module(chunk_size=2).train()
    norm = next(part for part in module.modules() if isinstance(part, torch.nn.BatchNorm2d))
    seen = []
    norm.register_forward_hook(lambda *_: seen.append(norm.running_mean.clone()))
    loss = module.training_step(batch, 0)
    forward = len(seen)
    loss.backward()
    assert forward == 3 and len(seen) == 6
    assert torch.equal(seen[0] == seen[1], torch.zeros_like(seen[0], dtype=torch.bool))
    assert torch.equal(norm.running_mean, seen[2]) and norm.num_batches_tracked == 3
    assert norm.momentum == 0.1
