import pytest
import torch
from torch import nn

import emoclr.pretrain.encoder.precision
from emoclr.pretrain.encoder.encoder import make_backbone
from emoclr.pretrain.encoder.precision import choose_precision, depthwise_share


@pytest.fixture(scope="module")
def dense():
    return make_backbone("test_resnet")


@pytest.fixture(scope="module")
def depthwise():
    return make_backbone("mobilenetv3_small_050")


@pytest.mark.parametrize("device", ["cpu", "cuda", "mps"])
def test_what_is_asked_for_is_taken(dense, device):
    assert choose_precision("fp32", dense, device, 2.0) == "32-true"
    assert choose_precision("bf16", dense, device, 2.0) == "bf16-mixed"


@pytest.mark.parametrize("native", [True, False])
def test_auto_on_a_cpu_is_bf16_where_it_is_native_and_the_network_is_dense(dense, depthwise, monkeypatch, native):
    monkeypatch.setattr(emoclr.pretrain.encoder.precision, "_cpu_gains_by_bf16", lambda: native)
    assert choose_precision("auto", dense, "cpu", 2.0) == ("bf16-mixed" if native else "32-true")
    assert choose_precision("auto", depthwise, "cpu", 2.0) == "32-true"


@pytest.mark.parametrize("native", [True, False])
def test_auto_on_a_gpu_is_bf16_where_it_is_native(depthwise, monkeypatch, native):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: native or including_emulation)
    assert choose_precision("auto", depthwise, "cuda", 2.0) == ("bf16-mixed" if native else "32-true")


@pytest.mark.parametrize("setting", ["auto", "bf16"])
def test_windows_too_short_for_a_cpus_bf16_are_fp32(dense, monkeypatch, setting):
    monkeypatch.setattr(emoclr.pretrain.encoder.precision, "_cpu_gains_by_bf16", lambda: True)
    shortest_s = emoclr.pretrain.encoder.precision.MIN_BF16_S
    assert choose_precision(setting, dense, "cpu", shortest_s) == "bf16-mixed"
    assert choose_precision(setting, dense, "cpu", shortest_s - 0.01) == "32-true"
    assert choose_precision("bf16", dense, "cuda", shortest_s - 0.01) == "bf16-mixed"


def test_auto_elsewhere_is_fp32(dense):
    assert choose_precision("auto", dense, "mps", 2.0) == "32-true"


def test_the_share_of_depthwise_convolutions_is_counted():
    convolutions = [nn.Conv2d(4, 4, 3, groups=groups) for groups in (1, 4, 2, 4)]
    assert depthwise_share(nn.Sequential(*convolutions)) == 0.5
    assert depthwise_share(nn.Linear(2, 2)) == 0
    assert depthwise_share(nn.Conv2d(1, 1, 3)) == 0


def test_short_views_are_fp32_on_a_cpu_whatever_is_asked_for(dense, monkeypatch):
    monkeypatch.setattr(emoclr.pretrain.encoder.precision, "_cpu_gains_by_bf16", lambda: True)
    assert choose_precision("auto", dense, "cpu", 0.5) == "32-true"
    assert choose_precision("bf16", dense, "cpu", 0.5) == "32-true"
    assert choose_precision("bf16", dense, "cuda", 0.5) == "bf16-mixed"


@pytest.mark.parametrize(("native", "bf16_s", "gains"), [(True, 0.3, True), (True, 0.9, False), (False, 0.1, False)])
def test_a_cpu_gains_by_bf16_where_its_matrix_products_are_clearly_faster(monkeypatch, native, bf16_s, gains):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)
    precision = emoclr.pretrain.encoder.precision
    monkeypatch.setattr(precision, "_seconds_of_product", lambda x: bf16_s if x.dtype == torch.bfloat16 else 1.0)
    assert precision._cpu_gains_by_bf16.__wrapped__() is gains
