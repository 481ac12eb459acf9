"""A table that was stopped anywhere goes on to the same bytes, and rows of other work are never mixed with it."""

import json
import multiprocessing
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch

from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.finetune.model.checkpoint import EnsembleCard, load_ensemble
from emoclr.finetune.model.emotion_model import Ensemble
from emoclr.predict.cli import main
from emoclr.predict.output.out_path import errors_path, part_path, state_path
from emoclr.predict.output.tables import Columns
from emoclr.predict.output.unfinished import UnfinishedTable, Work, work_of
from emoclr.predict.run import predict_files
from emoclr.predict.stream.rows import RowKind

pytestmark = pytest.mark.usefixtures("small_batches")

Loaded = tuple[Ensemble, EnsembleCard]
JOY = Columns(["joy"], "recording")
WORK = {"the ensemble": "a", "the recordings": "b"}


@pytest.fixture(scope="module")
def loaded(emotions: Path) -> Loaded:
    return load_ensemble(emotions)


@pytest.fixture
def paths(recordings: Path) -> list[Path]:
    return [recordings / name for name in ("broken.mp3", "long.wav", "short.wav", "exact.wav")]


@pytest.fixture
def go_on(loaded: Loaded, paths: list[Path]) -> Callable[..., int]:
    """Returns go_on(out, batches, kind, work) -> how many batches were done of those that were allowed."""

    def run(out: Path, batches: float = float("inf"), kind: RowKind = "recording", work: Work = WORK) -> int:
        ensemble, card = loaded
        done = 0
        with UnfinishedTable(out, Columns(card.emotions, kind), work) as table:
            for found in predict_files(ensemble, card, paths, kind=kind, gate=False, begin=table.place):
                if done == batches:
                    return done
                table.add(found)
                done += 1
            table.finish()
        return done

    return run


@pytest.mark.parametrize("kind", ["recording", "window", "segment"])
@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_it_goes_on_from_every_batch_to_the_same_bytes(
    go_on: Callable[..., int], tmp_path: Path, form: str, kind: RowKind
) -> None:
    whole, out = tmp_path / f"whole.{form}", tmp_path / f"out.{form}"
    batches = go_on(whole, kind=kind)
    assert batches >= 5
    for _ in range(batches - 1):
        assert go_on(out, batches=1, kind=kind) == 1 and not out.exists()
        # What a kill leaves: rows that were not saved, and half a line.
        with part_path(out).open("ab") as rows, state_path(out).open("ab") as state:
            rows.write(b"half a r")
            state.write(b'{"bytes": 9')
    assert go_on(out, kind=kind) == 1
    assert out.read_bytes() == whole.read_bytes()
    assert errors_path(out).read_bytes() == errors_path(whole).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        path.name for table in (out, whole) for path in (table, errors_path(table))
    )


