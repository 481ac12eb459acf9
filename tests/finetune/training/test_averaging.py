"""The average of the weights: equal to one computed by hand, and what validation hears and the member keeps."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from safetensors.torch import load_file
from torch import Tensor

from emoclr.augment.views import ViewMaker
from emoclr.finetune.model.model import EmotionModel
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.training.averaging import WeightAverage
from emoclr.finetune.training.losses import EmotionLoss
from emoclr.finetune.training.member import Task, train_member
from emoclr.finetune.training.module import FinetuneModule
from emoclr.pretrain.data.batches import BatchOrder, ViewDataset, ViewLoader
from emoclr.pretrain.encoder.checkpoint import load_encoder
from emoclr.pretrain.training.trainer import fit, make_trainer

BACKBONE = "test_resnet"


class Trace(pl.Callback):
    """Every state of the model, the first one included."""

    def __init__(self, model: EmotionModel) -> None:
        self.states = [snapshot(model)]

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: Any) -> None:
        assert isinstance(pl_module, FinetuneModule)
        self.states.append(snapshot(pl_module.model))


def snapshot(model: torch.nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("keep_statistics", [True, False])
def test_it_is_the_moving_average_of_weights_and_statistics(
    pretrained: Path,
    task: Task,
    settings: Callable[..., FinetuneSettings],
    tmp_path: Path,
    keep_statistics: bool,
) -> None:
    chosen, steps, decay = settings(learning_rate=0.01), 4, 0.3
    model = EmotionModel(load_encoder(pretrained / BACKBONE)[0], 2)
    loader = ViewLoader(
        ViewDataset(task.store, ViewMaker(chosen.augment, 8_000, 16_000, 0), views=1),
        BatchOrder(task.store.speakers[task.train], 4, 1, 0, clips=task.train),
        steps,
        workers=0,
    )
    module = FinetuneModule(
        model,
        chosen,
        torch.from_numpy(task.targets),
        EmotionLoss(chosen, torch.ones(2)),
        steps,
        loader,
        keep_statistics=keep_statistics,
    )
    module.train()
    trace, average = Trace(model), WeightAverage(model, decay)
    fit(make_trainer(tmp_path, model.encoder.backbone, chosen, 0.5), module, steps, [trace, average])

    first, *later = trace.states
    expected = {name: value.double().numpy() for name, value in first.items() if value.is_floating_point()}
    for step, state in enumerate(later, start=1):
        left = min(decay, (1 + step) / (10 + step))
        expected = {name: left * mean + (1 - left) * state[name].double().numpy() for name, mean in expected.items()}
    found = average.model.state_dict()
    for name, mean in expected.items():
        assert found[name].numpy() == pytest.approx(mean, abs=1e-5), name
    moved = [name for name, value in later[-1].items() if not torch.equal(value, first[name])]
    assert any("running_var" in name for name in moved) != keep_statistics
    assert not np.allclose(found["head.linear.weight"], later[-1]["head.linear.weight"], atol=1e-5)


def test_a_member_is_validated_and_saved_as_the_average(
    pretrained: Path,
    task: Task,
    settings: Callable[..., FinetuneSettings],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = iter([2.0] * 4)
    monkeypatch.setattr("emoclr.finetune.training.member.macro_auroc", lambda targets, logits: next(given))
    averages: list[WeightAverage] = []

    def watched(model: EmotionModel, decay: float) -> WeightAverage:
        averages.append(WeightAverage(model, decay))
        return averages[-1]

    monkeypatch.setattr("emoclr.finetune.training.member.WeightAverage", watched)
    encoder, _ = load_encoder(pretrained / BACKBONE)
    chosen = settings(averaging="ema", averaging_decay=0.9, epochs=1, loss="focal", learning_rate=0.01)
    member = train_member(tmp_path / BACKBONE, encoder, task, chosen, 0.5, "it", heard_before=True)
    assert member.card.metrics["best_epoch"] == 1
    (average,) = averages
    saved = load_file(member.folder / "model.safetensors")
    before = load_file(pretrained / BACKBONE / "encoder.safetensors")
    kept = average.model.encoder.state_dict()
    assert all(torch.equal(saved[f"encoder.{name}"], value.cpu()) for name, value in kept.items())
    assert not torch.equal(saved["encoder.backbone.layer1.0.conv1.weight"], before["backbone.layer1.0.conv1.weight"])
