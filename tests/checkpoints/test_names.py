"""What came with the package is found by name, from anywhere, in all commands and from Python."""

from pathlib import Path

import numpy as np
import pytest

import emoclr
import emoclr.finetune.cli
import emoclr.predict.cli
import emoclr.predict.options
import emoclr.probe.cli
from emoclr.configs.errors import ConfigError
from emoclr.finetune.checks import find_sources
from emoclr.pretrain.encoder.folders import backbone_folders, find_run
from emoclr.pretrain.encoder.initial_weights import earlier_encoders
from emoclr.pretrain.resume.run_card import placed
from emoclr.pretrain.settings import PretrainSettings

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_name_is_found_from_anywhere_and_a_path_of_that_name_comes_first(installed, tmp_path):
    assert find_run("emoclr-small") == installed / "emoclr-small"
    assert backbone_folders("emoclr-small") == [installed / "emoclr-small/test_resnet"]
    assert find_run("emoclr-small/test_resnet") == installed / "emoclr-small/test_resnet"
    own = tmp_path / "emoclr-small"
    own.mkdir()
    assert find_run("emoclr-small").resolve() == own


@pytest.mark.parametrize("name", ["emoclr-smal", "emoclr-small/resnet50", "emoclr-small/../x", "/emoclr-small"])
def test_an_unknown_name_lists_those_there_are(installed, name):
    with pytest.raises(ConfigError, match=r"no such folder; .*released are emoclr-small, emoclr-small-emotions"):
        find_run(name)


def test_encoders_are_started_from_by_name(installed):
    folder = installed / "emoclr-small/test_resnet"
    assert find_sources(["emoclr-small"], None) == {"test_resnet": folder}
    settings = PretrainSettings.model_validate(
        {
            "data": ["x"],
            "out": "y",
            "backbones": ["test_resnet"],
            "start_from": "emoclr-small",
            "spectrogram": {"bands": 32},
        }
    )
    assert earlier_encoders(settings, ["test_resnet"]) == {"test_resnet": folder}
    assert str(placed(settings).start_from) == "emoclr-small"


def test_python_takes_names(installed):
    noise = np.random.default_rng(0).normal(size=16_000) * 0.1
    assert emoclr.embed("emoclr-small", [noise], sample_rate=16_000).shape == (1, 192)
    frame = emoclr.predict("emoclr-small-emotions", [noise], sample_rate=16_000)
    assert {"path", "start_s", "end_s", "voice", "anger", "sadness", "emotions"} <= set(frame.columns)


def test_predict_without_from_answers_with_the_released_ensemble_and_tells_its_limits(installed, workspace, call):
    done = call(emoclr.predict.cli.main, ["--gate", "none", workspace / "recordings/00.wav"], workspace)
    assert done.code == 0, done.told
    assert "emoclr-small-emotions: noise of two kinds\n" in done.told
    assert "anger: 0:0" in done.told


def test_without_the_release_predict_asks_for_a_run(workspace, call, monkeypatch, tmp_path):
    monkeypatch.setattr(emoclr.checkpoints.__spec__, "submodule_search_locations", [str(tmp_path)])
    done = call(emoclr.predict.cli.main, [workspace / "recordings/00.wav"], workspace)
    assert done.code == 2 and done.told.count("\n") == 1
    assert "emoclr-small-emotions" in done.told and "--from RUN" in done.told


@pytest.mark.parametrize("command", [emoclr.probe.cli, emoclr.finetune.cli, emoclr.predict.options])
def test_examples_take_no_model_that_did_not_come(command):
    for words in map(str.split, command.EXAMPLES.splitlines()):
        named = words[words.index("--from") + 1] if "--from" in words else None
        if named is None and words[0] == "predict":
            named = emoclr.predict.options.RELEASED
        assert not (named or "").startswith("emoclr-") or (ROOT / "checkpoints" / named).is_dir(), words


def test_commands_name_the_released_ones(installed, workspace, call):
    wrong = ["--from", "emoclr-smal", "--data", workspace / "labels.csv", "--out", "out"]
    for command in (emoclr.probe.cli, emoclr.finetune.cli):
        done = call(command.main, wrong, workspace)
        assert done.code == 2 and "released are emoclr-small, emoclr-small-emotions" in done.told
    done = call(emoclr.predict.cli.main, ["--from", "emoclr-small", workspace / "recordings/00.wav"], workspace)
    assert done.code == 1 and "emoclr-small: holds neither" in done.told
    assert "but encoders: `finetune --from emoclr-small` makes emotion models of them" in done.told
    wrong[1] = "emoclr-small-emotions"
    done = call(emoclr.probe.cli.main, wrong, workspace)
    assert done.code == 1 and "holds emotion models of `finetune`, and no encoder.yaml" in done.told
