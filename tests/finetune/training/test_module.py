"""The training of a whole network: its loss, its rates, and what is kept of it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import expit
from torch import Tensor

from emoclr.augment.views import ViewMaker
from emoclr.corpus.decoded.waveforms import WaveformStore
from emoclr.finetune.data.labeled_clips import Task
from emoclr.finetune.model.emotion_model import EmotionModel
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.training.early_stopping import EarlyStopping
from emoclr.finetune.training.module import FinetuneModule
from emoclr.pretrain.data.batch_order import BatchOrder
from emoclr.pretrain.data.clip_readers import StoredClips
from emoclr.pretrain.data.view_loader import ViewLoader
from emoclr.pretrain.data.views import ViewBatch, ViewDataset
from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings
from emoclr.pretrain.training.trainer import fit, make_trainer

WEIGHTS = torch.tensor([1.0, 3.0])
MakeModule = Callable[..., FinetuneModule]


@pytest.fixture
def make_module(
    encoder_settings: Callable[[str], EncoderSettings], settings: Callable[..., FinetuneSettings], task: Task
) -> MakeModule:
    """Returns make(steps, backbone, freeze_statistics, **settings) -> a module with batches of four clips."""

    def make(
        steps: int = 6, backbone: str = "test_resnet", freeze_statistics: bool = True, **changes: object
    ) -> FinetuneModule:
        torch.manual_seed(0)
        chosen = settings(**changes)
        model = EmotionModel(Encoder(encoder_settings(backbone)), 2)
        dataset = ViewDataset(StoredClips(task.store), ViewMaker(chosen.augment, 8_000, 16_000, 0), views=1)
        order = BatchOrder(task.store.speakers[task.train], 4, 1, 0, clips=task.train)
        loader = ViewLoader(dataset, order, steps, workers=0)
        targets = torch.from_numpy(task.targets)
        return FinetuneModule(model, chosen, targets, WEIGHTS, steps, loader, freeze_statistics=freeze_statistics)

    return make


def statistics(module: torch.nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items() if "running_" in name}


def rates_of(module: FinetuneModule) -> dict[str, float]:
    """Returns the learning rate of each parameter by its name, before warm-up and decay."""
    names = {id(parameter): name for name, parameter in module.model.named_parameters()}
    groups = module.configure_optimizers()["optimizer"].param_groups
    found = [(names[id(parameter)], group["initial_lr"]) for group in groups for parameter in group["params"]]
    assert len(found) == len(dict(found)) == len(names)  # each parameter once
    return dict(found)


def test_the_loss_is_cross_entropy_with_shares_in_which_presence_counts_more(
    make_module: MakeModule, store: WaveformStore, task: Task
) -> None:
    module = make_module().eval()
    clips = torch.tensor([3, 2, 1])
    waveforms = torch.from_numpy(np.stack([store.crop(int(clip), 0, 8_000) for clip in clips]))
    with torch.no_grad():
        loss = module.training_step(ViewBatch(waveforms[:, None], torch.zeros(3, 1, 0, 2), clips), 0)
        p = expit(module.model(waveforms).double().numpy())
    target = task.targets[clips.numpy()]
    expected = -(WEIGHTS.numpy() * target * np.log(p) + (1 - target) * np.log(1 - p)).mean()
    assert loss.item() == pytest.approx(expected, rel=1e-4)


def test_another_clip_of_the_batch_is_background(make_module: MakeModule, store: WaveformStore) -> None:
    heard: list[Tensor] = []
    module = make_module(augment={"background": {"p": 1.0}}).eval()
    module.model.register_forward_pre_hook(lambda _, given: heard.append(given[0]))
    clips = torch.tensor([3, 2, 1])
    waveforms = torch.from_numpy(np.stack([store.crop(int(clip), 0, 8_000) for clip in clips]))
    batch = ViewBatch(waveforms[:, None], torch.zeros(3, 1, 0, 2), clips)
    with torch.no_grad():
        losses = [module.training_step(batch, step).item() for step in (0, 0, 1)]
    first, again, other = heard
    assert losses[0] == losses[1] != losses[2]
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert not any(torch.equal(*pair) for pair in zip(first, waveforms, strict=True))


@pytest.mark.parametrize("backbone", ["test_resnet", "mobilenetv3_small_050"])
def test_each_earlier_layer_group_learns_more_slowly(make_module: MakeModule, backbone: str) -> None:
    rates = rates_of(make_module(backbone=backbone, learning_rate=1e-3, layer_decay=0.5))
    assert rates["head.linear.weight"] == rates["head.linear.bias"] == max(rates.values()) == 1e-3
    steps = np.log(np.array(sorted(set(rates.values())))) / np.log(0.5)
    assert len(steps) >= 4 and -np.diff(steps) == pytest.approx(np.ones(len(steps) - 1))
    in_order = [rate for name, rate in rates.items() if name.startswith("encoder.backbone.")]
    stem = {rate for name, rate in rates.items() if name.startswith(("encoder.backbone.conv1", "encoder.backbone.bn1"))}
    stem |= {rate for name, rate in rates.items() if name.startswith("encoder.backbone.conv_stem")}
    assert stem == {min(in_order)}


def test_the_stages_of_a_resnet_follow_one_another(make_module: MakeModule) -> None:
    rates = rates_of(make_module(learning_rate=1.0, layer_decay=0.7))
    stages = [rates[f"encoder.backbone.layer{stage}.0.conv1.weight"] for stage in (1, 2, 3, 4)]
    assert stages == pytest.approx([0.7**3, 0.7**2, 0.7, 1.0])


def test_without_decay_all_layers_share_one_rate(make_module: MakeModule) -> None:
    assert set(rates_of(make_module(learning_rate=1e-3, layer_decay=1.0)).values()) == {1e-3}


def test_biases_norms_and_the_head_are_not_pulled_towards_zero(make_module: MakeModule) -> None:
    groups = make_module(weight_decay=0.05).configure_optimizers()["optimizer"].param_groups
    pulled = {parameter.ndim for group in groups if group["weight_decay"] for parameter in group["params"]}
    assert pulled == {4}  # convolutions alone


@pytest.mark.parametrize("kept", [True, False])
def test_statistics_of_batch_norm_stay_or_move_from_the_first_step(
    make_module: MakeModule, tmp_path: Path, kept: bool
) -> None:
    module = make_module(steps=1, freeze_statistics=kept)
    module.train()
    before = statistics(module)
    fit(make_trainer(tmp_path, module.model.encoder.backbone, module.settings, 0.5), module, 1, [])
    same = [torch.equal(before[name], value) for name, value in statistics(module).items()]
    assert all(same) if kept else not any(same)


class Scripted:
    """Validation scores from a list; remembers the weights that each was given for."""

    def __init__(self, model: EmotionModel, scores: list[float]) -> None:
        self.model, self.scores, self.seen = model, iter(scores), []

    def __call__(self) -> float:
        self.model.eval()  # as embedding does
        self.seen.append({name: value.clone() for name, value in self.model.state_dict().items()})
        return next(self.scores)


def keep_best(
    module: FinetuneModule, folder: Path, start: float, scores: list[float], patience: int
) -> tuple[EarlyStopping, Scripted]:
    """Trains with three steps an epoch under scripted scores."""
    script = Scripted(module.model, scores)
    keep = EarlyStopping("it", module.model, 3, patience, script, start)
    module.train()
    fit(make_trainer(folder, module.model.encoder.backbone, module.settings, 0.5), module, module.steps, [keep])
    return keep, script


def test_the_best_epoch_is_kept_and_training_stops_when_patience_ends(make_module: MakeModule, tmp_path: Path) -> None:
    scores = [0.6, 0.5, 0.7, 0.7, 0.6, 0.9]
    keep, script = keep_best(make_module(steps=18), tmp_path, start=0.55, scores=scores, patience=2)
    assert (keep.best, keep.best_epoch) == (0.7, 3)
    assert len(script.seen) == 5
    assert keep.weights is not None
    assert all(torch.equal(keep.weights[name], value) for name, value in script.seen[2].items())
    assert not torch.equal(keep.weights["head.linear.weight"], script.seen[4]["head.linear.weight"])


def test_a_head_alone_that_is_never_beaten_stays_the_best(make_module: MakeModule, tmp_path: Path) -> None:
    keep, script = keep_best(make_module(steps=18), tmp_path, start=0.8, scores=[0.7, 0.8, 0.79, 0.9], patience=3)
    assert (keep.best, keep.best_epoch, keep.weights) == (0.8, 0, None)
    assert len(script.seen) == 3


def test_training_goes_on_in_training_mode_after_validation(make_module: MakeModule, tmp_path: Path) -> None:
    module = make_module(steps=6, freeze_statistics=False)
    _, script = keep_best(module, tmp_path, start=0.0, scores=[0.1, 0.2], patience=2)
    first, second = script.seen
    assert all(not torch.equal(first[name], second[name]) for name in first if "running_" in name)
