"""A run that was stopped goes on, and ends as if it had never stopped."""

import shutil
import signal

import pytest
import yaml

from emoclr.pretrain.encoder.checkpoint import load_encoder
from emoclr.pretrain.encoder.folders import RUN
from emoclr.pretrain.networks import timm_models


@pytest.fixture(params=[0.0, 0.5], ids=["plain", "stochastic depth"])
def expected(request, run, finished, tmp_path, monkeypatch, weights_of):
    """A run that nothing interrupted; of a network whose blocks are dropped at random, too."""
    if not request.param:
        return finished.out
    create = timm_models.create_model
    monkeypatch.setattr(
        timm_models, "create_model", lambda *names, **options: create(*names, **options, drop_path_rate=0.5)
    )
    ran = run(tmp_path / "expected")
    assert weights_of(ran.out) != weights_of(finished.out)
    return ran.out


class Crash(Exception):
    """What kills a run without its having a say."""


@pytest.mark.parametrize("end", ["Ctrl-C in the first epoch", "SIGTERM in the second", "crash two steps after a save"])
def test_a_run_that_goes_on_ends_as_if_it_had_never_stopped(expected, run, at_step, tmp_path, end, rows_of, weights_of):
    def crash():
        raise Crash

    out = tmp_path / "run"
    if end.startswith("crash"):
        with at_step(5, crash), pytest.raises(Crash):
            run(out, "save_every_steps=3")
        saved_at = 3
    else:
        step, number = (1, signal.SIGINT) if end.startswith("Ctrl-C") else (3, signal.SIGTERM)
        with at_step(step, lambda: signal.raise_signal(number)):
            ran = run(out)
        saved_at = step + 1
        assert ran.code == 130
        assert f"{number.name}: saving after this step" in ran.told
        assert f"saved at step {saved_at} of 6; go on with the same command and --resume" in ran.told
    assert load_encoder(out / "test_resnet")[1].step == saved_at
    ran = run(out, "--resume")
    assert ran.code == 0
    assert f"step {saved_at + 1} of 6" in ran.told and f"step {saved_at} of 6" not in ran.told
    assert weights_of(out) == weights_of(expected)
    assert rows_of(out / "test_resnet") == rows_of(expected / "test_resnet")
    assert load_encoder(out / "test_resnet")[1].finished


def test_what_may_change_on_the_way_does_not_change_what_is_learned(stopped_copy, run, finished, weights_of):
    ran = run(stopped_copy, "--resume", "workers=1", "log_every_steps=2", "save_every_steps=1", "backbones=test_resnet")
    assert ran.code == 0
    assert weights_of(stopped_copy) == weights_of(finished.out)


def test_a_run_may_go_on_towards_a_nearer_end(stopped_copy, run):
    ran = run(stopped_copy, "--resume", "epochs=1")
    assert ran.code == 0
    card = load_encoder(stopped_copy / "test_resnet")[1]
    assert (card.step, card.steps) == (3, 3)


def test_a_run_that_has_ended_may_go_on_towards_a_later_end(finished, run, tmp_path, rows_of, weights_of):
    out = shutil.copytree(finished.out, tmp_path / "run")
    before = weights_of(out)
    ran = run(out, "--resume", "epochs=4", "backbones=test_resnet")
    assert ran.code == 0, ran.told
    card = load_encoder(out / "test_resnet")[1]
    assert (card.step, card.steps) == (12, 12)
    rows = rows_of(out / "test_resnet")
    assert [int(row["step"]) for row in rows] == list(range(1, 13))
    # Where the cosine of the longer schedule is by then, not at its end.
    assert float(rows[6]["learning_rate"]) > 0.5e-3 > 1e-5 > float(rows[-1]["learning_rate"])
    assert weights_of(out) != before


def test_finished_backbones_are_left_as_they_are_and_new_ones_trained(finished, run, tmp_path, weights_of):
    out = shutil.copytree(finished.out, tmp_path / "run")
    before = weights_of(out)
    ran = run(out, "--resume", "backbones=test_resnet,test_efficientnet,test_byobnet")
    assert ran.code == 0
    assert "test_resnet: finished before" in ran.told and "test_efficientnet: finished before" in ran.told
    assert weights_of(out) == before
    assert load_encoder(out / "test_byobnet")[1].finished


def test_a_run_in_the_way_is_not_written_over(finished, run, weights_of):
    before = weights_of(finished.out)
    ran = run(finished.out)
    assert ran.code == 2
    assert f"{finished.out}: already holds a run; --resume goes on with it" in ran.told
    assert weights_of(finished.out) == before


def test_resuming_what_never_began_begins(run, tmp_path, finished, weights_of):
    ran = run(tmp_path / "run", "--resume")
    assert ran.code == 0
    assert weights_of(ran.out) == weights_of(finished.out)


def test_a_run_goes_on_with_as_many_ranks_as_it_began_with_unless_told_so(stopped_copy, run):
    card = yaml.safe_load((stopped_copy / RUN).read_text())
    assert card["ranks"] == 1
    (stopped_copy / RUN).write_text(yaml.safe_dump({**card, "ranks": 2}))
    ran = run(stopped_copy, "--resume")
    assert ran.code == 2 and "2 processes trained together then, 1 now" in ran.told
    assert run(stopped_copy, "--resume", "devices=1", "--allow-change", "devices").code == 0
