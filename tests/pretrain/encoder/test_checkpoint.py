import hashlib
import pickle
import re
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.pretrain.encoder import checkpoint
from emoclr.pretrain.encoder.checkpoint import (
    NEXT,
    WEIGHTS,
    EncoderCard,
    load_encoder,
    package_versions,
    save_encoder,
    untrained_encoder,
)
from emoclr.pretrain.encoder.folders import CARD, CheckpointError, backbone_folders
from emoclr.pretrain.encoder.tensors import load_tensors, save_tensors


@pytest.fixture
def folder(encoder, tmp_path):
    encoder.train()(torch.randn(4, 8_000))  # so that batch norm has something of its own
    save_encoder(tmp_path / "run" / "test_resnet", encoder, crop_s=0.5, corpus_fingerprint="ab", step=3, steps=6)
    return tmp_path / "run" / "test_resnet"


class Burglar:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def refused(folder):
    with pytest.raises(CheckpointError) as caught:
        load_encoder(folder)
    assert caught.value.exit_code == 1
    return str(caught.value)


def change_card(folder, **changes):
    card = yaml.safe_load((folder / CARD).read_text())
    (folder / CARD).write_text(yaml.safe_dump({**card, **changes}))


def test_loading_draws_no_initial_weights(folder):
    before = torch.get_rng_state()
    load_encoder(folder)
    assert torch.equal(torch.get_rng_state(), before)


def test_what_is_loaded_is_bit_for_bit_what_was_saved(encoder, folder):
    loaded, card = load_encoder(folder)
    saved = encoder.state_dict()
    assert list(loaded.state_dict()) == list(saved)
    assert all(torch.equal(tensor, saved[name]) for name, tensor in loaded.state_dict().items())
    assert not loaded.training
    waveforms = torch.randn(2, 8_000)
    assert torch.equal(loaded(waveforms), encoder.eval()(waveforms))
    assert card.encoder == encoder.settings
    assert (card.crop_s, card.corpus_fingerprint, card.step, card.steps) == (0.5, "ab", 3, 6)
    assert card.versions == package_versions() and set(card.versions) >= {"python", "torch", "timm", "emoclr"}


def test_a_card_knows_whether_training_went_through(folder):
    card = load_encoder(folder)[1]
    assert not card.finished
    assert card.model_copy(update={"step": 6}).finished


def test_a_folder_holds_weights_and_card_and_may_be_moved(folder, tmp_path):
    assert sorted(path.name for path in folder.iterdir()) == [WEIGHTS, CARD]
    moved = shutil.move(folder, tmp_path / "elsewhere")
    load_encoder(moved)


def saved_again(folder, encoder, step):
    with torch.no_grad():
        next(encoder.parameters()).add_(step)
    save_encoder(folder, encoder, crop_s=0.5, corpus_fingerprint="ab", step=step, steps=6)


def test_a_save_whose_card_cannot_be_written_leaves_the_encoder_before(encoder, folder, monkeypatch):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full(path, content):
        raise EmoclrError(f"{path}: cannot be written: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "write_yaml", full)
        with pytest.raises(EmoclrError, match="No space left"):
            saved_again(folder, encoder, 5)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert load_encoder(folder)[1].step == 3


class Killed(BaseException):
    """Nothing runs after it."""


@pytest.mark.parametrize("before", [NEXT, CARD, WEIGHTS])
def test_killed_within_a_save_the_folder_holds_an_encoder_and_the_next_save_another(
    encoder, folder, monkeypatch, before
):
    replace = Path.replace

    def deadly(self, target):
        if target.name == before:
            raise Killed
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", deadly)
        # What comes after a kill cannot tidy up.
        patch.setattr(Path, "unlink", lambda self, missing_ok=False: None)
        with pytest.raises(Killed):
            saved_again(folder, encoder, 4)
    loaded, card = load_encoder(folder)
    assert card.step == (4 if before == WEIGHTS else 3)
    same = torch.equal(next(loaded.parameters()), next(encoder.parameters()))
    assert same == (before == WEIGHTS)
    saved_again(folder, encoder, 5)
    loaded, card = load_encoder(folder)
    assert card.step == 5 and torch.equal(next(loaded.parameters()), next(encoder.parameters()))
    assert not (folder / NEXT).exists()
    assert hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest() == card.weights_sha256


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: content[: len(content) // 2],
        lambda content: b"",
        lambda content: content + b"\0",
        lambda content: content[:5_000] + bytes([content[5_000] ^ 1]) + content[5_001:],
        lambda content: b"something else",
    ],
    ids=["short by one", "half", "empty", "longer", "one bit", "foreign"],
)
def test_damaged_weights_are_refused_by_name(folder, damage):
    path = folder / WEIGHTS
    path.write_bytes(damage(path.read_bytes()))
    assert refused(folder).startswith(f"{path}: is not the file that its card describes")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match="my-rum: no such folder"):
        load_encoder(tmp_path / "my-rum")


@pytest.mark.parametrize("name", [WEIGHTS, CARD])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    assert refused(folder).startswith(f"{folder / name}: cannot be read: No such file")


