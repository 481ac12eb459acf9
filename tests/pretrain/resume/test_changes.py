import re
import shutil
import signal
from pathlib import Path

import pytest
import torch
import yaml

from emoclr.configs.errors import ConfigError
from emoclr.pretrain.cli import main
from emoclr.pretrain.encoder.checkpoint import WEIGHTS, load_encoder
from emoclr.pretrain.encoder.folders import RUN
from emoclr.pretrain.resume.changes import check_changes
from emoclr.pretrain.settings import PretrainSettings
from emoclr.pretrain.training.metrics_log import METRICS, read_rows
from emoclr.pretrain.training.saver import RESUME


def weights_of(out):
    return (out / "test_resnet" / WEIGHTS).read_bytes()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("temperature=0.3", "temperature: 0.15 then, 0.3 now. --allow-change temperature goes on"),
        ("augment.nearby_s=1", "augment.nearby_s: 0.2 then, 1.0 now. --allow-change augment.nearby_s goes on"),
        (
            "optimizer=sgd",
            "optimizer: 'adamw' then, 'sgd' now; learning_rate: 0.001 then, 0.03 now; weight_decay: 0.05 then, 0.0001 "
            "now. optimizer cannot change (the state",
        ),
    ],
)
def test_a_run_does_not_go_on_with_other_settings(stopped, run, change, told):
    before = weights_of(stopped.out)
    ran = run(stopped.out, "--resume", change)
    assert ran.code == 2
    assert f"{stopped.out / RUN}: the run began with other settings; {told}" in ran.told
    assert "another --out" in ran.told
    assert weights_of(stopped.out) == before


def test_what_is_told_that_it_may_change_changes_and_nothing_else_may(stopped_copy, run, finished):
    words = (stopped_copy, "--resume", "temperature=0.3", "learning_rate=0.0005", "--allow-change")
    ran = run(*words, "temperature")
    assert ran.code == 2
    assert "learning_rate: 0.001 then, 0.0005 now. --allow-change temperature,learning_rate goes on" in ran.told
    assert "temperature: " not in ran.told
    ran = run(*words, "temperature,learning_rate")
    assert ran.code == 0, ran.told
    assert weights_of(stopped_copy) != weights_of(finished.out)
    card = yaml.safe_load((stopped_copy / RUN).read_text())
    assert (card["settings"]["temperature"], card["settings"]["learning_rate"]) == (0.3, 0.0005)
    (change,) = card["history"]
    assert change["steps"] == {"test_resnet": 2} and change["versions"] == card["versions"]
    assert change["differences"] == {"temperature": [0.15, 0.3], "learning_rate": [0.001, 0.0005]}
    page = (stopped_copy / "report.html").read_text()
    assert "test_resnet after step 2</strong>: temperature 0.3, was 0.15; learning_rate 0.0005, was 0.001" in page
    # It is the settings of the last start that the next one is compared with.
    assert run(stopped_copy, "--resume", *words[2:4]).code == 0
    assert yaml.safe_load((stopped_copy / RUN).read_text()) == card


def test_a_finished_run_takes_another_readout(finished, run, tmp_path):
    out = Path(shutil.copytree(finished.out, tmp_path / "run"))
    before = weights_of(out)
    assert load_encoder(out / "test_resnet")[0].features == 2 * (48 + 192 + 96)
    ran = run(out, "--resume", "readout=last")
    assert ran.code == 0 and "readout: stages then, last now" in ran.told
    assert load_encoder(out / "test_resnet")[0].features == 2 * 96 and weights_of(out) == before


def test_another_learning_rate_and_weight_decay_are_those_of_the_steps_that_follow(stopped_copy, run, finished):
    changes = ("learning_rate=0.0005", "weight_decay=0.2")
    ran = run(stopped_copy, "--resume", *changes, "--allow-change", "learning_rate,weight_decay")
    assert ran.code == 0, ran.told
    rates, before = (
        {row["step"]: row["learning_rate"] for row in read_rows(out / "test_resnet" / METRICS)}
        for out in (stopped_copy, finished.out)
    )
    for step, rate in rates.items():
        assert rate == pytest.approx(before[step] * (1 if step <= 2 else 0.5), rel=1e-4), step
    saved = torch.load(stopped_copy / "test_resnet" / RESUME, weights_only=True)
    groups = saved["optimizer_states"][0]["param_groups"]
    assert sorted(group["weight_decay"] for group in groups) == [0.0, 0.2]


