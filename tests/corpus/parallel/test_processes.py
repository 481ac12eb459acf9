import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

import emoclr.corpus.parallel.pool
from emoclr.configs.errors import EmoclrError
from emoclr.corpus.parallel.pool import time_limit_s
from emoclr.corpus.parallel.processes import each_in_processes, stream_in_processes

MANY = 70


def work_as_told(path: Path) -> str:
    """Does what the file says."""
    told = path.read_text()
    if told == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if told == "no memory":
        os.kill(os.getpid(), signal.SIGKILL)
    if told == "leave":
        os._exit(3)
    if told == "crash once":
        path.write_text("better")
        os.kill(os.getpid(), signal.SIGSEGV)
    if told == "hang":
        signal.pause()
    if told == "raise":
        raise KeyError(path.name)
    path.write_text("done")
    return f"{path.name} in {os.getpid()}"


def lose(path: Path, reason: str) -> str:
    return f"{path.name} lost: {reason}"


@pytest.fixture(autouse=True)
def found_by_other_processes(monkeypatch):
    # They import the function that they are to call from this file.
    monkeypatch.syspath_prepend(Path(__file__).parents[3])


@pytest.fixture
def files(tmp_path):
    """Returns write(told by number) -> many files, most of which say nothing."""

    def write(told: dict[int, str]) -> list[Path]:
        paths = [tmp_path / f"{number:03}" for number in range(MANY)]
        for number, path in enumerate(paths):
            path.write_text(told.get(number, ""))
        return paths

    return write


def run(paths: list[Path]) -> list[str]:
    return list(each_in_processes(work_as_told, paths, Path, lose, workers=2))


def names(results: list[str]) -> list[str]:
    return [result.split()[0] for result in results]


def test_results_come_in_order_from_as_many_processes_as_asked(files):
    paths = files({})
    results = run(paths)
    assert names(results) == [path.name for path in paths]
    pids = {result.split()[-1] for result in results}
    assert len(pids) == 2 and str(os.getpid()) not in pids


def test_a_process_that_dies_costs_its_file_and_no_other(files):
    paths = files({0: "crash", 5: "crash", 40: "no memory", 69: "leave"})
    results = run(paths)
    assert names(results) == [path.name for path in paths]
    lost = {result.split()[0]: result for result in results if "lost" in result}
    assert lost == {
        "000": "000 lost: its decoder crashed: SIGSEGV",
        "005": "005 lost: its decoder crashed: SIGSEGV",
        "040": "040 lost: its decoder crashed: the system killed it, as it does where memory is short",
        "069": "069 lost: its decoder crashed: exit code 3",
    }


def test_of_three_files_the_one_that_kills_its_decoder_is_named_and_the_others_are_done(files):
    results = list(each_in_processes(work_as_told, files({1: "crash"})[:3], Path, lose))
    assert results[1] == "001 lost: its decoder crashed: SIGSEGV"
    assert [name for name in names(results) if name != "001"] == ["000", "002"]


def pid_of(path: Path) -> int:
    return os.getpid()


def test_small_files_share_a_process_and_large_ones_do_not(tmp_path):
    paths = [tmp_path / str(number) for number in range(3)]
    for size, processes in ((10, 1), (5_000_000, 2)):
        for path in paths:
            path.touch()
            os.truncate(path, size)
        pids = set(each_in_processes(pid_of, paths, Path, lose, workers=2))
        assert len(pids) == processes and os.getpid() not in pids


def test_a_file_that_is_not_at_fault_is_done_the_second_time(files):
    results = run(files({33: "crash once"}))
    assert not any("lost" in result for result in results)


def test_a_file_that_hangs_is_given_up_after_its_time_and_few_results_wait_for_it(files, monkeypatch):
    monkeypatch.setattr(emoclr.corpus.parallel.pool, "MIN_TIME_LIMIT_S", 2.0)
    monkeypatch.setattr(emoclr.corpus.parallel.pool, "_BATCH_FILES", 2)
    paths = files({0: "hang"})
    results = each_in_processes(work_as_told, paths, Path, lose, workers=2)
    assert next(results) == "000 lost: its decoder did not finish in 2 s"
    assert 1 < sum(path.read_text() == "done" for path in paths) <= 6 * 2
    assert names(list(results)) == [path.name for path in paths[1:]]


def test_a_larger_file_has_more_time():
    assert time_limit_s(0) == 120
    assert time_limit_s(100_000_000) == 120 + 1_000


def test_an_error_in_the_work_itself_is_raised_here_with_where_it_was(files):
    with pytest.raises(KeyError, match="007") as caught:
        run(files({7: "raise"}))
    assert "in work_as_told" in caught.value.__notes__[0]


