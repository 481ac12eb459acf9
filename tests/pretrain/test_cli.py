import contextlib
import multiprocessing
import os
import signal

import pytest

from emoclr.pretrain.cli import main
from emoclr.pretrain.encoder.checkpoint import WEIGHTS


def test_ctrl_c_saves_says_how_to_go_on_and_the_run_ends_as_it_would_have(
    command, run, start, at_step, finished, tmp_path
):
    in_second_step, go_on = multiprocessing.Event(), multiprocessing.Event()

    def wait():
        in_second_step.set()
        go_on.wait(300)

    @contextlib.contextmanager
    def group_of_its_own():
        os.setsid()
        with at_step(1, wait):
            yield

    child = start(command(tmp_path / "run", "workers=1"), group_of_its_own())
    assert in_second_step.wait(300), child.told()
    os.killpg(child.process.pid, signal.SIGINT)  # as a terminal does: to the data processes, too
    go_on.set()
    code, told = child.wait(), child.told()
    assert code == 130, told
    assert "SIGINT: saving after this step (again to stop at once)" in told
    assert told.endswith("\ntest_resnet: saved at step 2 of 6; go on with the same command and --resume\n")
    assert "Traceback" not in told
    assert run(tmp_path / "run", "--resume").code == 0
    resumed, expected = (out / "test_resnet" / WEIGHTS for out in (tmp_path / "run", finished.out))
    assert resumed.read_bytes() == expected.read_bytes()


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("temprature=0.1", "the command line: unknown key 'temprature' (perhaps 'temperature'?)"),
        ("epochs=0", "the command line: epochs: "),
        ("batch_size=10", "batch_size 10 is no multiple of speakers_per_batch 4"),
        ("data=nowhere", "nowhere: no such file or folder"),
        ("monitor=nowhere.csv", "nowhere.csv: no such file"),
        ("augment.transforms=[{name: Gain, min_gain: 3}]", "Gain: unknown key 'min_gain' (perhaps 'min_gain_db'?)"),
        ("splits=test,dev", "splits"),
    ],
)
def test_settings_that_cannot_be_are_two_and_make_nothing(run, tmp_path, override, told):
    ran = run(tmp_path / "run", override)
    assert ran.code == 2 and told in ran.told
    assert "trying" not in ran.told and "decoding" not in ran.told
    assert not (tmp_path / "run").exists()


def test_a_config_that_is_nowhere_is_two(capsys):
    assert main(["--config", "simclr-smal.yaml", "data=x", "out=y"]) == 2
    assert "perhaps 'simclr-small.yaml'?" in capsys.readouterr().err


def test_a_corpus_without_a_readable_file_is_one(run, tmp_path):
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "text.wav").write_text("no recording")
    ran = run(tmp_path / "run", f"data={tmp_path / 'audio'}")
    assert ran.code == 1
    assert f"none of 1 clip can be read:\n  {tmp_path / 'audio' / 'text.wav'}: " in ran.told


def test_options_may_stand_among_overrides(command, tmp_path, capsys):
    arguments = command(tmp_path / "run")
    assert main([arguments[2], "--resume", *arguments[3:], "batch_size=32", *arguments[:2]]) == 2
    assert "batch_size 32: the corpus has 24 clips to train on" in capsys.readouterr().err


def test_data_and_out_are_options_or_overrides(command, tmp_path, capsys):
    config, data, out = command(tmp_path / "run")[:2], *command(tmp_path / "run")[2:]
    for words in (["--data", data.removeprefix("data="), out], [data, "--out", str(tmp_path / "run")]):
        assert main([*config, *words, "batch_size=32"]) == 2
        assert "batch_size 32: the corpus has 24 clips to train on" in capsys.readouterr().err
    assert main([*config, data, "--data", "elsewhere", out]) == 2
    assert capsys.readouterr().err.startswith("error: data: ")


def test_a_status_takes_no_data(tmp_path):
    with pytest.raises(SystemExit) as caught:
        main(["--status", str(tmp_path), "--data", "x"])
    assert caught.value.code == 2
