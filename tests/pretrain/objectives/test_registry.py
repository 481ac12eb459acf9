import subprocess
import sys

import pytest
import torch

from emoclr.configs.errors import ConfigError
from emoclr.configs.settings import validate
from emoclr.pretrain.objectives.registry import OBJECTIVES, make_loss
from emoclr.pretrain.settings import PretrainSettings

pytestmark = pytest.mark.filterwarnings("ignore:To copy construct")  # in lightly's DCLW


def projections(batch, size, seed):
    generator = torch.Generator().manual_seed(seed)
    first = torch.randn(batch, size, generator=generator)
    return first, first + 0.7 * torch.randn(batch, size, generator=generator)


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_every_objective_prefers_twins_to_strangers_and_gives_gradients(name):
    first, second = projections(16, 8, 0)
    first.requires_grad_()
    loss = make_loss(name, 0.2, distributed=False)
    near = loss(first, second)
    near.backward()
    assert first.grad is not None and torch.isfinite(first.grad).all() and first.grad.abs().max() > 0
    assert near.item() < loss(first.detach(), second.roll(1, dims=0)).item()


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_the_head_gives_projections_of_the_size_that_was_asked_for(name):
    head = OBJECTIVES[name].load_head()(12, 20, 6)
    assert head(torch.randn(4, 12)).shape == (4, 6)


@pytest.mark.parametrize("name", ["nt_xent", "dcl", "dclw"])
def test_the_temperature_reaches_the_loss(name):
    first, second = projections(8, 8, 0)
    cold, warm = (make_loss(name, temperature, False)(first, second).item() for temperature in (0.1, 1.0))
    assert abs(cold - warm) > 0.1


def test_settings_take_the_names_of_the_table_without_loading_torch():
    code = "import sys; from emoclr.pretrain.settings import PretrainSettings; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
    for name in OBJECTIVES:
        assert make_settings(objective=name).objective == name
    with pytest.raises(ConfigError, match=r"nt_xent.*'nt_xnt' \(perhaps 'nt_xent'\?\)"):
        make_settings(objective="nt_xnt")


def make_settings(**more):
    return validate(PretrainSettings, {"data": ["x"], "out": "y", "backbones": ["resnet18"], **more}, "here")
