"""`predict` as a process of its own: it ends at once, but nothing that has to be done before is left out."""

import subprocess
import sys
from collections.abc import Sequence

import pytest

LEAVE = """
import atexit, sys, tempfile, threading, time
from emoclr.predict.__main__ import leave
folder = tempfile.TemporaryDirectory()
atexit.register(print, "at exit")
print(folder.name)
{more}
leave({code})
"""
WAIT = "threading.Thread(target=lambda: [time.sleep(0.5), print('thread over')], daemon={daemon}).start()"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(
    ("more", "code", "told"),
    [
        ("", 0, ["at exit"]),
        ("", 130, ["at exit"]),
        (WAIT.format(daemon=False), 1, ["thread over", "at exit"]),
        (WAIT.format(daemon=True), 1, ["at exit"]),
        ("sys.stdout.flush(); sys.stderr.close()", 2, ["at exit"]),
    ],
)
def test_exit_functions_run_threads_end_and_what_was_printed_arrives(more: str, code: int, told: Sequence[str]) -> None:
    done = run("-c", LEAVE.format(more=more, code=code))
    folder, *lines = done.stdout.splitlines()
    assert (done.returncode, lines, done.stderr) == (code, list(told), "")
    assert run("-c", f"import os; print(os.path.exists({folder!r}))").stdout == "False\n"


def test_it_is_the_command_with_its_exit_code() -> None:
    done = run("-m", "emoclr.predict", "nowhere.wav")
    assert (done.returncode, "nowhere.wav: no such" in done.stderr) == (2, True), done.stderr
    assert run("-m", "emoclr.predict", "--help").stdout.startswith("usage: predict ")
