import csv
import functools
import multiprocessing
import re
import shutil
import signal

import pytest
import torch
import yaml
from torch.optim.optimizer import register_optimizer_step_pre_hook

from emoclr.pretrain.encoder.checkpoint import WEIGHTS, load_encoder
from emoclr.pretrain.encoder.folders import CARD, FINGERPRINTS, RUN
from emoclr.pretrain.networks import timm_models
from emoclr.pretrain.training.metrics_log import METRICS
from emoclr.pretrain.training.module import ContrastiveModule
from emoclr.pretrain.training.saver import RESUME, AtomicCheckpointIO


def rows_of(folder):
    """The metrics of a run, but for its speed."""
    with (folder / METRICS).open(newline="") as lines:
        speed = {"views_per_s", "waiting_share"}
        return [{key: row[key] for key in row if key not in speed} for row in csv.DictReader(lines)]


def weights_of(run, backbone="test_resnet"):
    return (run / backbone / WEIGHTS).read_bytes()


def test_every_backbone_gets_a_folder_with_its_encoder(finished, store):
    assert finished.code == 0
    for backbone in ("test_resnet", "test_efficientnet"):
        folder = finished.out / backbone
        assert {CARD, WEIGHTS, FINGERPRINTS, METRICS, RESUME, "tensorboard"} == {path.name for path in folder.iterdir()}
        encoder, card = load_encoder(folder)
        assert card.encoder.backbone == backbone
        assert card.finished and (card.step, card.steps, card.crop_s) == (6, 6, 0.5)
        assert card.corpus_fingerprint == store.fingerprint
        assert card.encoder.spectrogram.bands == 32 and card.encoder.time_masks == 2
        assert card.metrics["loss"] == pytest.approx(float(rows_of(folder)[-1]["loss"]), rel=1e-4)
        assert encoder(torch.randn(2, 8_000)).shape == (2, encoder.features)
    assert "2 encoders in" in finished.told
    assert f"probe --from {finished.out} --data labels.csv" in finished.told


def test_a_run_remembers_what_it_was_made_of(finished, store):
    card = yaml.safe_load((finished.out / RUN).read_text())
    assert card["clips"] == len(store) == 24
    assert card["hours"] == pytest.approx(store.durations_s.sum() / 3600, abs=1e-3)
    assert card["settings"]["backbones"] == ["test_resnet", "test_efficientnet"]
    assert card["settings"]["temperature"] == 0.15
    assert card["warnings"] == []
    assert card["corpus_fingerprint"] == store.fingerprint
    encoder, _ = load_encoder(finished.out / "test_resnet")
    assert list(encoder.settings.normalisation.mean) == card["normalisation"]["mean"]


def test_test_speakers_stay_out(finished, corpus):
    assert (corpus.parent / "25.wav").is_file()
    assert "24 clips, " in finished.told and "6 speakers" in finished.told


def test_broken_files_are_set_aside_and_named(finished, corpus):
    assert yaml.safe_load((finished.out / RUN).read_text())["set_aside"] == 2
    listed = (finished.out / "set-aside.txt").read_text().splitlines()
    broken = [str(corpus.parent / name) for name in ("text.wav", "gone.wav")]
    assert [line.partition(": ")[0] for line in listed] == broken
    assert "2 set aside" in finished.told
    assert f"{corpus.parent / 'gone.wav'}: no such file" in finished.told


def test_training_changes_the_weights_and_only_its_seed_decides_how(finished, run, tmp_path):
    same = run(tmp_path / "same", "backbones=test_resnet")
    other = run(tmp_path / "other", "seed=1", "epochs=1")
    assert (same.code, other.code) == (0, 0)
    assert weights_of(same.out) == weights_of(finished.out) != weights_of(other.out)


@pytest.fixture(params=[0.0, 0.5], ids=["plain", "stochastic depth"])
def expected(request, run, finished, tmp_path, monkeypatch):
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
def test_a_run_that_goes_on_ends_as_if_it_had_never_stopped(expected, run, at_step, tmp_path, end):
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


def test_what_may_change_on_the_way_does_not_change_what_is_learned(stopped_copy, run, finished):
    ran = run(stopped_copy, "--resume", "workers=1", "log_every_steps=2", "save_every_steps=1", "backbones=test_resnet")
    assert ran.code == 0
    assert weights_of(stopped_copy) == weights_of(finished.out)


def test_a_run_may_go_on_towards_a_nearer_end(stopped_copy, run):
    ran = run(stopped_copy, "--resume", "epochs=1")
    assert ran.code == 0
    card = load_encoder(stopped_copy / "test_resnet")[1]
    assert (card.step, card.steps) == (3, 3)


def test_a_run_that_has_ended_may_go_on_towards_a_later_end(finished, run, tmp_path):
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


def test_the_learning_rate_of_a_record_is_the_one_of_its_step(run, tmp_path):
    used = []
    hook = register_optimizer_step_pre_hook(lambda optimizer, *_: used.append(optimizer.param_groups[0]["lr"]))
    try:
        ran = run(tmp_path / "run")
    finally:
        hook.remove()
    assert ran.code == 0 and len(set(used)) > 3
    assert [float(row["learning_rate"]) for row in rows_of(ran.out / "test_resnet")] == pytest.approx(used, rel=1e-4)


