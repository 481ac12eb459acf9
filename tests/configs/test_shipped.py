"""The YAML files that come with the package, each loaded into the settings it is for."""

import importlib
from fnmatch import fnmatch
from pathlib import Path

import pytest

import emoclr.configs.settings
from emoclr.configs.settings import load_settings

PRETRAINING = ("emoclr.pretrain.settings:PretrainSettings", ["data=recordings", "out=run"])
OWNERS = {
    "simclr*.yaml": PRETRAINING,
    "demo.yaml": PRETRAINING,
    "probe.yaml": ("emoclr.probe.settings:ProbeSettings", []),
    "finetune.yaml": ("emoclr.finetune.settings:FinetuneSettings", []),
    "third-place.yaml": ("emoclr.finetune.settings:FinetuneSettings", []),
}
"""For each shipped file, or pattern: the settings it fills, and what a user has to add on the command line."""

SHIPPED = sorted(path.name for path in emoclr.configs.settings.SHIPPED.glob("*.yaml"))


def owner_of(name):
    owners = [owner for pattern, owner in OWNERS.items() if fnmatch(name, pattern)]
    assert len(owners) == 1, f"{name} needs one entry in OWNERS"
    return owners[0]


def load(name):
    where, overrides = owner_of(name)
    module, _, model = where.partition(":")
    return load_settings(getattr(importlib.import_module(module), model), name, overrides)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_config_loads_by_its_bare_name_from_any_folder(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    load(name)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_config_says_at_its_top_how_it_is_used(name):
    head = (emoclr.configs.settings.SHIPPED / name).read_text(encoding="utf-8").splitlines()[:8]
    assert head[0].startswith("# ")
    assert any(line.startswith("#   ") and name.removesuffix(".yaml") in line for line in head)


@pytest.mark.parametrize("name", [name for name in SHIPPED if owner_of(name) == PRETRAINING])
def test_a_pretraining_config_asks_for_nothing_unsafe(name):
    settings = load(name)
    assert settings.augment.unsafe == [] and not settings.augment.allow_unsafe
    assert settings.data == [Path("recordings")]
