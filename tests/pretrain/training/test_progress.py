import csv
import io
import re
import sys
import time
from types import SimpleNamespace

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from emoclr.pretrain.training import progress as progress_module
from emoclr.pretrain.training.metrics_log import METRICS
from emoclr.pretrain.training.progress import Progress
from emoclr.pretrain.training.saver import AtomicCheckpointIO, Saver


def rows_of(folder):
    with (folder / METRICS).open(newline="") as lines:
        return list(csv.DictReader(lines))


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
    monkeypatch.setattr(progress_module, "time", SimpleNamespace(monotonic=lambda: monotonic() + ahead[0]))
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
    monkeypatch.setattr(progress_module, "time", SimpleNamespace(monotonic=lambda: clock[0]))
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
    assert re.findall(r"test_resnet: step (\d+) of 6  loss", ran.told) == ["1", "4", "6"]


def test_the_first_good_step_is_told_at_once_and_recorded_no_sooner(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(progress_module, "say", told.append)
    trainer = SimpleNamespace(global_step=7, max_steps=20, is_global_zero=True, loggers=[])
    found = iter([{}, {"loss": 2.0}, {"loss": 1.0}])
    progress = Progress(tmp_path, 5, 30, lambda: next(found))
    progress.on_train_start(SimpleNamespace(global_step=0), None)
    for step in (7, 8, 9, 10):
        trainer.global_step = step
        progress.on_train_batch_start(trainer, None, None, step)
        progress.on_train_batch_end(trainer, None, None, None, step)
    assert [line.partition("  ")[0] for line in told] == [f"{tmp_path.name}: step {step} of 20" for step in (8, 10)]
    assert [row["step"] for row in progress.records.recent] == [10]


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