def test_a_step_whose_views_are_no_numbers_is_skipped_and_leaves_no_trace(run, tmp_path, monkeypatch):
    step = ContrastiveModule.training_step

    def broken(module, batch, batch_idx):
        waveforms = batch.waveforms * torch.nan if batch_idx == 2 else batch.waveforms
        return step(module, batch._replace(waveforms=waveforms), batch_idx)

    monkeypatch.setattr(ContrastiveModule, "training_step", broken)
    ran = run(tmp_path / "run", "max_bad_steps=1", "save_every_steps=1")
    assert ran.code == 0, ran.told
    assert "the loss of step 3 is nan" in ran.told and "Skipped, 1 of at most 1" in ran.told
    assert load_encoder(ran.out / "test_resnet")[1].finished
    losses = [float(row["loss"]) for row in rows_of(ran.out / "test_resnet")]
    assert len(losses) == len(set(losses)) == 5


def test_a_data_process_that_is_killed_is_told_and_the_run_goes_on_from_its_checkpoint(run, at_step, tmp_path):
    words = (tmp_path / "run", "workers=1", "save_every_steps=1")
    with at_step(2, lambda: [child.kill() for child in multiprocessing.active_children()]):
        ran = run(*words, "epochs=30")
    assert ran.code == 1 and "Traceback" not in ran.told
    assert "error: a data process has ended, which happens where memory runs out: DataLoader worker" in ran.told
    assert "--resume goes on from it" in ran.told and (ran.out / "report.html").is_file()
    assert run(*words, "--resume").code == 0


def test_too_little_memory_is_told_with_what_takes_less(run, at_step, tmp_path):
    def run_out():
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3 GiB.\nAnd much more.")

    with at_step(2, run_out):
        ran = run(tmp_path / "run")
    assert ran.code == 1 and "Traceback" not in ran.told and "And much more" not in ran.told
    assert "out of memory: CUDA out of memory. Tried to allocate 3 GiB." in ran.told and "chunk_size" in ran.told


@pytest.mark.parametrize("workers", [0, 1])
def test_a_noise_that_is_no_recording_is_named(run, tmp_path, workers):
    noises = tmp_path / "noises"
    noises.mkdir()
    (noises / "text.wav").write_text("no recording")
    noise = f"[{{name: AddBackgroundNoise, p: 1.0, sounds_path: {noises}}}]"
    ran = run(tmp_path / "run", f"augment.transforms={noise}", f"workers={workers}")
    assert ran.code == 1, ran.told
    told = ran.told.splitlines()[-1]
    assert told.startswith("error: augment.transforms: AddBackgroundNoise: ") and str(noises / "text.wav") in told
    assert "Traceback" not in ran.told and "Caught" not in ran.told


def test_finished_backbones_are_left_as_they_are_and_new_ones_trained(finished, run, tmp_path):
    out = shutil.copytree(finished.out, tmp_path / "run")
    before = weights_of(out)
    ran = run(out, "--resume", "backbones=test_resnet,test_efficientnet,test_byobnet")
    assert ran.code == 0
    assert "test_resnet: finished before" in ran.told and "test_efficientnet: finished before" in ran.told
    assert weights_of(out) == before
    assert load_encoder(out / "test_byobnet")[1].finished


def test_a_run_in_the_way_is_not_written_over(finished, run):
    before = weights_of(finished.out)
    ran = run(finished.out)
    assert ran.code == 2
    assert f"{finished.out}: already holds a run; --resume goes on with it" in ran.told
    assert weights_of(finished.out) == before


@pytest.mark.parametrize("content", [b"", b"something else"])
def test_a_damaged_resume_file_is_named(stopped_copy, run, content):
    path = stopped_copy / "test_resnet" / RESUME
    path.write_bytes(content or path.read_bytes()[:-1_000])
    ran = run(stopped_copy, "--resume")
    assert ran.code == 1
    assert ran.told.splitlines()[-1].startswith(f"error: {path}: is not the resume file that was saved here")


@pytest.mark.parametrize(
    "lacking",
    [
        ["state_dict"],
        ["loops", "fit_loop", "epoch_loop.batch_progress", "total"],
        ["optimizer_states"],
        ["optimizer_states", 0, "state"],
        ["lr_schedulers"],
    ],
    ids=lambda keys: ".".join(map(str, keys)),
)
def test_a_resume_file_that_lacks_something_is_named(stopped_copy, run, lacking):
    path = stopped_copy / "test_resnet" / RESUME
    checkpoint = AtomicCheckpointIO().load_checkpoint(path)
    *above, last = lacking
    del functools.reduce(lambda content, key: content[key], above, checkpoint)[last]
    AtomicCheckpointIO().save_checkpoint(checkpoint, path)
    ran = run(stopped_copy, "--resume")
    assert ran.code == 1
    told = ran.told.splitlines()[-1]
    assert told.startswith(f"error: {path}: lacks what a training goes on from (") and "anew" in told


