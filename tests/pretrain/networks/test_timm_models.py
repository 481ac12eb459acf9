"""timm's models one by one. In processes of their own: here timm may be whole already."""

import subprocess
import sys

import pytest
import timm

from emoclr.pretrain.networks import timm_models


def run(code: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_stored_network_runs_without_the_rest_of_timm_which_is_whole_once_it_is_asked_for():
    before, without, models, layer, whole, same, vision, later, hub = run("""
import sys, torch
from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings
for backbone in ("resnet10t", "mobilenetv3_small_100", "framewise_cnn"):
    settings = EncoderSettings(backbone=backbone, readout="stages")
    Encoder(settings).eval()(torch.zeros(1, 32_000))
heavy = ("timm.models.vision_transformer", "timm.data.loader", "torchvision.transforms", "torchvision.datasets",
         "torch._dynamo", "sympy", "scipy", "librosa", "lightly", "pytorch_lightning", "huggingface_hub.hf_api")
print([name for name in heavy if name in sys.modules])
has_hub = sys.modules["timm.models._builder"].has_hf_hub
print(has_hub())
resnet, create = sys.modules["timm.models.resnet"].ResNet, sys.modules["timm.models._factory"].create_model
import timm
print(len(timm.list_models()) > 1000)
import timm.layers, timm.data
print(timm.layers.ConvNormAct.__name__, timm.data.create_transform.__name__, timm.data.IMAGENET_DEFAULT_STD[0])
print(timm.is_model("vit_tiny_patch16_224"), timm.is_model("framewise_cnn"), timm.is_model("resnet9t"))
print(isinstance(timm.create_model("resnet18"), resnet), timm.create_model is create,
      timm.models.create_model is create)
import torchvision.ops
from torchvision.transforms.v2 import Resize
print(torchvision.ops.nms.__name__, torchvision.models.resnet18.__name__, Resize.__name__)
print(timm.create_model("test_resnet", features_only=True)(torch.zeros(1, 3, 64, 64))[0].shape[1])
from huggingface_hub import HfApi
print(has_hub(), timm.models._hub.hf_hub_download is not None, HfApi.__name__)
""")
    assert before == "[]"
    assert without == "False" and hub == "True True HfApi"
    assert models == "True"
    assert layer == "ConvNormAct create_transform 0.229"
    assert whole == "True True False"
    assert same == "True True True"
    assert vision == "nms resnet18 Resize"
    assert later == "32"


def test_weights_are_downloaded_by_the_whole_of_timm():
    (told,) = run("""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
from emoclr.pretrain.networks.timm_models import create_model
create_model("test_resnet")
try:
    create_model("test_resnet", pretrained=True, cache_dir="nowhere")
except Exception as error:
    print(type(error).__module__.split(".")[0], type(error).__name__)
""")
    assert told == "huggingface_hub LocalEntryNotFoundError"


def test_a_deferred_package_has_what_it_has_and_nothing_else():
    told = run("""
from emoclr.pretrain.networks import timm_models
import timm, torchvision
for module in (timm, torchvision):
    try:
        module.dreams
    except AttributeError as error:
        print(error)
print(timm.__version__, torchvision.__version__)
""")
    assert [line.split("has no attribute")[-1].strip(" '") for line in told[:2]] == ["dreams", "dreams"]
    assert told[2].startswith(timm.__version__)


@pytest.mark.parametrize("name", timm.list_models()[::97])
def test_each_model_is_found_in_its_file(name):
    assert timm_models._files()[name] == timm.model_entrypoint(name).__module__.rpartition(".")[2]
