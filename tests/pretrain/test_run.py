"""A run of `pretrain`, from its corpus to its encoders, and what may happen on the way."""

import multiprocessing

import pytest
import torch
import yaml
from torch.optim.optimizer import register_optimizer_step_pre_hook

from emoclr.pretrain.encoder.checkpoint import WEIGHTS, load_encoder
from emoclr.pretrain.encoder.folders import CARD, FINGERPRINTS, RUN
from emoclr.pretrain.training.metrics_log import METRICS
from emoclr.pretrain.training.module import ContrastiveModule
from emoclr.pretrain.training.saver import RESUME


def test_every_backbone_gets_a_folder_with_its_encoder(finished, store, rows_of):
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


def test_training_changes_the_weights_and_only_its_seed_decides_how(finished, run, tmp_path, weights_of):
    same = run(tmp_path / "same", "backbones=test_resnet")
    other = run(tmp_path / "other", "seed=1", "epochs=1")
    assert (same.code, other.code) == (0, 0)
    assert weights_of(same.out) == weights_of(finished.out) != weights_of(other.out)


def test_the_learning_rate_of_a_record_is_the_one_of_its_step(run, tmp_path, rows_of):
    used = []
    hook = register_optimizer_step_pre_hook(lambda optimizer, *_: used.append(optimizer.param_groups[0]["lr"]))
    try:
        ran = run(tmp_path / "run")
    finally:
        hook.remove()
    assert ran.code == 0 and len(set(used)) > 3
    assert [float(row["learning_rate"]) for row in rows_of(ran.out / "test_resnet")] == pytest.approx(used, rel=1e-4)


def test_a_step_whose_views_are_no_numbers_is_skipped_and_leaves_no_trace(run, tmp_path, monkeypatch, rows_of):
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
