import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from emoclr.corpus.cli import main
from emoclr.corpus.index.index_file import table_of, write_index
from emoclr.corpus.labels.labels_csv import read_labels

ROOT = Path(__file__).parents[2]


def test_scan_writes_an_index_and_counts_what_it_set_aside(tmp_path, write_tone, capsys):
    write_tone("audio/a.ogg", rate=22_050)
    (tmp_path / "audio" / "b.wav").write_text("no recording")
    assert main(["scan", str(tmp_path / "audio"), "--out", str(tmp_path / "index.csv")]) == 0
    with (tmp_path / "index.csv").open(newline="") as file:
        good, bad = csv.DictReader(file)
    assert [good[name] for name in ("path", "duration_s", "sample_rate", "status", "reason")] == [
        "audio/a.ogg",
        "1",
        "22050",
        "ok",
        "",
    ]
    assert (bad["path"], bad["duration_s"], bad["status"]) == ("audio/b.wav", "", "set aside")
    assert bad["reason"].startswith("cannot be read as audio")
    assert "1 set aside" in capsys.readouterr().err


def test_prepare_writes_labels_and_counts_the_splits(tmp_path, capsys):
    for contributor in (4, 5, 6):
        (tmp_path / f"{contributor:06}-01-1.mp3").touch()
    assert main(["prepare", "emogator", str(tmp_path), "--out", str(tmp_path / "labels.csv")]) == 0
    assert len(read_labels(tmp_path / "labels.csv")) == 3
    assert "3 clips (1 train, 1 validation, 1 test), 30 emotions" in capsys.readouterr().err


def test_work_that_fails_is_one_and_a_line_without_traceback(tmp_path, capsys):
    (tmp_path / "voice.wav").touch()
    assert main(["prepare", "crema_d", str(tmp_path), "--out", str(tmp_path / "labels.csv")]) == 1
    assert capsys.readouterr().err.startswith(f"error: {tmp_path}: none of 1 recording")
    assert not (tmp_path / "labels.csv").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["scan", "nowhere", "--out", "index.csv"],
        ["audit", "nowhere.csv"],
        ["prepare", "emogator", ".", "--labels", "votes", "--out", "labels.csv"],
    ],
)
def test_arguments_that_cannot_be_are_two(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2


@pytest.mark.parametrize("name", ["index.parquet", "index.csv"])
def test_an_audit_of_an_index_asks_for_labels(name, tmp_path, capsys):
    write_index(tmp_path / name, table_of([]))
    assert main(["audit", str(tmp_path / name)]) == 2
    assert capsys.readouterr().err == f"error: {tmp_path / name}: is an index; an audit needs labels (a labels.csv)\n"


@pytest.mark.parametrize("arguments", [["scan", "."], ["prepare", "cremad", ".", "--out", "x.csv"], ["dance"]])
def test_a_command_line_that_does_not_parse_is_two(arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


@pytest.mark.parametrize("place", ["before", "after"])
def test_debug_shows_the_error_itself(place, tmp_path):
    (tmp_path / "voice.wav").touch()
    command = ["prepare", "crema_d", str(tmp_path), "--out", str(tmp_path / "labels.csv")]
    with pytest.raises(Exception, match="none of 1 recording"):
        main(["--debug", *command] if place == "before" else [*command, "--debug"])


@pytest.mark.parametrize("unbuffered", [False, True])
def test_a_reader_who_leaves_ends_a_command_without_a_word(unbuffered):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, *(["-u"] if unbuffered else []), "-m", "emoclr.corpus", "prepare"]
    ran = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, cwd=ROOT, check=False)
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (141, b"")


def test_help_needs_nothing_heavy():
    heavy = "{'numpy', 'pandas', 'pyarrow', 'soundfile', 'soxr', 'sklearn', 'torch', 'rich'}"
    code = "import sys; from emoclr.corpus.cli import _parse\n"
    code += "try: _parse(['--help'])\nexcept SystemExit: pass\n"
    code += f"sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
