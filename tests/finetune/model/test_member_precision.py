"""bf16 is taken where it is faster and agrees, and what was measured is kept."""

import json
import time

import pytest
import torch

from emoclr.finetune.model import member_precision
from emoclr.finetune.model.member_precision import KEPT, MAX_APART, measured_bf16
from emoclr.pretrain.networks import kept


@pytest.fixture(autouse=True)
def measured(monkeypatch, tmp_path):
    monkeypatch.setenv("EMOCLR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(member_precision, "has_native_bf16", lambda: True)
    monkeypatch.setattr(time, "process_time", lambda: Network.now_s)
    KEPT.forget()
    yield
    KEPT.forget()


class Network:
    """Takes so many ms in fp32 and bf16, by a clock that other work does not move; its answers are so far apart."""

    now_s = 0.0

    def __init__(self, fp32_ms=4.0, bf16_ms=1.0, apart=0.0):
        self.ms, self.apart, self.runs = {False: fp32_ms, True: bf16_ms}, apart, 0

    def __call__(self, voices, half):
        assert voices.shape[1] >= 16_000 and 0.1 < voices.abs().max() <= 1
        self.runs += 1
        Network.now_s += self.ms[half] / 1000
        return torch.tensor([0.2, 0.5 + self.apart * half])


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (Network(), True),
        (Network(fp32_ms=1.0, bf16_ms=4.0), False),
        (Network(apart=0.9 * MAX_APART), True),
        (Network(apart=-1.1 * MAX_APART), False),
        (Network(apart=float("nan")), False),
    ],
)
def test_bf16_is_taken_where_it_is_faster_and_agrees(network, expected):
    assert measured_bf16(["a"], [network], 2.0) == [expected]


def test_each_network_is_measured_once_and_the_next_process_reads_it():
    quick, slow = Network(), Network(1.0, 4.0)
    assert measured_bf16(["a", "b"], [quick, slow], 2.0) == [True, False]
    runs = quick.runs, slow.runs
    KEPT.forget()
    assert measured_bf16(["b", "a"], [slow, quick], 2.0) == [False, True]
    assert (quick.runs, slow.runs) == runs


@pytest.mark.parametrize("change", ["weights", "window", "machine"])
def test_other_weights_windows_and_machines_are_measured_for_themselves(monkeypatch, change):
    assert measured_bf16(["a"], [Network()], 2.0) == [True]
    if change == "machine":
        monkeypatch.setattr(kept, "_machine", lambda: "another")
    digest, window_s = "b" if change == "weights" else "a", 3.0 if change == "window" else 2.0
    assert measured_bf16([digest], [Network(1.0, 4.0)], window_s) == [False]
    assert sorted(json.loads(KEPT.path.read_text()).values()) == [False, True]


def test_windows_too_short_and_processors_without_it_stay_in_fp32(monkeypatch):
    network = Network()
    assert measured_bf16(["a"], [network], 0.9) == [False]
    monkeypatch.setattr(member_precision, "has_native_bf16", lambda: False)
    assert measured_bf16(["a"], [network], 2.0) == [False]
    assert not network.runs
