import pytest
import torch
from lightly.loss import NTXentLoss, VICRegLoss
from torch import nn

from emoclr.pretrain.training.gradient_cache import gradient_cached


def network(*more):
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 3), nn.GroupNorm(2, 8), nn.ReLU(), *more, nn.Conv2d(8, 6, 3), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(6 * 36, 16)).double()


def gradients(module, images, loss, chunk):
    module.zero_grad()
    value = loss(*gradient_cached(module, module, chunk, [images]).chunk(2))
    value.backward()
    return value.item(), torch.cat([parameter.grad.flatten() for parameter in module.parameters()])


@pytest.fixture
def images():
    return torch.randn(20, 3, 10, 10, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("loss", [NTXentLoss(0.1), VICRegLoss()], ids=["nt_xent", "vicreg"])
@pytest.mark.parametrize("chunk", [1, 3, 8, 19])
def test_the_gradients_are_those_of_the_whole(images, loss, chunk):
    module = network()
    whole, in_parts = (gradients(module, images, loss, size) for size in (20, chunk))
    assert in_parts[0] == pytest.approx(whole[0], rel=1e-12)
    torch.testing.assert_close(in_parts[1], whole[1], rtol=1e-9, atol=1e-12)
    apart = gradients(module, images[:10], loss, 10)[1] - whole[1]
    assert apart.norm() > 0.01 * whole[1].norm()


def test_both_passes_draw_the_same_random_numbers(images):
    module = network(nn.Dropout(0.5))
    drawn = []
    module[3].register_forward_hook(lambda *given: drawn.append(given[2].detach() == 0))
    gradients(module, images, NTXentLoss(0.1), 5)
    forward, again = drawn[:4], drawn[4:]
    # The way back goes through the chunks from the last to the first.
    assert all(torch.equal(one, other) for one, other in zip(forward, reversed(again), strict=True))
    assert not torch.equal(forward[0], forward[1])


def test_activations_of_one_chunk_are_held_at_a_time(images):
    module = network()
    held = []

    def count(tensor):
        held.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        gradient_cached(module, module, 2, [images])
    in_parts, held = sum(held), []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: held.append(tensor.numel()) or tensor, lambda t: t):
        gradient_cached(module, module, 20, [images])
    assert in_parts < sum(held) / 5


def test_no_gradients_no_second_pass(images):
    module = network()
    with torch.no_grad():
        assert not gradient_cached(module, module, 3, [images]).requires_grad


@pytest.mark.parametrize("momentum", [0.1, None], ids=["exponential", "cumulative"])
@pytest.mark.parametrize("synchronised", [False, True], ids=["alone", "synchronised"])
def test_running_averages_are_those_of_the_way_forward_and_counters_stay(images, momentum, synchronised):
    module = network(nn.BatchNorm2d(8, momentum=momentum))
    if synchronised:  # by itself it computes what a plain one does, but insists on its counter
        module = nn.SyncBatchNorm.convert_sync_batchnorm(module)
    norm = module[3]
    assert isinstance(norm, nn.SyncBatchNorm) == synchronised
    loss = NTXentLoss(0.1)(*gradient_cached(module, module, 5, [images]).chunk(2))
    forward = {name: tensor.clone() for name, tensor in norm.named_buffers()}
    assert forward["num_batches_tracked"] == 4 and forward["running_mean"].any()
    loss.backward()
    torch.testing.assert_close(dict(norm.named_buffers()), forward, rtol=0, atol=0)
    assert norm.momentum == momentum
