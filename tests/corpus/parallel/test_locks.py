import errno
import fcntl
import multiprocessing
import os
import signal
import time

import pytest

from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.corpus.parallel.locks import LOCK, lock_folder

fork = multiprocessing.get_context("fork")


@pytest.fixture
def other(tmp_path):
    """A process that holds the lock of a folder, and has started one of its own."""
    receiving, sending = fork.Pipe(duplex=False)

    def hold():
        with lock_folder(tmp_path / "run"):
            worker = fork.Process(target=time.sleep, args=(60,))
            worker.start()
            sending.send(worker.pid)
            time.sleep(60)

    process = fork.Process(target=hold)
    process.start()
    worker = receiving.recv()
    yield process
    process.kill()
    process.join()
    os.kill(worker, signal.SIGKILL)


def test_a_folder_that_another_process_writes_into_is_refused_with_its_number(other, tmp_path):
    with pytest.raises(ConfigError, match=rf"run: another run writes into it \(process {other.pid} on "):
        lock_folder(tmp_path / "run").__enter__()


def test_a_killed_process_leaves_the_folder_free_though_what_it_started_lives_on(other, tmp_path):
    other.kill()
    other.join()
    with lock_folder(tmp_path / "run"):
        assert (tmp_path / "run" / LOCK).read_text().startswith(f"process {os.getpid()} on ")
    assert not (tmp_path / "run" / LOCK).exists()


def test_a_folder_that_was_made_and_stays_empty_goes_again(tmp_path):
    with lock_folder(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b" / LOCK).is_file()
    assert not (tmp_path / "a").exists()
    with lock_folder(tmp_path / "a" / "b"):
        (tmp_path / "a" / "b" / "run.yaml").touch()
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["run.yaml"]
    (tmp_path / "empty").mkdir()
    with lock_folder(tmp_path / "empty"):
        pass
    assert (tmp_path / "empty").is_dir()


def test_a_lock_on_a_file_that_was_removed_meanwhile_is_none(tmp_path, monkeypatch):
    """Whoever ended removes its file: a lock on that one keeps nobody out."""
    flock, calls = fcntl.flock, []

    def late(file, how):
        if not calls:
            (tmp_path / LOCK).unlink()
        calls.append(how)
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with lock_folder(tmp_path), pytest.raises(ConfigError):
        lock_folder(tmp_path).__enter__()
    assert len(calls) == 3


def test_where_the_file_system_has_no_locks_a_run_goes_on_with_a_word(tmp_path, monkeypatch, capsys):
    def refuse(file, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with lock_folder(tmp_path), lock_folder(tmp_path):
        pass
    assert capsys.readouterr().err == (
        f"{tmp_path}: its file system has no locks (No locks available): see to it that only one run at a time writes "
        "there\n"
    )


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(EmoclrError, match="below: cannot be written to: Not a directory"):
        lock_folder(tmp_path / "file" / "below").__enter__()


def test_of_processes_that_train_together_the_first_holds_the_lock(tmp_path, monkeypatch):
    with lock_folder(tmp_path):
        monkeypatch.setenv("LOCAL_RANK", "1")
        with lock_folder(tmp_path):
            pass
        assert (tmp_path / LOCK).is_file()
