"""Packages that only some need: each is an extra, and what needs it names it where it is missing."""

import ast
import re
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from emoclr.configs.errors import ConfigError
from emoclr.corpus.parallel.engines import make_engine
from emoclr.predict.export.forms import form_of
from emoclr.predict.serve.cli import check_packages
from emoclr.probe.features.features import missing_features
from emoclr.probe.settings import ProbeSettings

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
FOR_USERS = sorted(EXTRAS.keys() - {"all", "dev"})


def refusal(call: Callable[[], object]) -> str:
    """Returns what a user is told."""
    with pytest.raises(ConfigError) as told:
        call()
    return str(told.value)


TOLD: dict[str, Callable[[], str]] = {
    "baselines": lambda: missing_features(ProbeSettings())[0],  # a report goes on without its row
    "cluster": lambda: refusal(lambda: make_engine("ray")),
    "export": lambda: refusal(lambda: form_of(Path("model.onnx"))),
    "web": lambda: refusal(check_packages),
}
"""What is told where the packages of an extra are missing."""


def distribution(requirement: str) -> str:
    """Returns the name of a package from what pyproject.toml asks for, as registries compare names."""
    name = re.match(r"[\w.-]+", requirement)
    assert name is not None
    return re.sub(r"[-_.]+", "-", name.group()).lower()


@pytest.mark.parametrize("extra", FOR_USERS)
def test_what_needs_an_extra_names_it_where_it_is_missing(extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = [distribution(requirement) for requirement in EXTRAS[extra]]
    for package in packages:
        monkeypatch.setitem(sys.modules, package.replace("-", "_"), None)
    told = TOLD[extra]()
    assert f"'.[{extra}]'" in told and f"pip install {' '.join(packages)}" in told


def test_all_is_every_extra_but_that_of_developers() -> None:
    (everything,) = EXTRAS["all"]
    assert everything == f"emoclr[{','.join(FOR_USERS)}]"


def test_what_the_packages_import_is_what_installing_them_brings() -> None:
    """Of the project's own dependencies or extras, or of what these are made of."""
    part_of = {"huggingface-hub": "timm", "markupsafe": "jinja2", "onnx-ir": "onnxscript", "protobuf": "onnx"}
    asked = {distribution(one) for extra in FOR_USERS for one in EXTRAS[extra]}
    asked |= {distribution(one) for one in PROJECT["project"]["dependencies"]}
    owners = packages_distributions()
    for file in modules():
        for name in imports(ast.parse(file.read_text())):
            if name in owners and name != "emoclr":
                found = {distribution(owner) for owner in owners[name]}
                assert {part_of.get(one, one) for one in found} & asked, f"{file} imports {name}"


def modules() -> list[Path]:
    """Returns the files of all packages."""
    tops = PROJECT["tool"]["setuptools"]["package-dir"].values()
    return [file for top in tops for file in (ROOT / top).rglob("*.py")]


def imports(tree: ast.Module) -> set[str]:
    """Returns the first words of what a file imports by its whole name."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module or "")
    return {name.partition(".")[0] for name in found}