def test_a_resume_file_of_another_backbone_is_named(finished, run, tmp_path):
    out = shutil.copytree(finished.out, tmp_path / "run")
    path = out / "test_resnet" / RESUME
    shutil.copy(out / "test_efficientnet" / RESUME, path)
    before = weights_of(out)
    ran = run(out, "--resume", "epochs=3")
    assert ran.code == 1
    assert f"error: {path}: was saved by another network than test_resnet; " in ran.told
    assert weights_of(out) == before


@pytest.mark.parametrize("text", ["a: [1", "colour: red"])
def test_a_damaged_run_card_is_named(stopped_copy, run, text):
    (stopped_copy / RUN).write_text(text)
    ran = run(stopped_copy, "--resume")
    assert ran.code == 1 and f"error: {stopped_copy / RUN}: " in ran.told


def test_resuming_what_never_began_begins(run, tmp_path, finished):
    ran = run(tmp_path / "run", "--resume")
    assert ran.code == 0
    assert weights_of(ran.out) == weights_of(finished.out)


def test_a_corpus_smaller_than_a_batch_is_refused_before_anything_is_made(run, tmp_path):
    ran = run(tmp_path / "run", "batch_size=32")
    assert ran.code == 2
    assert "batch_size 32: the corpus has 24 clips to train on" in ran.told
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["accelerator=foo"], "accelerator: "),
        (["accelerator=tpu"], "accelerator=tpu devices=auto num_nodes=1: "),
        (["devices=0"], "devices.*: "),
        (["batch_size=16", "devices=2"], "a batch needs as many on each of 2 ranks; batch_size=12 "),
        (["max_bad_steps=3", "devices=2"], "max_bad_steps 3: of 2 ranks the others would wait"),
    ],
)
def test_what_the_devices_cannot_do_is_refused_before_anything_is_made(run, tmp_path, words, told):
    ran = run(tmp_path / "run", *words)
    assert ran.code == 2 and re.search(told, ran.told), ran.told
    assert not (tmp_path / "run").exists()


def test_a_run_goes_on_with_as_many_ranks_as_it_began_with_unless_told_so(stopped_copy, run):
    card = yaml.safe_load((stopped_copy / RUN).read_text())
    assert card["ranks"] == 1
    (stopped_copy / RUN).write_text(yaml.safe_dump({**card, "ranks": 2}))
    ran = run(stopped_copy, "--resume")
    assert ran.code == 2 and "2 processes trained together then, 1 now" in ran.told
    assert run(stopped_copy, "--resume", "devices=1", "--allow-change", "devices").code == 0


@pytest.mark.parametrize(
    ("speakers_per_batch", "fits"), [(4, "batch_size=24"), (16, "batch_size=16"), (32, "batch_size=24 negatives=any")]
)
def test_a_batch_size_that_fits_is_suggested_and_fits(run, tmp_path, speakers_per_batch, fits):
    asked = f"speakers_per_batch={speakers_per_batch}"
    assert f"; {fits} fits" in run(tmp_path / "run", "batch_size=32", asked).told
    assert run(tmp_path / "run", asked, *fits.split(), "epochs=1").code == 0


def test_views_too_small_for_a_backbone_are_refused_before_anything_is_made(run, tmp_path):
    ran = run(tmp_path / "run", "backbones=test_resnet,test_convnext")
    assert ran.code == 2
    assert "backbone test_convnext: crop_s=0.5 (26 frames) is too small for it, 0.62 would do" in ran.told
    assert not (tmp_path / "run").exists()


def test_a_backbone_that_is_misspelt_is_told_before_the_others_are_trained(run, tmp_path):
    ran = run(tmp_path / "run", "backbones=test_resnet,resnet10")
    assert ran.code == 2 and "resnet10:" in ran.told and "'resnet10t'" in ran.told
    assert not (tmp_path / "run").exists()


def test_what_is_unsafe_is_warned_of_and_remembered(run, tmp_path):
    transforms = "augment.transforms=[{name: Reverse}]"
    refused = run(tmp_path / "run", transforms)
    assert refused.code == 2 and "Reverse is refused: sound is serial" in refused.told
    ran = run(tmp_path / "run", transforms, "augment.allow_unsafe=true", "epochs=1")
    assert ran.code == 0
    assert "warning: unsafe augmentation: Reverse: sound is serial" in ran.told
    assert yaml.safe_load((ran.out / RUN).read_text())["warnings"][0].startswith("unsafe augmentation: Reverse: ")


def test_that_lars_without_weight_decay_is_plain_sgd_is_warned_of_and_remembered(run, tmp_path):
    ran = run(tmp_path / "run", "optimizer=lars", "weight_decay=0", "epochs=1")
    assert ran.code == 0 and "warning: optimizer=lars with weight_decay=0 is plain SGD" in ran.told
    assert yaml.safe_load((ran.out / RUN).read_text())["warnings"][0].startswith("optimizer=lars")
