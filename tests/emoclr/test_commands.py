"""What holds for every command: one manner of help, and nothing heavy is imported before it is needed."""

import importlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from emoclr.corpus.parallel.locks import LOCK, lock_folder

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
HEAVY = {
    "audiomentations",
    "librosa",
    "lightly",
    "matplotlib",
    "numpy",
    "pandas",
    "pydantic",
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


def test_there_are_seven_commands_one_a_folder():
    names = ("augment", "checkpoints", "corpus", "finetune", "predict", "pretrain", "probe")
    expected = {name: f"emoclr.{name}.cli:main" for name in names}
    assert PROJECT["scripts"] == {**expected, "predict": "emoclr.predict.__main__:command"}


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


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A folder with a run, an ensemble, recordings and labels, none of which holds more than its name promises."""
    for name in ("run/encoder.yaml", "emotions/model.yaml", "recordings/a.wav", "labels.csv"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


REFUSED = """
import resource, sys
from emoclr.{command}.cli import main
code = main(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime, *sorted({heavy} & set(sys.modules)))
sys.exit(code)
"""
COMES_LATER = HEAVY - {"numpy", "pydantic", "soundfile"}
MAX_CPU_S = 2.0
"""Some 0.5 s are used; torch alone takes 2 s on a fast machine."""


@pytest.mark.parametrize(
    "words",
    [
        "pretrain data=nowhere out=x",
        "pretrain --data recordings,nowhere --out x",
        "pretrain --data nowhere/corpus-{000..127}.tar --out x",
        "pretrain --data recordings --out x monitor=nowhere",
        "pretrain --data recordings --out x start_from=nowhere",
        "pretrain --status nowhere",
        "probe --from nowhere --data labels.csv --out x",
        "probe --from run --data nowhere --out x",
        "probe --from run --data labels.csv --test nowhere --out x",
        "probe compare nowhere",
        "finetune --from nowhere --data labels.csv --out x",
        "finetune --from run --data nowhere --out x",
        "finetune --from run --data labels.csv --test nowhere --out x",
        "finetune --from run --data labels.csv --unlabeled nowhere --out x",
        "predict --from nowhere recordings --out x",
        "predict --from emotions recordings nowhere --out x",
        "augment preview nowhere",
        "corpus scan recordings nowhere --out x.csv",
        "corpus scan nowhere --engine ray --out x.csv",
        "corpus stats nowhere",
        "corpus stats labels.csv --index nowhere",
        "corpus shard nowhere --out x.tar",
        "corpus audit nowhere",
        "corpus prepare crema_d nowhere --out x.csv",
        "pretrain --config nowhere --data recordings --out x",
        "probe --config nowhere --from run --data labels.csv --out x",
        "finetune --config nowhere --from run --data labels.csv --out x",
        "augment preview recordings/a.wav --config nowhere",
    ],
)
def test_a_misspelt_place_is_refused_before_anything_heavy_is_imported(words, places):
    command, *arguments = words.split()
    heavy = COMES_LATER - ({"scipy"} if arguments[0] == "compare" else set())
    code = REFUSED.format(command=command, heavy=heavy)
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: nowhere: no ")
    cpu_s, *imported = done.stdout.split()
    assert imported == []
    assert float(cpu_s) < MAX_CPU_S
    assert sorted(path.name for path in places.iterdir()) == ["emotions", "labels.csv", "recordings", "run"]


def test_an_empty_folder_is_refused_before_anything_heavy_is_imported(places):
    (places / "empty").mkdir()
    code = REFUSED.format(command="pretrain", heavy=COMES_LATER)
    words = [sys.executable, "-c", code, "--data", "empty", "--out", "x"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: no recordings in empty: nothing is there\n")
    cpu_s, *imported = done.stdout.split()
    assert imported == [] and float(cpu_s) < MAX_CPU_S


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("pretrain --data corpus.zip --out x", "corpus.zip: is an archive; unpack it"),
        ("pretrain --data recordings --out x monitor=recordings", "recordings: is a folder, where a table"),
        ("probe --from run --data recordings --out x", "recordings: is a folder, where a table"),
        (
            "probe --from run --data . --out x",
            ".: is a folder, where a table with a row for each recording is needed, ",
        ),
        ("probe --from run --data . --out x", "(perhaps 'labels.csv'?)"),
        ("probe --from run --data labels.csv --test recordings/a.wav --out x", "a.wav: is a recording, where a table"),
        ("finetune --from run --data recordings --out x", "recordings: is a folder, where a table"),
        ("finetune --from run --data corpus.zip --out x", "corpus.zip: is an archive; unpack it"),
        ("finetune --from run --data labels.csv --unlabeled corpus.zip --out x", "corpus.zip: is an archive"),
        ("predict --from emotions labels.csv --out x.csv", "labels.csv: is a table, where recordings are needed"),
        ("predict --from emotions corpus.zip --out x.csv", "corpus.zip: is an archive; unpack it"),
        ("corpus scan labels.csv --out x.csv", "labels.csv: is a table, where recordings are needed"),
        ("corpus stats recordings", "recordings: is a folder, where a table"),
        ("corpus audit recordings", "recordings: is a folder, where a table"),
        ("corpus shard corpus.zip --out x.tar", "corpus.zip: is an archive; unpack it"),
        ("corpus prepare crema_d corpus.zip --out x.csv", "corpus.zip: is an archive; unpack it"),
        ("corpus prepare crema_d labels.csv --out x.csv", "labels.csv: is a file, where a folder is needed"),
        (
            "augment preview recordings",
            "recordings: is a folder, where one recording is needed (perhaps 'recordings/a.wav'?)",
        ),
        ("augment preview labels.csv", "labels.csv: is a table, where one recording is needed"),
    ],
)
def test_what_a_command_cannot_take_is_refused_in_a_line_that_says_what_it_takes(words, told, places, capsys):
    (places / "corpus.zip").touch()
    command, *arguments = words.split()
    assert importlib.import_module(f"emoclr.{command}.cli").main(arguments) == 2
    line, end = capsys.readouterr().err.split("\n")
    assert line.startswith("error: ") and told in line and end == ""


@pytest.mark.parametrize(
    "words",
    [
        "pretrain --data DIR --out x backbones=[test_resnet]",
        "corpus scan DIR --out x.csv",
        "corpus shard DIR --out x",
        "corpus prepare crema_d DIR --out x.csv",
    ],
)
def test_a_folder_without_recordings_is_an_error_that_says_what_is_there(words, tmp_path, monkeypatch, capsys):
    for name in ("notes.txt", "more.txt", "corpus.zip", ".old/a.wav"):
        (tmp_path / "odd folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "odd folder" / name).touch()
    monkeypatch.chdir(tmp_path)
    command, *arguments = [word.replace("DIR", "odd folder") for word in words.split()]
    assert importlib.import_module(f"emoclr.{command}.cli").main(arguments) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("error: no recordings in odd folder: ")
    assert "2 .txt, 1 .zip (unpack it)" in line and "hidden: 1" in line
    assert [path.name for path in tmp_path.iterdir()] == ["odd folder"]


FIRST_WORDS = """
import os, sys
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name in {heavy}:
            sys.stderr.flush()
            os._exit(7)
sys.meta_path.insert(0, Watch())
from emoclr.{command}.cli import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("pretrain --data recordings --out x", "recordings"),
        ("probe --from run --data labels.csv --out x", "run"),
        ("finetune --from run --data labels.csv --out x", "run"),
        ("predict --from emotions recordings --out x.csv", "emotions"),
        ("augment preview recordings/a.wav", "recordings/a.wav"),
    ],
)
def test_a_command_says_what_it_reads_before_anything_heavy_is_imported(words, named, places):
    command, *arguments = words.split()
    code = FIRST_WORDS.format(command=command, heavy=COMES_LATER)
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr
    assert done.stderr.startswith(f"reading {named}")


@pytest.mark.parametrize(
    "words",
    [
        "pretrain --data recordings --out x",
        "pretrain --data recordings --out x --resume",
        "probe --from checkpoints/my-run --data labels.csv --out x",
        "finetune --from checkpoints/my-run --data labels.csv --out x",
        "finetune --from checkpoints/my-run --data labels.csv --out x --resume",
    ],
)
def test_a_second_run_into_one_folder_is_refused(words, workspace, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(workspace)
    command, *arguments = words.replace("--out x", f"--out {tmp_path / 'x'}").split()
    with lock_folder(tmp_path / "x"):
        assert importlib.import_module(f"emoclr.{command}.cli").main(arguments) == 2
        assert [path.name for path in (tmp_path / "x").iterdir()] == [LOCK]
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith(f"error: {tmp_path / 'x'}: another run writes into it (process {os.getpid()} on ")
