"""`predict serve`: what it says, and what it refuses before anything is loaded."""

import importlib.util
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emoclr.predict.cli import main


def test_it_serves_until_it_is_stopped_and_leaves_nothing(workspace: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "emoclr.predict", "serve", "--from", str(workspace / "checkpoints/my-emotions")]
    server = subprocess.Popen(
        [*command, "--port", "0"], stderr=subprocess.PIPE, text=True, env={"TMPDIR": str(tmp_path), "PATH": ""}
    )
    assert server.stderr is not None
    told = ""
    while "Ctrl-C" not in told:
        line = server.stderr.readline()
        assert line, told
        told += line
    (address,) = set(re.findall(r"http://127\.0\.0\.1:\d+/", told))
    with urllib.request.urlopen(f"{address}health") as reply:
        assert reply.status == 200
    assert [path.name.startswith("emoclr-serve-") for path in tmp_path.iterdir()] == [True]
    server.send_signal(signal.SIGINT)
    assert server.wait(60) == 0 and list(tmp_path.iterdir()) == []
    assert "Traceback" not in server.stderr.read()


def test_a_missing_package_is_named_with_its_extra(
    call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "starlette" else find(name))
    ran = call(main, ["serve"], tmp_path)
    assert ran.code == 2 and "starlette" in ran.told and ".[web]" in ran.told


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--max-s", "0"], "--max-s"),
        (["--max-s", "1e9"], "--max-s"),
        (["--queue", "-1"], "--queue"),
        (["--from", "nowhere"], "nowhere"),
        (["--port", "99999"], "--port"),
        (["--host", "203.0.113.1"], "--host"),
    ],
)
def test_what_cannot_be_is_refused(
    call: Callable[..., Any], workspace: Path, tmp_path: Path, words: list[str], named: str
) -> None:
    source = [] if "--from" in words else ["--from", str(workspace / "checkpoints/my-emotions")]
    ran = call(main, ["serve", *source, *words], tmp_path)
    assert ran.code == 2 and named in ran.told
