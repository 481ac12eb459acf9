"""What holds for every command: it starts fast, because nothing heavy is imported for its help."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
HEAVY = {
    "audiomentations",
    "librosa",
    "lightly",
    "matplotlib",
    "numpy",
    "pandas",
    "pytorch_lightning",
    "scipy",
    "sklearn",
    "soundfile",
    "timm",
    "torch",
}
ASK_FOR_HELP = """
import sys
from {module} import {function}
try:
    {function}(["--help"])
except SystemExit as exit:
    assert not exit.code, exit.code
print("imported:", *sorted({heavy} & set(sys.modules)))
"""


def test_there_are_six_commands_one_a_folder():
    assert PROJECT["scripts"] == {
        name: f"emoclr.{name}.cli:main" for name in ("augment", "corpus", "finetune", "predict", "pretrain", "probe")
    }


@pytest.mark.parametrize("command", sorted(PROJECT["scripts"]))
def test_help_imports_nothing_heavy(command):
    module, _, function = PROJECT["scripts"][command].partition(":")
    code = ASK_FOR_HELP.format(module=module, function=function, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: {command} ")
    assert done.stdout.splitlines()[-1] == "imported:"
