import ast
import importlib
import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def is_in(module, name):
    return hasattr(module, name) or importlib.util.find_spec(f"{module.__name__}.{name}") is not None


@pytest.mark.parametrize("script", sorted((ROOT / "benchmarks").rglob("*.py")), ids=lambda path: path.stem)
def test_what_a_benchmark_imports_of_the_packages_is_there(script):
    tree = ast.parse(script.read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    for node in imports:
        if node.module.split(".")[0] == "emoclr":
            module = importlib.import_module(node.module)
            missing = [name.name for name in node.names if not is_in(module, name.name)]
            assert not missing, f"{node.module} has no {', '.join(missing)}"


@pytest.mark.parametrize("script", sorted((ROOT / "benchmarks").rglob("*.py")), ids=lambda path: path.stem)
def test_what_a_benchmark_imports_is_found_when_it_runs_as_a_script(script, monkeypatch):
    # Python puts the script's own folder in front of the path, not the folder that one stands in.
    monkeypatch.syspath_prepend(script.parent)
    monkeypatch.setattr("sys.path", [place for place in sys.path if place and Path(place).resolve() != ROOT])
    tree = ast.parse(script.read_text(encoding="utf-8"))
    modules = {node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    assert [module for module in modules if importlib.util.find_spec(module) is None] == []
