import shutil

import huggingface_hub.constants as hub_constants
import pytest
import torch

import emoclr.checkpoints.cli
from emoclr.checkpoints.hub import push
from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.finetune.model.checkpoint import load_ensemble
from emoclr.pretrain.encoder import folders
from emoclr.pretrain.encoder.checkpoint import load_encoder
from emoclr.pretrain.encoder.folders import CheckpointError, find_run


def test_what_is_pushed_is_loaded_from_the_hub_and_found_again_without_it(hub, released, call, monkeypatch):
    done = call(emoclr.checkpoints.cli.main, ["push", released / "emoclr-small", "hf:me/small"], released)
    assert done.code == 0 and f"{hub.url}/me/small" in done.told
    (first, *_, latest) = hub.commits["me/small"]
    files = hub.commits["me/small"][latest]
    here = {
        path.relative_to(released / "emoclr-small").as_posix(): path
        for path in (released / "emoclr-small").rglob("*.*")
    }
    assert {name: files[name] for name in here} == {name: path.read_bytes() for name, path in here.items()}

    encoder, _ = load_encoder("hf:me/small")
    own, _ = load_encoder(released / "emoclr-small")
    assert all(torch.equal(tensor, own.state_dict()[name]) for name, tensor in encoder.state_dict().items())
    assert find_run("hf:me/small/test_resnet").name == "test_resnet"
    with pytest.raises(ConfigError, match="no folder resnet50"):
        find_run("hf:me/small/resnet50")
    with pytest.raises(CheckpointError, match="holds neither"):
        load_ensemble(f"hf:me/small@{latest}")
    with pytest.raises(EmoclrError, match="holds no model of emoclr"):
        load_encoder(f"hf:me/small@{first}")

    monkeypatch.setattr(hub_constants, "ENDPOINT", "http://127.0.0.1:9")
    folders._from_hub.cache_clear()
    assert find_run("hf:me/small") == find_run(f"hf:me/small@{latest}")
    with pytest.raises(EmoclrError, match=r"^hf:me/other: the hub cannot be reached"):
        find_run("hf:me/other")


def test_what_is_not_there_or_too_large_is_said_in_one_line(hub, monkeypatch):
    hub.commit("me/large", {"encoder.safetensors": b"0" * 100, "film.mp4": b"0" * 1000})
    for address, why in {
        "hf:me/none": "no such repository",
        "hf:me/large@v9": "no revision v9",
        "hf:me": "no address of the hub",
        "hf:me/../x": "no address of the hub",
        "hf:me/bad name": "cannot be downloaded",
    }.items():
        with pytest.raises(EmoclrError, match=why) as caught:
            find_run(address)
        assert len(caught.value.args) == 1 and "\n" not in str(caught.value)
    monkeypatch.setattr(folders, "MAX_DOWNLOAD_BYTES", 50)
    with pytest.raises(EmoclrError, match="too much for a model"):
        find_run("hf:me/large")
    monkeypatch.setattr(folders, "MAX_DOWNLOAD_BYTES", 500)  # what is no part of a model is not counted, nor fetched
    assert [path.name for path in find_run("hf:me/large").iterdir()] == ["encoder.safetensors"]


def test_only_a_release_is_pushed_and_only_whole(hub, runs, released, tmp_path):
    with pytest.raises(CheckpointError, match=r"holds no release\.yaml"):
        push(runs / "my-run", "hf:me/run")
    copy = shutil.copytree(released / "emoclr-small-emotions", tmp_path / "copy")
    weights = copy / "test_resnet/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="not the file that its card describes"):
        push(copy, "hf:me/copy")
    for address in ("me/copy", "hf:copy", "hf:me/copy/part", "hf:me/copy@v1", "hf:me/", "hf:/copy"):
        with pytest.raises(ConfigError, match="no address of the hub"):
            push(released / "emoclr-small", address)
    assert hub.commits == {}
