"""What holds for every command: one manner of help, and nothing heavy is imported before it is needed."""

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
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


@pytest.mark.parametrize("command", sorted(PROJECT["scripts"]))
def test_no_words_and_the_word_help_print_the_help_of_every_command(command, capsys):
    main = importlib.import_module(f"emoclr.{command}.cli").main

    def told(words):
        with pytest.raises(SystemExit) as caught:
            main(words)
        assert not caught.value.code
        return capsys.readouterr().out

    assert told(["--help"]).startswith(f"usage: {command} [-h]")
    assert told([]) == told(["help"]) == told(["--help"])


@pytest.mark.parametrize(
    "words",
    [
        ["corpus", "scan"],
        ["corpus", "stats"],
        ["corpus", "shard"],
        ["corpus", "audit"],
        ["corpus", "demo"],
        ["augment", "preview"],
        ["probe", "compare"],
    ],
    ids=" ".join,
)
def test_no_words_and_the_word_help_print_the_help_of_every_sub_command(words, capsys):
    command, name = words
    main = importlib.import_module(f"emoclr.{command}.cli").main
    for more in ([], ["help"], ["--help"]):
        with pytest.raises(SystemExit) as caught:
            main([name, *more])
        assert not caught.value.code
        assert capsys.readouterr().out.startswith(f"usage: {command} {name} [-h]")


@pytest.mark.parametrize("command", sorted(PROJECT["scripts"]))
def test_a_command_is_a_module_too(command):
    script = Path(sys.executable).parent / command
    typed, as_module = (
        subprocess.run([*words, "--help"], capture_output=True, text=True, check=True).stdout
        for words in ([script], [sys.executable, "-m", f"emoclr.{command}"])
    )
    assert as_module == typed
