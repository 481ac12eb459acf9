import csv
import errno
import io
import pickle
import re
import resource
import signal
import sys
import time
from types import SimpleNamespace

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from emoclr.configs.errors import EmoclrError
from emoclr.pretrain.encoder.checkpoint import CheckpointError, load_encoder
from emoclr.pretrain.training import callbacks
from emoclr.pretrain.training.callbacks import METRICS, RESUME, AtomicCheckpointIO, Progress, Saver, writing_into

CHECKPOINT = {"weights": torch.arange(20_000.0), "step": 3}


def rows_of(folder):
    with (folder / METRICS).open(newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.mark.parametrize(("named", "place"), [(None, "run"), ("run/events", "run/events")])
def test_an_error_of_the_system_names_the_file_or_else_the_folder(tmp_path, named, place):
    (tmp_path / "run").mkdir()
    given = (errno.EFBIG, "File too large", *([str(tmp_path / named)] if named else []))
    with pytest.raises(EmoclrError) as caught, writing_into(tmp_path / "run"):
        raise OSError(*given)
    first, second = str(caught.value).splitlines()
    assert first == f"{tmp_path / place}: cannot be written: File too large"
    assert second.startswith("the checkpoint saved before it is untouched")


def test_a_resume_file_is_replaced_whole_and_reads_the_same(tmp_path):
    path = tmp_path / RESUME
    path.write_text("old")
    AtomicCheckpointIO().save_checkpoint(CHECKPOINT, path)
    loaded = AtomicCheckpointIO().load_checkpoint(path)
    assert torch.equal(loaded["weights"], CHECKPOINT["weights"]) and loaded["step"] == 3
    assert [path.name for path in tmp_path.iterdir()] == [RESUME]


def test_a_full_disk_leaves_the_old_resume_file_and_says_so(tmp_path):
    path = tmp_path / RESUME
    AtomicCheckpointIO().save_checkpoint({"step": 1}, path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(EmoclrError, match=rf"{RESUME}: cannot be written: File too large"):
            AtomicCheckpointIO().save_checkpoint(CHECKPOINT, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert AtomicCheckpointIO().load_checkpoint(path) == {"step": 1}
    assert [path.name for path in tmp_path.iterdir()] == [RESUME]


class Burglar:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("content", ["truncated", "empty", "foreign", "pickle", "torch file with code"])
def test_a_resume_file_that_is_none_is_named_and_nothing_in_it_is_run(tmp_path, content):
    path = tmp_path / RESUME
    AtomicCheckpointIO().save_checkpoint(CHECKPOINT, path)
    if content == "torch file with code":
        torch.save({"weights": Burglar(tmp_path / "stolen")}, path)
    else:
        whole = path.read_bytes()
        path.write_bytes(
            {
                "truncated": whole[:-100],
                "empty": b"",
                "foreign": b"something else",
                "pickle": pickle.dumps(Burglar(tmp_path / "stolen")),
            }[content]
        )
    with pytest.raises(CheckpointError, match=rf"{RESUME}: is not the resume file .*--resume starts .* anew"):
        AtomicCheckpointIO().load_checkpoint(path, weights_only=False)
    assert not (tmp_path / "stolen").exists()


def test_metrics_go_into_a_table_tensorboard_and_plain_lines(finished):
    folder = finished.out / "test_resnet"
    rows = rows_of(folder)
    assert [int(row["step"]) for row in rows] == [1, 2, 3, 4, 5, 6]
    sphere = ["alignment", "uniformity", "embedding_std", "effective_rank"]
    columns = ["step", "loss", "contrastive_accuracy", *sphere, "learning_rate", "views_per_s", "waiting_share"]
    assert all(list(row) == columns and float(row["views_per_s"]) > 0 for row in rows)
    assert all(0 < float(row["waiting_share"]) < 1 for row in rows)
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    assert [(e.step, pytest.approx(e.value, rel=1e-4)) for e in events.Scalars("loss")] == [
        (int(row["step"]), float(row["loss"])) for row in rows
    ]
    told = [line for line in finished.told.splitlines() if line.startswith("test_resnet: step ")]
    assert len(told) == 6
    assert told[-1].startswith(f"test_resnet: step 6 of 6  loss {float(rows[-1]['loss']):.3f}  accuracy ")
    last = {name: float(value) for name, value in rows[-1].items()}
    assert f"  spread {last['embedding_std']:.2f}  rank {last['effective_rank']:.0f}  rate " in told[-1]
    assert f"  rate {last['learning_rate']:.1e}  {last['views_per_s']:.0f} views/s  waiting " in told[-1]
    assert re.search(r" waiting \d+%  \d+ min left$", told[-1])


@pytest.fixture
def clock(monkeypatch):
    """The clock of the callbacks, which can be put forward."""
    ahead = [0.0]
    monotonic = time.monotonic
    monkeypatch.setattr(callbacks, "time", SimpleNamespace(monotonic=lambda: monotonic() + ahead[0]))
    return ahead


def test_the_time_that_other_callbacks_take_is_neither_waiting_nor_training(run, tmp_path, clock, monkeypatch):
    """A hundred hours for the start of a callback and for every save."""
    save, start = AtomicCheckpointIO.save_checkpoint, Saver.on_train_start

    def save_slowly(self, *given, **named):
        clock[0] += 360_000
        save(self, *given, **named)

    def start_slowly(self, *given):
        clock[0] += 360_000
        start(self, *given)

    monkeypatch.setattr(AtomicCheckpointIO, "save_checkpoint", save_slowly)
    monkeypatch.setattr(Saver, "on_train_start", start_slowly)
    ran = run(tmp_path / "run", "save_every_steps=1")
    assert ran.code == 0
    rows = rows_of(ran.out / "test_resnet")
    assert clock[0] == 7 * 360_000
    assert all(float(row["views_per_s"]) > 16 / 360_000 * 10 and float(row["waiting_share"]) < 1 for row in rows)


def test_speed_and_waiting_are_those_of_the_steps_since_the_record_before(tmp_path, clock, monkeypatch):
    monkeypatch.setattr(callbacks, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    trainer = SimpleNamespace(global_step=0, max_steps=4, is_global_zero=True, loggers=[])
    progress = Progress(tmp_path, 2, 30, lambda: {"loss": 1.0})
    progress.on_train_start(trainer, None)
    clock[0] += 1_000  # of other callbacks
    progress.closing.on_train_start(trainer, None)
    for step in range(1, 5):
        clock[0] += step  # for data
        progress.on_train_batch_start(trainer, None, None, step - 1)
        clock[0] += 3
        trainer.global_step = step
        progress.on_train_batch_end(trainer, None, None, None, step - 1)
        clock[0] += 1_000  # of other callbacks
        progress.closing.on_train_batch_end(trainer, None, None, None, step - 1)
    assert [row["waiting_share"] for row in progress.records.recent] == pytest.approx([3 / 9, 7 / 13])
    assert [row["views_per_s"] for row in progress.records.recent] == pytest.approx([60 / 9, 60 / 13])


def test_metrics_are_told_as_seldom_as_asked_and_at_the_end(run, tmp_path):
    ran = run(tmp_path / "run", "log_every_steps=4", "batch_size=4", "epochs=1")
    assert ran.code == 0
    assert [row["step"] for row in rows_of(ran.out / "test_resnet")] == ["4", "6"]


def test_a_terminal_gets_a_bar(command, tmp_path, monkeypatch):
    from emoclr.pretrain.cli import main

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "140")
    assert main(command(tmp_path / "run", "epochs=1")) == 0
    assert "3/3" in terminal.getvalue() and "loss" in terminal.getvalue()
    assert "step 1 of 3" not in terminal.getvalue()


def handlers():
    return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (lambda: signal.raise_signal(signal.SIGINT), 130),
        (lambda: [signal.raise_signal(signal.SIGINT) for _ in range(2)], 130),
        (lambda: torch.zeros(2) @ torch.zeros(3), RuntimeError),
    ],
    ids=["stopped", "stopped twice", "failed"],
)
def test_signals_are_given_back_however_a_run_ends(run, at_step, tmp_path, act, code):
    before = handlers()
    with at_step(1, act):
        if isinstance(code, int):
            assert run(tmp_path / "run").code == code
        else:
            with pytest.raises(code):
                run(tmp_path / "run")
    assert handlers() == before


def test_a_second_signal_does_not_wait_for_the_save(run, at_step, tmp_path):
    with at_step(1, lambda: [signal.raise_signal(number) for number in (signal.SIGTERM, signal.SIGINT)]):
        ran = run(tmp_path / "run")
    assert ran.code == 130
    assert "SIGTERM: saving after this step (again to stop at once)" in ran.told
    assert ran.told.endswith("interrupted\n")
    assert not (tmp_path / "run" / "test_resnet" / RESUME).exists()


def test_weights_that_are_not_finite_are_not_saved(run, tmp_path):
    options = ("learning_rate=1e30", "save_every_steps=1", "log_every_steps=100", "warmup=0")
    ran = run(tmp_path / "run", *options)
    assert ran.code == 1
    assert ran.told.endswith("start anew in another out= with a lower learning_rate or precision=fp32\n")
    folder = ran.out / "test_resnet"
    saved = [*(load_encoder(folder)[0].state_dict().values() if (folder / RESUME).exists() else [])]
    assert all(torch.isfinite(tensor).all() for tensor in saved)


def test_a_save_that_fails_says_that_the_one_before_is_good(run, tmp_path, monkeypatch):
    def full(self, checkpoint, path, storage_options=None):
        raise EmoclrError(f"{path}: cannot be written: No space left on device")

    monkeypatch.setattr(AtomicCheckpointIO, "save_checkpoint", full)
    ran = run(tmp_path / "run", "epochs=1")
    assert ran.code == 1
    assert "No space left on device" in ran.told and "go on with --resume" in ran.told
