"""The `>>>` examples of docstrings run, and every public class and function has one."""

import doctest
import importlib
import inspect
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ["configs", "evaluate", "corpus", "augment", "pretrain", "probe", "finetune", "predict", "checkpoints"]
WITH_EXAMPLES = sorted(
    ".".join(("emoclr", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*.py")
    if ">>> " in path.read_text()
) + [f"emoclr.{path.stem}" for path in (ROOT / "emoclr").glob("*.py") if ">>> " in path.read_text()]
STUBS = sorted(
    f"emoclr.{'.'.join(stub.relative_to(ROOT).parts[:-1])}"
    for folder in FOLDERS
    for stub in (ROOT / folder).rglob("__init__.pyi")
)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    failed, attempted = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert attempted and not failed


@pytest.mark.parametrize("name", ["emoclr", *STUBS])
def test_public_classes_and_functions_have_an_example(name: str) -> None:
    module = importlib.import_module(name)
    public = {each: getattr(module, each) for each in module.__all__}
    classes_and_functions = {
        each: value for each, value in public.items() if inspect.isclass(value) or inspect.isfunction(value)
    }
    assert classes_and_functions
    assert [each for each, value in classes_and_functions.items() if ">>> " not in (value.__doc__ or "")] == []