def test_a_run_does_not_go_on_with_other_recordings_unless_told_so(stopped_copy, run, store):
    card = yaml.safe_load((stopped_copy / RUN).read_text())
    (stopped_copy / RUN).write_text(yaml.safe_dump({**card, "corpus_fingerprint": "0" * 32}))
    ran = run(stopped_copy, "--resume")
    assert ran.code == 2
    assert "the recordings are not those the run began with (24 clips as then, but not the same)" in ran.told
    assert "--allow-change data" in ran.told
    ran = run(stopped_copy, "--resume", "--allow-change", "data")
    assert ran.code == 0, ran.told
    assert "going on with other recordings than the run began with: 24 clips as then, but not the same" in ran.told
    assert "test_resnet: goes on after step 2\n" in ran.told
    assert load_encoder(stopped_copy / "test_resnet")[1].corpus_fingerprint == store.fingerprint
    assert yaml.safe_load((stopped_copy / RUN).read_text())["corpus_fingerprint"] == store.fingerprint


def test_a_run_does_not_go_on_with_other_noises_unless_told_so(run, at_step, tmp_path, corpus):
    noises = tmp_path / "noises"
    (noises / "street").mkdir(parents=True)
    shutil.copy(corpus.parent / "00.wav", noises / "street" / "a.wav")
    noise = f"augment.transforms=[{{name: AddBackgroundNoise, p: 0.5, sounds_path: {noises}}}]"
    with at_step(2, lambda: signal.raise_signal(signal.SIGINT)):
        assert run(tmp_path / "run", noise).code == 130
    shutil.copy(corpus.parent / "01.wav", noises / "street" / "b.wav")
    ran = run(tmp_path / "run", noise, "--resume")
    assert ran.code == 2 and "the files of augment.transforms are not those the run began with (names or" in ran.told
    (noises / "street" / "b.wav").unlink()
    assert run(tmp_path / "run", noise, "--resume", "epochs=1").code == 0
    shutil.copy(corpus.parent / "01.wav", noises / "street" / "b.wav")
    ran = run(tmp_path / "run", noise, "--resume", "--allow-change", "augment")
    assert ran.code == 0, ran.told
    assert "digests.augment.transforms" in yaml.safe_load((ran.out / RUN).read_text())["history"][-1]["differences"]


def test_a_folder_of_noises_that_is_not_there_is_named_before_anything_is_made(run, tmp_path):
    ran = run(tmp_path / "run", "augment.transforms=[{name: AddBackgroundNoise, sounds_path: nowhere}]")
    assert ran.code == 2 and "AddBackgroundNoise: sounds_path: nowhere: no such file or folder" in ran.told
    assert not ran.out.exists()


def settings(**changes):
    return PretrainSettings.model_validate({"data": ["x"], "out": "y", "backbones": ["resnet18"], **changes})


@pytest.mark.parametrize("key", ["augment", "augment.background", "augment.background.p"])
def test_a_key_stands_for_all_below_it(key):
    other = settings(augment={"background": {"p": 0.25}})
    check_changes(settings(), other, [key], Path("run.yaml"))
    with pytest.raises(ConfigError, match=r"augment\.background\.p: 0\.0 then, 0.25 now"):
        check_changes(settings(), other, ["augment.background.min_snr_db", "seed"], Path("run.yaml"))


def test_what_the_monitor_counts_as_there_may_change():
    check_changes(settings(), settings(positive_share=0.5), [], Path("run.yaml"))


def test_an_objective_with_another_kind_of_head_needs_a_new_run():
    check_changes(settings(), settings(objective="dcl"), ["objective"], Path("run.yaml"))
    with pytest.raises(ConfigError, match=r"objective cannot change .the projection head .*another --out"):
        check_changes(settings(), settings(objective="vicreg"), ["objective"], Path("run.yaml"))


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("temprature", "no setting 'temprature' (perhaps 'temperature'?)"),
        ("augment.nearby", "no setting 'augment.nearby' (perhaps 'augment.nearby_s'?)"),
        ("spectrogram.bands", "spectrogram.bands cannot change"),
        ("projection_size", "projection_size cannot change"),
    ],
)
def test_a_key_that_is_none_or_may_never_change_is_named(key, told):
    with pytest.raises(ConfigError, match=f"--allow-change: {re.escape(told)}"):
        check_changes(settings(), settings(), [key], Path("run.yaml"))


def test_only_a_run_that_goes_on_may_change(command, tmp_path, capsys):
    with pytest.raises(SystemExit) as exit:
        main(command(tmp_path / "run", "--allow-change", "seed"))
    assert exit.value.code == 2 and "what may differ from a run to --resume" in capsys.readouterr().err
