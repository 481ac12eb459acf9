"""Arrays that a process beside this one makes; what kills it costs its task alone."""

import os
import pickle
import signal
import time
from pathlib import Path

import numpy as np
import pytest

import emoclr.corpus.parallel.pool
from emoclr.configs.errors import EmoclrError
from emoclr.corpus.parallel.side_process import ProcessLost, SideProcess


def work_as_told(told: str) -> np.ndarray:
    if told == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if told.startswith("crash once"):
        mark = Path(told.removeprefix("crash once "))
        if not mark.exists():
            mark.touch()
            os._exit(3)
    if told == "hang":
        signal.pause()
    if told == "raise":
        raise KeyError(told)
    return np.array([len(told), os.getpid()], np.int64)


@pytest.fixture(autouse=True)
def found_by_other_processes(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[3])


@pytest.fixture
def process():
    with SideProcess(work_as_told) as process:
        yield process


def answers(process, *told):
    return [one if isinstance(one, Exception) else one.copy() for one in process.answers(told, [0] * len(told))]


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_one_process_answers_in_order_and_ends_when_it_is_closed(process):
    first, second = answers(process, "a", "bc")
    (third,) = answers(process, "")
    assert [first[0], second[0], third[0]] == [1, 2, 0]
    assert first[1] == second[1] == third[1] != os.getpid()
    process.close()
    assert not alive(int(first[1]))
    assert answers(process, "abc")[0][0] == 3


def test_a_task_that_kills_or_that_raises_costs_itself(process, tmp_path):
    before, crash, once, wrong, after = answers(process, "a", "crash", f"crash once {tmp_path / 'mark'}", "raise", "b")
    assert before[0] == after[0] == 1 and before[1] != after[1]
    assert isinstance(crash, ProcessLost) and str(crash) == "its decoder crashed: SIGSEGV"
    assert once[0] > 10
    assert isinstance(wrong, KeyError)


def test_a_task_that_hangs_is_given_up_after_its_time(process, monkeypatch):
    monkeypatch.setattr(emoclr.corpus.parallel.pool, "MIN_TIME_LIMIT_S", 0.2)
    begin = time.monotonic()
    hung, after = answers(process, "hang", "a")
    assert isinstance(hung, ProcessLost) and "did not finish" in str(hung)
    assert after[0] == 1 and time.monotonic() - begin < 20


def test_answers_that_nobody_takes_are_not_those_of_the_next_tasks(process):
    for one in process.answers(["a", "bc"], [0, 0]):
        assert one[0] == 1
        break
    assert [one[0] for one in answers(process, "abc", "abcd")] == [3, 4]


def test_arrays_of_any_kind_and_size_come_back():
    arrays = [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.zeros((0, 2), np.int16),
        np.arange(3_000_000),
        np.ones(2),
    ]
    with SideProcess(np.copy) as process:
        for _ in range(2):
            for sent, came in zip(arrays, process.answers(arrays, [0] * 4), strict=True):
                assert came.dtype == sent.dtype
                np.testing.assert_array_equal(came, sent)


def test_a_forked_or_pickled_copy_has_a_process_of_its_own(process):
    ours = int(answers(process, "a")[0][1])
    copy = pickle.loads(pickle.dumps(process))
    assert int(answers(copy, "a")[0][1]) != ours
    copy.close()
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.write(writer, str(int(answers(process, "a")[0][1])).encode())
        process.close()
        os._exit(0)
    os.waitpid(child, 0)
    theirs = int(os.read(reader, 20))
    assert theirs != ours and not alive(theirs) and int(answers(process, "a")[0][1]) == ours


def test_where_processes_cannot_start_no_task_is_blamed(process, monkeypatch):
    monkeypatch.setattr("emoclr.corpus.parallel.worker._BOOTSTRAP", "raise SystemExit(4)")
    with pytest.raises(EmoclrError, match="did not start: exit code 4"):
        answers(process, "a")
