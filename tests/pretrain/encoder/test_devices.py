import pytest
import torch

from emoclr.pretrain.encoder.devices import choose_device


@pytest.mark.parametrize(
    ("allowed", "there", "chosen"),
    [
        ("auto", True, "cuda"),
        ("auto", False, "cpu"),
        ("gpu", True, "cuda"),
        ("cuda", True, "cuda"),
        ("cpu", True, "cpu"),
        ("mps", True, "cpu"),
    ],
)
def test_a_gpu_is_used_where_there_is_one_and_it_is_allowed(
    monkeypatch: pytest.MonkeyPatch, allowed: str, there: bool, chosen: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert choose_device(allowed) == chosen