def test_no_process_is_left_when_nobody_wants_more_results(files):
    results = each_in_processes(work_as_told, files({}), Path, lose, workers=2)
    pid = int(next(results).split()[-1])
    results.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_where_processes_cannot_start_the_run_ends_and_no_file_is_blamed(files, monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(EmoclrError, match="did not start: exit code 1"):
        run(files({}))


def test_where_processes_cannot_import_the_work_its_module_is_named(files, monkeypatch):
    here = Path(__file__).parents[3]
    monkeypatch.setattr(sys, "path", [place for place in sys.path if Path(place).resolve() != here])
    with pytest.raises(EmoclrError, match="did not start: No module named 'tests"):
        run(files({}))


@pytest.mark.parametrize("wrap", [lambda work: work, partial], ids=["plain", "partial"])
def test_work_that_the_main_script_defines_is_refused_by_name(files, monkeypatch, wrap):
    monkeypatch.setattr(work_as_told, "__module__", "__main__")
    with pytest.raises(EmoclrError, match=r"^work_as_told is defined in the main script"):
        list(each_in_processes(wrap(work_as_told), files({}), Path, lose, workers=2))


SCRIPT = """
import corpus, configs, pretrain
import emoclr.corpus
store = emoclr.corpus.open_waveforms(emoclr.corpus.clips_from(["clip.wav"]), cache_dir="cache")
print(store.samples.tolist())
"""


@pytest.mark.parametrize("way", ["script.py", "-c", "-", "exec"])
def test_a_script_without_a_guard_runs_once_however_it_is_started(way, tmp_path):
    sf.write(tmp_path / "clip.wav", np.random.default_rng(0).uniform(-0.5, 0.5, 4_000), 16_000)
    for folder in ("corpus", "configs"):
        (tmp_path / folder).mkdir()
    (tmp_path / "pretrain.py").touch()
    (tmp_path / "script.py").write_text(SCRIPT)
    words = {"-c": ["-c", SCRIPT], "exec": ["-c", f"exec(compile({SCRIPT!r}, '<cell>', 'exec'))"]}.get(way, [way])
    ran = subprocess.run(
        [sys.executable, *words], cwd=tmp_path, input=SCRIPT if way == "-" else "", capture_output=True, text=True
    )
    assert (ran.returncode, ran.stdout) == (0, "[4000]\n"), ran.stderr
    assert "Traceback" not in ran.stderr


def stream_as_told(path: Path) -> Generator[bytes, None, str]:
    """Yields as many items as the file says, each as large as it says, and does then what it says."""
    told, count, size_bytes = path.read_text().split(",")
    for number in range(int(count)):
        if told == "fewer" and path.with_suffix(".again").exists() and number == 2:
            return "short"
        if told == "hang" and number == 2:
            signal.pause()
        yield bytes([number]) * int(size_bytes)
        with path.with_suffix(".log").open("a") as log:
            log.write(f"{number}\n")
    if told in ("crash once", "fewer") and not path.with_suffix(".again").exists():
        path.with_suffix(".again").touch()
        os.kill(os.getpid(), signal.SIGSEGV)
    if told == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    return f"{path.name} of {count}"


@pytest.fixture
def streams(tmp_path):
    """Returns run(told) -> the streams of files that say so, in two processes."""

    def run(told: list[str]):
        paths = [tmp_path / f"{number:03}" for number in range(len(told))]
        for path, line in zip(paths, told, strict=True):
            path.write_text(line)
        return stream_in_processes(stream_as_told, paths, Path, lose, workers=2)

    return run


def drained(streams) -> list[tuple[list[int], str]]:
    return [([item[0] for item in stream], stream.result) for stream in streams]


def test_a_stream_gives_its_items_in_order_and_then_its_result(streams):
    assert drained(streams([f"go,{n},10" for n in range(40)])) == [
        (list(range(n)), f"{n:03} of {n}") for n in range(40)
    ]


def test_what_nobody_takes_of_a_stream_is_passed_over(streams):
    told = streams(["go,5,10"] * 40)
    assert next(iter(next(told))) == bytes(10)
    assert [stream.result for stream in told] == [f"{n:03} of 5" for n in range(1, 40)]


def test_a_stream_whose_process_dies_once_goes_on_where_it_was(streams):
    assert drained(streams(["crash once,4,10", "go,1,10"])) == [([0, 1, 2, 3], "000 of 4"), ([0], "001 of 1")]


def test_a_stream_whose_process_dies_twice_or_comes_out_otherwise_ends_as_lost(streams):
    results = drained(streams([f"{told},3,10" for told in ("crash", "go", "fewer", "go")]))
    assert [items for items, _ in results] == [[0, 1, 2]] * 4
    assert [result for _, result in results] == [
        "000 lost: its decoder crashed: SIGSEGV",
        "001 of 3",
        "002 lost: decoding it anew gave something else",
        "003 of 3",
    ]


def test_a_stream_that_stands_still_is_given_up(streams, monkeypatch):
    monkeypatch.setattr(emoclr.corpus.parallel.pool, "MIN_TIME_LIMIT_S", 1.0)
    assert drained(streams(["hang,4,10"])) == [([0, 1], "000 lost: its decoder did not finish in 1 s")]


def test_processes_that_are_ahead_wait_and_are_not_late(streams, monkeypatch, tmp_path):
    monkeypatch.setattr(emoclr.corpus.parallel.pool, "MAX_WAITING_BYTES", 1_000_000)
    monkeypatch.setattr(emoclr.corpus.parallel.pool, "MIN_TIME_LIMIT_S", 0.5)
    monkeypatch.setattr(emoclr.corpus.parallel.pool, "_BATCH_FILES", 1)
    told = streams(["go,40,400000"] * 3)
    first = next(told)
    for _ in first:
        time.sleep(0.03)
    second = tmp_path / "001.log"
    assert len(second.read_text().split()) < 10
    assert first.result == "000 of 40"
    assert [(len(list(stream)), stream.result) for stream in told] == [(40, "001 of 40"), (40, "002 of 40")]