def test_a_pickle_in_place_of_the_weights_is_refused_and_not_run(folder, tmp_path):
    content = pickle.dumps(Burglar(tmp_path / "stolen"))
    (folder / WEIGHTS).write_bytes(content)
    change_card(folder, weights_sha256=hashlib.sha256(content).hexdigest())
    assert refused(folder).startswith(f"{folder / WEIGHTS}: is not a safetensors file")
    torch.save({"weights": Burglar(tmp_path / "stolen")}, folder / WEIGHTS)
    change_card(folder, weights_sha256=hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest())
    assert refused(folder).startswith(f"{folder / WEIGHTS}: is not a safetensors file")
    assert not (tmp_path / "stolen").exists()
    pickle.loads(content).close()
    assert (tmp_path / "stolen").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "encoder: field required"),
        ("a: [1", "is not YAML"),
        ("- a", "holds a list"),
        ("!!python/object/apply:os.getcwd []", "is not YAML"),
    ],
)
def test_a_card_that_is_none_is_refused_by_name(folder, text, told):
    (folder / CARD).write_text(text)
    message = refused(folder)
    assert message.startswith(f"{folder / CARD}: ") and told in message


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"colour": "red"}, "unknown key 'colour'"),
        ({"format": 2}, "format: "),
        ({"step": -1}, "step: "),
        ({"encoder": {"backbone": "resnet10"}}, "timm has no such model"),
        ({"crop_s": 1e9}, "crop_s: input should be less than or equal to 120"),
        ({"encoder": {"backbone": "test_resnet", "spectrogram": {"n_fft": 2**30}}}, "n_fft"),
        ({"encoder": {"backbone": "test_resnet", "spectrogram": {"sample_rate": 44_100}}}, "sample_rate"),
        ({"encoder": {"backbone": "test_resnet", "normalisation": {"std": [1, 0, 1]}}}, "normalisation.std"),
        ({"encoder": {"backbone": "test_resnet", "normalisation": {"mean": [0, float("nan"), 0]}}}, "finite"),
        ({"encoder": {"backbone": "test_resnet", "spectrogram": {"bands": 4096}}}, "bands"),
    ],
)
def test_a_tampered_card_is_refused_by_name(folder, changes, told):
    change_card(folder, **changes)
    message = refused(folder)
    assert message.startswith(f"{folder / CARD}: ") and told in message


def test_weights_of_another_architecture_are_refused(folder):
    change_card(folder, encoder={"backbone": "test_efficientnet"})
    assert refused(folder).startswith(f"{folder / WEIGHTS}: its tensors do not fit the architecture of its card: 1")


def test_a_network_that_its_file_cannot_hold_is_not_made(folder, monkeypatch):
    made = []
    monkeypatch.setattr(nn.Conv2d, "reset_parameters", lambda module: made.append(module.weight.numel()))
    change_card(folder, encoder={"backbone": "resnetv2_152x4_bit"})  # 900 million weights
    message = refused(folder)
    assert message.startswith(f"{folder / WEIGHTS}: its tensors do not fit the architecture of its card")
    assert sum(made) < (folder / WEIGHTS).stat().st_size


def test_a_file_larger_than_its_network_is_refused_unread(folder):
    with (folder / WEIGHTS).open("r+b") as file:
        file.truncate(1 << 40)
    assert re.match(rf"{folder / WEIGHTS}: has 1,099,511,627,776 bytes, where .* at most", refused(folder))


def test_weights_are_floating_point(encoder, folder):
    tensors = encoder.state_dict()
    name = next(iter(tensors))
    digest = save_tensors(folder / WEIGHTS, tensors | {name: tensors[name].int()})
    change_card(folder, weights_sha256=digest)
    assert f"{WEIGHTS}: {name} holds torch.int32, where torch.float32 is expected" in refused(folder)
    digest = save_tensors(folder / WEIGHTS, tensors | {name: tensors[name].half()})
    change_card(folder, weights_sha256=digest)
    load_encoder(folder)


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_no_change_of_a_weights_file_goes_unnoticed(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("tensors") / "weights.safetensors"
    digest = save_tensors(path, nn.Linear(3, 2).state_dict())
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    cut = data.draw(st.booleans())
    path.write_bytes(content[:place] if cut else content)
    with pytest.raises(CheckpointError, match=r"weights\.safetensors"):
        load_tensors(path, digest)


def test_an_untrained_twin_has_the_same_build_and_random_weights_of_its_seed(encoder, folder):
    card = load_encoder(folder)[1]
    state = torch.get_rng_state()
    twin, again, other = (untrained_encoder(card, seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert twin.settings == encoder.settings and not twin.training
    weights = [next(made.backbone.parameters()) for made in (twin, again, other, encoder)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2]) and not torch.equal(weights[0], weights[3])


def test_a_run_folder_gives_its_backbones_and_a_backbones_folder_itself(folder, tmp_path):
    run = folder.parent
    shutil.copytree(folder, run / "another")
    (run / "logs").mkdir()
    assert backbone_folders(run) == [run / "another", folder]
    assert backbone_folders(folder) == [folder]
    with pytest.raises(CheckpointError, match=r"logs: no encoder\.yaml in it"):
        backbone_folders(run / "logs")
    with pytest.raises(ConfigError, match="nowhere: no such folder"):
        backbone_folders(tmp_path / "nowhere")


def test_a_card_survives_yaml(folder):
    card = load_encoder(folder)[1]
    assert EncoderCard.model_validate(yaml.safe_load((folder / CARD).read_text())) == card
