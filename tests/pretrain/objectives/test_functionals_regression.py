import numpy as np
import pytest
import torch

from emoclr.pretrain.objectives.functionals_regression import FunctionalsRegression
from emoclr.pretrain.report.report import REPORT
from emoclr.pretrain.training.metrics_log import METRICS, read_rows


@pytest.fixture
def regression():
    torch.manual_seed(0)
    return FunctionalsRegression(6, 5, 4).double()


def some(rows, seed, missing=0.2):
    rng = np.random.default_rng(seed)
    targets = rng.normal([3, -20, 0.01, 500], [2, 5, 0.004, 40], (rows, 4))
    targets[rng.random(targets.shape) < missing] = np.nan
    return torch.from_numpy(targets)


def test_mean_and_variance_are_those_of_all_batches_so_far(regression):
    batches = [some(rows, seed) for seed, rows in enumerate((1, 7, 30))]
    for batch in batches:
        regression(torch.zeros(len(batch), 6).double(), batch)
    everything = torch.cat(batches).numpy()
    np.testing.assert_allclose(regression.mean, np.nanmean(everything, axis=0), rtol=1e-12)
    np.testing.assert_allclose(regression.variance, np.nanvar(everything, axis=0), rtol=1e-9)
    np.testing.assert_array_equal(regression.count, (~np.isnan(everything)).sum(axis=0))
    before = regression.mean.clone()
    regression.eval()(torch.zeros(7, 6).double(), batches[1])
    assert torch.equal(regression.mean, before)


def test_the_loss_is_smooth_l1_of_standardised_functionals_and_what_is_missing_adds_nothing(regression):
    regression(torch.zeros(40, 6).double(), some(40, 0))
    targets = some(9, 1)
    embeddings = torch.randn(9, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    embeddings.requires_grad_()
    loss = regression.eval()(embeddings, targets)
    first, _, second = regression.head
    hidden = np.maximum(embeddings.detach().numpy() @ first.weight.detach().numpy().T + first.bias.detach().numpy(), 0)
    predicted = hidden @ second.weight.detach().numpy().T + second.bias.detach().numpy()
    apart = np.abs(
        predicted - (targets.numpy() - regression.mean.numpy()) / np.sqrt(regression.variance.numpy() + 1e-8)
    )
    expected = np.where(np.isnan(apart), 0, np.where(apart < 1, apart**2 / 2, apart - 0.5)).mean()
    assert loss.item() == pytest.approx(expected, rel=1e-6)
    loss.backward()
    assert torch.isfinite(embeddings.grad).all() and embeddings.grad.any()


def test_a_batch_that_lacks_everything_has_no_loss_and_finite_gradients(regression):
    embeddings = torch.ones(3, 6, dtype=torch.float64, requires_grad=True)
    loss = regression(embeddings, torch.full((3, 4), torch.nan, dtype=torch.float64))
    loss.backward()
    assert loss.item() == 0 and torch.isfinite(embeddings.grad).all()
    assert torch.isfinite(torch.cat([regression.mean, regression.variance])).all()


def test_a_run_tells_the_loss_of_functionals_and_goes_on_with_its_head_only(run, finished, tmp_path):
    ran = run(tmp_path / "run", "functionals_weight=1")
    assert ran.code == 0, ran.told
    rows, without = (read_rows(out / "test_resnet" / METRICS) for out in (ran.out, finished.out))
    assert all(0 < row["functionals_loss"] < row["loss"] for row in rows)
    assert not any("functionals_loss" in row for row in without)
    # The first batches are the same views of the same clips under the same weights.
    assert rows[0]["loss"] - rows[0]["functionals_loss"] == pytest.approx(without[0]["loss"], abs=1e-5)
    assert "Loss of functionals" in (ran.out / REPORT).read_text()
    again = run(tmp_path / "run", "--resume", "epochs=3", "--allow-change", "functionals_weight")
    assert again.code == 2 and "functionals_weight cannot change" in again.told
    assert run(tmp_path / "run", "--resume", "epochs=3", "functionals_weight=1").code == 0