def test_rows_are_there_as_they_come(go_on: Callable[..., int], tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    go_on(out, batches=2, kind="window")
    lines = part_path(out).read_text().splitlines()
    assert lines[0] == "path,start_s,end_s,voice,anger,sadness,emotions" and len(lines) == 5
    assert json.loads(state_path(out).read_text().splitlines()[-1])["rows"] == 4


def test_a_finished_table_stays_until_the_next_is_finished(go_on: Callable[..., int], tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    go_on(out)
    before = out.read_bytes()
    go_on(out, batches=2, kind="window")
    assert out.read_bytes() == before
    go_on(out, kind="window")
    assert len(out.read_bytes()) > len(before)


def test_rows_of_another_command_are_not_mixed(go_on: Callable[..., int], tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    go_on(out, batches=2)
    before = part_path(out).read_bytes()
    with pytest.raises(ConfigError, match=r"out\.csv\.part: .*the recordings differ"):
        go_on(out, work={**WORK, "the recordings": "c"})
    assert part_path(out).read_bytes() == before
    part_path(out).unlink()
    assert go_on(out, work={**WORK, "the recordings": "c"}) >= 5


def test_work_is_told_apart_by_ensemble_recordings_and_options(
    loaded: Loaded, emotions: Path, one_emotion: Path, write_noise: Callable[..., Path], tmp_path: Path
) -> None:
    path = write_noise(tmp_path / "a.wav", 0.3, True, False, 1)

    def works() -> Work:
        return work_of(emotions, loaded[1], [path], options={"--gate": "voice"}, device="cpu")

    before = works()
    assert works() == before
    others = [
        work_of(one_emotion, load_ensemble(one_emotion)[1], [path], options={"--gate": "voice"}, device="cpu"),
        work_of(emotions, loaded[1], [path, path], options={"--gate": "voice"}, device="cpu"),
        work_of(emotions, loaded[1], [path], options={"--gate": "none"}, device="cpu"),
        work_of(emotions, loaded[1], [path], options={"--gate": "voice"}, device="cuda"),
    ]
    os.utime(path, ns=(1, 1))
    others.append(works())
    for other in others:
        assert [before[name] == other[name] for name in before].count(False) == 1


@pytest.mark.parametrize("name", ["out.csv.part", "out.csv.state"])
def test_files_that_are_not_ours_stay(go_on: Callable[..., int], tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine\n")
    with pytest.raises(ConfigError, match=f"{name}: was not written by predict"):
        go_on(tmp_path / "out.csv")
    assert (tmp_path / name).read_text() == "mine\n"


def test_a_second_one_at_once_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    with UnfinishedTable(out, JOY, WORK), pytest.raises(ConfigError, match="another predict"):
        UnfinishedTable(out, JOY, WORK)
    UnfinishedTable(out, JOY, WORK).__exit__()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_names_the_table_and_costs_no_saved_row(
    go_on: Callable[..., int], loaded: Loaded, paths: list[Path], tmp_path: Path
) -> None:
    whole, out = tmp_path / "whole.csv", tmp_path / "out.csv"
    go_on(whole, kind="window")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_500, limits[1]))
    try:
        with pytest.raises(EmoclrError, match=r"out\.csv\.part: cannot be written: File too large"):
            go_on(out, kind="window")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert 0 < part_path(out).stat().st_size <= 2_500
    go_on(out, kind="window")
    assert out.read_bytes() == whole.read_bytes()


def test_a_folder_that_cannot_be_written_to_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmoclrError, match="cannot be written"):
        UnfinishedTable(tmp_path / "file/out.csv", JOY, WORK)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_killed_or_stopped_it_leaves_rows_and_nothing_in_the_temporary_folder(
    emotions: Path,
    recordings: Path,
    tmp_path: Path,
    number: signal.Signals,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    audio, rate = sf.read(recordings / "long.wav")
    sf.write(tmp_path / "hours.wav", np.tile(audio, 2_000), rate)
    out, temporary = tmp_path / "out.csv", tmp_path / "temporary"
    temporary.mkdir()
    words = ["--from", str(emotions), str(tmp_path / "hours.wav"), "--timeline", "--gate", "none", "--out", str(out)]

    def work() -> None:
        monkeypatch.setattr("tempfile.tempdir", str(temporary))
        torch.set_num_threads(1)  # OpenMP's threads are not forked, and would be waited for
        sys.exit(main(words))

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    while not state_path(out).exists() or len(state_path(out).read_bytes().splitlines()) < 2:
        assert process.is_alive()
        time.sleep(0.01)
    assert process.pid
    os.kill(process.pid, number)
    process.join()
    told = capfd.readouterr().err
    assert process.exitcode == (-9 if number == signal.SIGKILL else 130)
    assert ("the same command goes on" in told) == (number != signal.SIGKILL) and "Traceback" not in told
    assert list(temporary.iterdir()) == [] and not out.exists()
    assert len(part_path(out).read_text().splitlines()) >= 3
