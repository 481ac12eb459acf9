"""`predict` as a user types it."""

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from emoclr.finetune.model.checkpoint import load_ensemble
from emoclr.predict.cli import main

Run = Callable[..., Any]
READABLE = ["below/middle, loud.flac", "exact.wav", "long.wav", "short.wav"]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder_gives_one_row_a_file_and_a_broken_one_is_no_end(
    run: Run, emotions: Path, recordings: Path, tmp_path: Path
) -> None:
    out = tmp_path / "predictions.csv"
    ran = run("--gate", "none", "--from", emotions, recordings, "--out", out)
    assert ran.code == 0
    rows = rows_of(out)
    assert list(rows[0]) == [
        "path",
        "start_s",
        "end_s",
        "voice",
        "anger",
        "sadness",
        "anger_share",
        "sadness_share",
        "emotions",
        "cautions",
    ]
    assert [row["path"] for row in rows] == [str(recordings / name) for name in READABLE]
    thresholds = load_ensemble(emotions)[1].thresholds
    for row in rows:
        over = [name for name, least in zip(("anger", "sadness"), thresholds, strict=True) if float(row[name]) >= least]
        assert row["emotions"] == ";".join(over)
        assert 0 <= float(row["anger"]) <= 1 and 0 <= float(row["sadness"]) <= 1
    (error,) = rows_of(tmp_path / "predictions.errors.csv")
    assert error["path"] == str(recordings / "broken.mp3") and error["reason"]
    assert (
        "4 recordings, 0:03.8; somebody speaks in 0:03.8" in ran.told
        and "4 rows" in ran.told
        and "broken.mp3" in ran.told
    )
    assert str(tmp_path / "predictions.errors.csv") in ran.told


