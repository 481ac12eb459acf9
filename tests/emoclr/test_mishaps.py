"""What the system refuses is one line that names the file, in every command: no traceback, and exit code 1 or 2."""

import contextlib
import ctypes
import importlib
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

COMMANDS = {
    "pretrain": "pretrain --config simclr-small.yaml --data recordings --out OUT backbones=test_resnet",
    "probe": "probe --config probe.yaml --from checkpoints/my-run --data labels.csv --out OUT egemaps=false",
    "finetune": "finetune --config finetune.yaml --from checkpoints/my-run --data labels.csv --out OUT",
    "predict": "predict --from checkpoints/my-emotions recordings --out OUT.csv",
    "augment preview": "augment preview recordings/00.wav --config simclr-small.yaml --out OUT.png",
    "corpus scan": "corpus scan recordings --out OUT.csv",
    "corpus stats": "corpus stats labels.csv --out OUT.png",
    "corpus audit": "corpus audit labels.csv --out OUT",
    "corpus shard": "corpus shard recordings --out OUT",
    "corpus prepare": "corpus prepare tess recordings --out OUT.csv",
    "corpus demo": "corpus demo --size small --out OUT",
    "corpus cache": "corpus cache --dir OUT",
}
WRITERS = [name for name in COMMANDS if name != "corpus cache"]
LATE = {"predict", "augment preview", "corpus stats", "corpus audit"}
"""Look at their --out once they have something to write."""

pytestmark = pytest.mark.usefixtures("in_this_process")


@pytest.fixture(autouse=True)
def here(workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(workspace / "recordings", tmp_path / "recordings")
    for number, name in enumerate(("OAF_back_angry", "YAF_back_fear")):
        shutil.copy(workspace / f"recordings/0{number}.wav", tmp_path / f"recordings/{name}.wav")
    shutil.copytree(workspace / "checkpoints", tmp_path / "checkpoints")
    shutil.copy(workspace / "labels.csv", tmp_path / "labels.csv")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EMOCLR_CACHE", str(tmp_path / "cache"))


@contextlib.contextmanager
def as_anyone() -> Iterator[None]:
    """Modes of files hold, for root too."""
    if os.geteuid():
        yield
        return
    libc, head, kept = ctypes.CDLL(None), (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(head, kept) == 0
    effective, *others = kept
    assert libc.capset(head, (ctypes.c_uint32 * 6)(effective & ~0b110, *others)) == 0
    try:
        yield
    finally:
        assert libc.capset(head, kept) == 0


@contextlib.contextmanager
def on_a_full_disk() -> Iterator[None]:
    """No file may grow."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def check_refused(capsys: pytest.CaptureFixture[str], words: list[str], told: str) -> None:
    command, *arguments = words
    code = importlib.import_module(f"emoclr.{command}.cli").main(arguments)
    *_, last = capsys.readouterr().err.splitlines()
    assert code in (1, 2)
    assert last.startswith("error: ") and told in last


def below_a_file() -> str:
    Path("file").touch()
    return "file/x"


def read_only() -> str:
    Path("folder").mkdir(mode=0o555)
    return "folder/x"


def closed() -> str:
    Path("folder").mkdir(mode=0)
    return "folder/x"


@pytest.mark.parametrize("name", [name for name in WRITERS if name not in LATE])
@pytest.mark.parametrize(
    ("place", "told"),
    [
        (below_a_file, "file"),
        (read_only, "Permission denied"),
        (closed, "Permission denied"),
        (lambda: "x" * 300, "File name too long"),
        (lambda: "/".join(["x" * 200] * 25), "File name too long"),
    ],
    ids=["below a file", "in a read-only folder", "in a closed folder", "name too long", "path too long"],
)
def test_an_out_that_cannot_be_written(
    name: str, place: Callable[[], str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = place()
    with as_anyone():
        check_refused(capsys, COMMANDS[name].replace("OUT", out).split(), told)


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "OUT").mkdir()
    with on_a_full_disk():
        check_refused(capsys, COMMANDS[name].split(), ": File too large" if name == "predict" else "cannot be written")
    if name == "corpus scan":  # what was read is read again, and all is there
        assert importlib.import_module("emoclr.corpus.cli").main(COMMANDS[name].split()[1:]) == 0


INPUTS = {"recordings", "recordings/00.wav", "labels.csv", "checkpoints/my-run", "checkpoints/my-emotions"}
CONFIGS = {"simclr-small.yaml", "probe.yaml", "finetune.yaml"}
CASES = [(name, word) for name, words in COMMANDS.items() for word in words.split() if word in INPUTS | CONFIGS]


@pytest.mark.parametrize(("name", "given"), CASES)
def test_an_input_whose_name_is_too_long(name: str, given: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["x" * 300 if word == given else word for word in COMMANDS[name].split()]
    check_refused(capsys, words, "File name too long")


@pytest.mark.parametrize(("name", "given"), [case for case in CASES if case[1] in INPUTS])
def test_an_input_in_a_folder_that_may_not_be_entered(
    name: str, given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    closed()
    inside = Path("folder") / Path(given).name
    Path(given).rename(inside)
    words = [str(inside) if word == given else word for word in COMMANDS[name].split()]
    with as_anyone():
        check_refused(capsys, words, "Permission denied")


@pytest.mark.parametrize(("name", "given"), [case for case in CASES if case[1] in CONFIGS])
def test_an_impossible_date_in_a_config(name: str, given: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.yaml").write_text("seed: 2026-13-45\n")
    words = ["mine.yaml" if word == given else word for word in COMMANDS[name].split()]
    check_refused(capsys, words, "mine.yaml: is not YAML: month must be in 1..12")
