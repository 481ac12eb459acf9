"""Batches that are copied to a GPU while it computes arrive whole, in order, and on time."""

import pytest
import torch

from emoclr.pretrain.data.prefetch import on_device
from emoclr.pretrain.data.views import ViewBatch


def batches(n, clips=4):
    for number in range(n):
        generator = torch.Generator().manual_seed(number)
        waveforms = torch.randn(clips, 2, 40_000, generator=generator)
        yield ViewBatch(waveforms, torch.rand(clips, 2, 3, 2, generator=generator), torch.arange(clips) + number)


def test_a_cpu_gets_the_very_batches():
    given = list(batches(3))
    assert [id(batch) for batch in on_device(given, torch.device("cpu"))] == [id(batch) for batch in given]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("n", [0, 1, 2, 7])
def test_a_gpu_gets_all_batches_in_order(n):
    pinned = (ViewBatch(*(part.pin_memory() for part in batch)) for batch in batches(n))
    found = []
    for batch in on_device(pinned, torch.device("cuda")):
        assert {part.device.type for part in batch} == {"cuda"}
        torch.cuda._sleep(10_000_000)  # what follows has to wait for the copy, and the copy not for what came before
        found.append(ViewBatch(*(part * 1 for part in batch)))
    assert len(found) == n
    for given, arrived in zip(batches(n), found, strict=True):
        for expected, part in zip(given, arrived, strict=True):
            torch.testing.assert_close(part.cpu(), expected, rtol=0, atol=0)
