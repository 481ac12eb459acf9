"""EmoCLR installed beside somebody's own files of the same names: neither gets into the other's way."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]


def run_in(folder: Path, *words: str) -> str:
    """Returns what this environment's Python prints, started in a folder."""
    ran = subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def write(folder: Path, **files: str) -> None:
    """Writes files into a folder; `__` in a name is a folder's end."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize("init", [False, True])
def test_a_projects_own_configs_are_imported(tmp_path: Path, init: bool) -> None:
    write(tmp_path, configs__base="LR = 0.25", train="import emoclr.configs\nfrom configs.base import LR\nprint(LR)")
    if init:
        (tmp_path / "configs/__init__.py").touch()
    assert run_in(tmp_path, "train.py") == "0.25\n"
    assert run_in(tmp_path, "-c", "from configs.base import LR; print(LR)") == "0.25\n"


def test_folders_of_recordings_and_settings_hide_no_package(tmp_path: Path) -> None:
    for name in ("corpus", "configs", "probe", "emotions"):
        (tmp_path / name).mkdir()
    (tmp_path / "corpus/a.wav").touch()
    code = (
        "from emoclr.corpus import read_labels\nfrom emoclr.configs import load_settings\nprint(read_labels.__name__)"
    )
    assert run_in(tmp_path, "-c", code) == "read_labels\n"
    write(tmp_path, script=code)
    assert run_in(tmp_path, "script.py") == "read_labels\n"


@pytest.mark.parametrize("name", ["augment", "corpus", "pretrain", "probe", "finetune"])
def test_a_script_may_be_called_as_a_command_is(tmp_path: Path, name: str) -> None:
    write(tmp_path, **{name: f"from emoclr.{name}.cli import main\nimport emoclr.{name}\nprint(main.__module__)"})
    assert run_in(tmp_path, f"{name}.py") == f"emoclr.{name}.cli\n"


def test_scripts_called_pretrain_and_predict_use_the_networks(tmp_path: Path) -> None:
    """The second imports the first, as a project does, and both import all that is below a command."""
    write(
        tmp_path,
        pretrain="import emoclr\nnames = [emoclr.load_encoder.__name__]",
        predict="import emoclr, pretrain\nprint(*pretrain.names, emoclr.load_ensemble.__name__)",
    )
    assert run_in(tmp_path, "predict.py") == "load_encoder load_ensemble\n"


def test_every_folder_with_python_is_a_package_that_is_installed() -> None:
    """A folder that `packages` lacks is there in an editable install, and missing in a wheel."""
    tops = PROJECT["package-dir"].values()
    folders = {path.parent for top in tops for path in (ROOT / top).rglob("*.py")}
    assert folders == {folder_of(package) for package in PROJECT["packages"]}
    assert all((folder / "__init__.py").is_file() for folder in folders)


def test_every_file_that_the_packages_read_is_installed() -> None:
    listed = set()
    for package, patterns in PROJECT["package-data"].items():
        folders = PROJECT["packages"] if package == "*" else [package]
        for pattern in patterns:
            matched = {path for folder in folders for path in folder_of(folder).glob(pattern) if path.is_file()}
            if "/" in pattern:  # what is released, in folders of its own
                continue
            assert matched, f"{package}: nothing is called {pattern}"
            listed |= matched
    present = {
        path
        for package in PROJECT["packages"]
        for path in folder_of(package).iterdir()
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert listed == present


def folder_of(package: str) -> Path:
    """Returns where a package lies in the repository."""
    return ROOT / (package if package == "emoclr" else package.removeprefix("emoclr.").replace(".", "/"))


def test_python_started_in_a_clone_finds_the_sub_packages_beside_emoclr() -> None:
    """As after `pip install .`: what an editable install maps is taken away, and the clone's folder comes first."""
    code = (
        "import sys; sys.meta_path[:] = [f for f in sys.meta_path if not f.__module__.startswith('__editable__')]\n"
        "import emoclr, emoclr.predict\n"
        "print(emoclr.load_ensemble.__module__, emoclr.read_labels.__module__, emoclr.predict.__file__)"
    )
    loaded, labels, file = run_in(ROOT, "-c", code).split()
    assert (loaded, labels) == ("emoclr.predict.loaded_ensemble", "emoclr.corpus.labels.labels_csv")
    assert Path(file) == ROOT / "predict/__init__.py"