def test_files_and_folders_together_in_any_place_of_the_line(
    run: Run, emotions: Path, recordings: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    words = [
        recordings / "short.wav",
        "--gate",
        "none",
        "--from",
        emotions,
        "--out",
        out,
        "--timeline",
        recordings / "below",
    ]
    assert run(*words).code == 0
    assert {Path(row["path"]).name for row in rows_of(out)} == {"short.wav", "middle, loud.flac"}
    assert not (tmp_path / "out.errors.csv").exists()


def test_a_timeline_has_one_row_a_window(run: Run, emotions: Path, recordings: Path, tmp_path: Path) -> None:
    out = tmp_path / "timeline.csv"
    assert run("--gate", "none", "--from", emotions, recordings / "long.wav", "--out", out, "--timeline").code == 0
    times = [(float(row["start_s"]), float(row["end_s"])) for row in rows_of(out)]
    assert len(times) == 7  # one, and ceil((2.13 - 0.5) / 0.3) more
    assert times[0] == (0.0, 0.5) and times[-1] == (1.63, 2.13)


def test_json_lines_equal_the_csv(run: Run, emotions: Path, recordings: Path, tmp_path: Path) -> None:
    words = ["--gate", "none", "--from", emotions, recordings, "--timeline"]
    assert run(*words, "--out", tmp_path / "out.csv").code == 0
    assert run(*words, "--out", tmp_path / "out.jsonl").code == 0
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    rows = rows_of(tmp_path / "out.csv")
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        line["emotions"] = ";".join(line["emotions"])
        assert {name: str(value) for name, value in line.items() if name in ("path", "emotions")}.items() <= row.items()
        assert all(float(row[name]) == line[name] for name in ("start_s", "end_s", "anger", "sadness"))


def test_of_broken_files_alone_the_tables_are_written_and_the_work_has_failed(
    run: Run, emotions: Path, recordings: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    ran = run("--gate", "none", "--from", emotions, recordings / "broken.mp3", "--out", out)
    assert ran.code == 1
    assert rows_of(out) == [] and len(rows_of(tmp_path / "out.errors.csv")) == 1
    assert "could not be read" in ran.told and "Traceback" not in ran.told


def test_a_missing_source_is_two_and_nothing_is_written(run: Run, emotions: Path, tmp_path: Path) -> None:
    ran = run("--from", emotions, tmp_path / "nowhere.wav", "--out", tmp_path / "out.csv")
    assert ran.code == 2
    assert ran.told.endswith(f"error: {tmp_path / 'nowhere.wav'}: no such file or folder\n")
    assert list(tmp_path.iterdir()) == []


def test_without_an_ensemble_it_says_what_to_give(run: Run, recordings: Path, tmp_path: Path) -> None:
    ran = run("--from", tmp_path / "nowhere", recordings, "--out", tmp_path / "out.csv")
    assert ran.code == 2
    assert ran.told.startswith(f"error: {tmp_path / 'nowhere'}: no such folder; give the --out folder of")
    ran = run("--from", tmp_path, recordings, "--out", tmp_path / "out.csv")
    assert ran.code == 1
    assert ran.told.startswith(f"error: {tmp_path}: holds neither ensemble.yaml nor model.yaml")
    assert "give the --out folder of a finished `finetune`" in ran.told


@pytest.mark.parametrize("member", ["", "test_resnet"])
def test_cautions_of_the_report_are_told_again_and_its_notes_are_not(
    member: str, run: Run, emotions: Path, recordings: Path, tmp_path: Path
) -> None:
    (caution,) = load_ensemble(emotions / member)[1].cautions
    ran = run("--gate", "none", "--from", emotions / member, recordings / "short.wav", "--out", tmp_path / "out.csv")
    assert "synthetic" in caution.lower() and f"warning: {caution}" in ran.told
    assert "speakers were scored" in (emotions / "report/report.md").read_text()
    assert "speakers were scored" not in ran.told
    assert [row["cautions"] for row in rows_of(tmp_path / "out.csv")] == [caution]


def test_what_is_not_as_one_would_think_is_told_and_listed(
    run: Run, emotions: Path, write_noise: Callable[..., Path], tmp_path: Path
) -> None:
    folder = tmp_path / "recordings"
    whole = write_noise(folder / "whole.wav", 0.6, True, False, 1).read_bytes()
    (folder / "cut.wav").write_bytes(whole[: len(whole) // 2])
    sf.write(folder / "silence.wav", np.zeros(8_000), 16_000)
    sf.write(folder / "one_side.wav", sf.read(folder / "whole.wav")[0][:, None] * [0, 1], 16_000)
    ran = run("--from", emotions, folder, "--out", tmp_path / "out.csv", "--gate", "none")
    assert ran.code == 0 and len(rows_of(tmp_path / "out.csv")) == 4
    assert {Path(row["path"]).name: row["status"] for row in rows_of(tmp_path / "out.errors.csv")} == {
        "cut.wav": "partial",
        "silence.wav": "silent",
    }
    for told in ("0.30 of 0.60 s", "cut.wav", "silence.wav", "one_side.wav", "channel 2 of 2"):
        assert told in ran.told


def test_standard_output_holds_the_table_and_nothing_else(
    emotions: Path, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--gate", "none", "--from", str(emotions), str(recordings), "--out"]
    assert main([*words, str(tmp_path / "out.csv")]) == 0
    capsys.readouterr()
    assert main([*words, "-"]) == 0
    told = capsys.readouterr()
    assert told.out == (tmp_path / "out.csv").read_text()
    assert "broken.mp3" in told.err and "warning: " in told.err
    assert main([*words, "-", "--format", "jsonl"]) == 0
    assert [json.loads(line)["path"] for line in capsys.readouterr().out.splitlines()] == [
        row["path"] for row in rows_of(tmp_path / "out.csv")
    ]


@pytest.mark.parametrize("timeline", [False, True])
def test_without_out_people_read_a_table(
    emotions: Path, one_emotion: Path, recordings: Path, timeline: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--from", str(one_emotion), str(recordings / "long.wav"), "--gate", "none"]
    assert main([*words, *(["--timeline"] if timeline else [])]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "long.wav" in line]
    assert len(lines) == (7 if timeline else 1)
    emotion = r"(anger|sadness) [01]\.\d\d" if timeline else r"(anger|sadness) 0:0\d\.\d \(\d+ %\)"
    assert "0:02.1" in lines[-1] and re.search(emotion, lines[0])


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda out, recording: out.symlink_to(recording.parent / "notes.txt"), "is a link"),
        (lambda out, recording: out.mkdir(), "no regular file"),
        (lambda out, recording: os.mkfifo(out), "no regular file"),
        (lambda out, recording: os.link(recording, out), "one of the recordings"),
        (lambda out, recording: out.write_text("path,anger\na.wav,1\n"), "was not written by predict"),
        (lambda out, recording: (out.parent / "out.errors.csv").write_text("mine\n"), "was not written by predict"),
        (lambda out, recording: (out.parent / "out.errors.csv").symlink_to("elsewhere"), "is a link"),
        (lambda out, recording: (out.parent / "out.csv.part").mkdir(), "no regular file"),
    ],
)
def test_out_that_would_cost_a_file_is_refused(
    run: Run, emotions: Path, write_noise: Callable[..., Path], tmp_path: Path, make: Callable[..., Any], why: str
) -> None:
    recording = write_noise(tmp_path / "recordings/a.wav", 0.3, True, False, 1)
    before = recording.read_bytes()
    make(tmp_path / "out.csv", recording)
    there = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")}
    ran = run("--from", emotions, recording, "--out", tmp_path / "out.csv")
    assert ran.code == 2 and why in ran.told and len(ran.told.splitlines()) == 1
    assert recording.read_bytes() == before
    assert {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")} == there


@pytest.mark.parametrize(
    ("words", "named"),
    [(["--out", "out.doc"], r".csv, .jsonl, .parquet"), (["--out", "out.csv", "--format", "jsonl"], "--format jsonl")],
)
def test_a_form_that_there_is_not_is_refused(
    run: Run, emotions: Path, recordings: Path, words: list[str], named: str
) -> None:
    ran = run("--gate", "none", "--from", emotions, recordings, *words)
    assert ran.code == 2 and named in ran.told


@pytest.mark.parametrize(
    "words", [["--from", "x", "--out", "y"], ["--from", "x", "a.wav", "--out", "y", "--format", "xml"]]
)
def test_a_command_line_that_does_not_parse_is_two(words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2


def test_nothing_heavy_is_imported_for_the_command_line() -> None:
    heavy = "{'numpy', 'pandas', 'torch', 'sklearn', 'rich', 'timm', 'pytorch_lightning', 'pydantic'}"
    code = f"import sys, emoclr.predict, emoclr.predict.cli; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


REFUSED = """
import sys
from emoclr.predict.cli import main
assert main(["--from", sys.argv[1], "nowhere.wav", "--out", sys.argv[2]]) == 2
print("imported:", *{"torch", "timm", "scipy", "onnxruntime", "emoclr.finetune.model.checkpoint"} & set(sys.modules))
"""


def test_what_is_not_there_is_refused_before_anything_heavy_is_imported(tmp_path):
    (tmp_path / "ensemble.yaml").write_text("")
    command = [sys.executable, "-c", REFUSED, str(tmp_path), str(tmp_path / "out.csv")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "imported:\n", done.stderr
