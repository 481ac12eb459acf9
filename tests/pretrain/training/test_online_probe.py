import csv
import itertools
import re
import shutil
import signal
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import numpy as np
import pytest
import torch
import yaml
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from emoclr.configs.errors import ConfigError
from emoclr.corpus.audio.padding import fix_length
from emoclr.corpus.decoded.waveforms import open_waveforms
from emoclr.corpus.labels.division import divide, speaker_task
from emoclr.evaluate.scores import Prediction, metrics_of
from emoclr.evaluate.speaker_probe import speaker_probe, voice_hits
from emoclr.pretrain.encoder.checkpoint import WEIGHTS, load_encoder
from emoclr.pretrain.encoder.folders import RUN
from emoclr.pretrain.report.report import report_html, write_report
from emoclr.pretrain.report.run_state import read_run
from emoclr.pretrain.training.metrics_log import read_rows
from emoclr.pretrain.training.online_probe import (
    MAP,
    MONITOR,
    ProbedClips,
    embed_first_windows,
    open_probed_clips,
    probe_scores,
)
from emoclr.pretrain.training.training_views import TRAINING_VIEWS
from emoclr.probe.fitting import fit_probe
from emoclr.probe.protocol import truth_of

SPLITS = ("train", "train", "train", "validation", "validation", "test")


@pytest.fixture(scope="module")
def labels(corpus, write_table):
    """The 24 clips of six speakers, two of them for validation and one for testing; half are loud."""
    rows = [
        [f"{clip:02}.wav", f"s{clip % 6}", SPLITS[clip % 6], float(clip % 2), float(clip // 2 % 2)]
        for clip in range(24)
    ]
    # Rows of other splits are never opened: this one would be an error.
    rows = [row for row in rows if row[2] != "test"] + [["nowhere.wav", "s5", "test", 0.0, 1.0]] * 12
    rows += [[f"{clip:02}.wav", f"s{clip % 6}", SPLITS[clip % 6], float(clip % 2), 0.0] for clip in (3, 4, 9, 10)]
    return write_table(corpus.parent / "monitor.csv", ["path", "speaker", "split", "loud", "dull"], rows)


@pytest.fixture(scope="module")
def monitored_run(run, labels, tmp_path_factory):
    out = tmp_path_factory.mktemp("monitored") / "run"
    return run(out, f"monitor={labels}", "monitor_every=1")


def test_being_watched_changes_nothing_that_is_learned(monitored_run, finished):
    assert monitored_run.code == 0, monitored_run.told
    watched, alone = (out / "test_resnet" / WEIGHTS for out in (monitored_run.out, finished.out))
    assert watched.read_bytes() == alone.read_bytes()


def test_a_look_before_the_first_step_after_each_epoch_and_none_twice_at_the_end(monitored_run):
    with (monitored_run.out / "test_resnet" / MONITOR).open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [int(row["step"]) for row in rows] == [0, 3, 6]
    assert "test_resnet: step 6: macro AUROC " in monitored_run.told


def test_a_folder_that_is_gone_is_not_made_anew(run, labels, at_step, tmp_path):
    words = (tmp_path / "run", f"monitor={labels}", "monitor_every=1", "log_every_steps=100")
    with at_step(2, lambda: (tmp_path / "run").rename(tmp_path / "elsewhere")):
        ran = run(*words)
    assert ran.code == 1 and "the folder was removed while the run was writing into it" in ran.told
    assert not (tmp_path / "run").exists() and (tmp_path / "elsewhere" / RUN).is_file()


def test_a_run_that_goes_on_is_watched_as_if_it_had_never_stopped(monitored_run, run, labels, at_step, tmp_path):
    words = (tmp_path / "run", f"monitor={labels}", "monitor_every=1")
    with at_step(3, lambda: signal.raise_signal(signal.SIGINT)):
        assert run(*words).code == 130
    before = read_rows(tmp_path / "run" / "test_resnet" / MONITOR)
    assert [row["step"] for row in before] == [0, 3]
    ran = run(*words, "--resume")
    assert ran.code == 0
    assert "step 6: macro AUROC" in ran.told and "step 3: macro AUROC" not in ran.told
    again, never = (read_rows(out / "test_resnet" / MONITOR) for out in (tmp_path / "run", monitored_run.out))
    assert again == [pytest.approx(row, nan_ok=True) for row in never]


def test_the_last_look_is_at_the_encoder_that_is_saved(monitored_run, labels):
    monitored = open_probed_clips(labels, 600, seed=0)
    encoder, card = load_encoder(monitored_run.out / "test_resnet")
    features = embed_first_windows(encoder, monitored.store, card.crop_s)
    found = probe_scores(features, monitored, seed=0)
    with (monitored_run.out / "test_resnet" / MONITOR).open(newline="") as lines:
        last = list(csv.DictReader(lines))[-1]
    assert {name: float(last[name]) for name in found} == pytest.approx(found, rel=1e-3, nan_ok=True)


def test_only_training_and_validation_rows_are_opened_and_speakers_are_apart(labels):
    monitored = open_probed_clips(labels, 600, seed=0)
    speakers, splits = np.array(monitored.table.speakers), np.array(monitored.table.splits)
    assert set(splits[monitored.fit_rows]) == {"train"} and set(splits[monitored.score_rows]) == {"validation"}
    assert not set(speakers[monitored.fit_rows]) & set(speakers[monitored.score_rows])
    assert not monitored.store.failures


def test_what_the_cache_has_no_room_for_is_not_kept_there(labels, tmp_path):
    sizes = {}
    for cache_gb in (0, None):
        cache = tmp_path / str(cache_gb)
        monitored = open_probed_clips(
            labels, 600, seed=0, opened=partial(open_waveforms, cache_dir=cache, cache_gb=cache_gb)
        )
        assert monitored.store.crop(0, 0, 1_000).any()
        sizes[cache_gb] = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file())
    assert sizes[0] < 0.1 * sizes[None]


def test_without_a_split_column_clips_are_divided_by_speaker(corpus, write_table):
    rows = [[f"{clip:02}.wav", f"s{clip % 6}", clip % 2] for clip in range(24)] * 2
    path = write_table(corpus.parent / "unsplit.csv", ["path", "speaker", "loud"], rows)
    monitored = open_probed_clips(path, 15, seed=0)
    speakers = np.array(monitored.table.speakers)
    assert not set(speakers[monitored.fit_rows]) & set(speakers[monitored.score_rows])
    assert len(monitored.fit_rows) == 15 and 10 <= len(monitored.score_rows) <= 15


def test_too_few_clips_are_refused_before_anything_is_made(run, labels, corpus, write_table, tmp_path):
    rows = [["00.wav", "s0", "train", 1.0], ["01.wav", "s1", "validation", 0.0]]
    few = write_table(corpus.parent / "few.csv", ["path", "speaker", "split", "loud"], rows)
    with pytest.raises(ConfigError, match="has 1 readable clips to fit to, where 10 are the fewest"):
        open_probed_clips(few, 600, seed=0)
    ran = run(tmp_path / "run", f"monitor={few}")
    assert ran.code == 2 and not (tmp_path / "run").exists()


@pytest.fixture
def voices(labels):
    """Monitored clips whose features are made up: 40 rows of 4 speakers to fit to, and 40 of 4 others."""
    table = open_probed_clips(labels, 600, seed=0).table.select(np.zeros(80, dtype=int))
    targets = np.random.default_rng(1).random((80, 2)).astype(np.float32)
    speakers = [f"s{row % 4 + 4 * (row >= 40)}" for row in range(80)]
    paths = [table.paths[0].with_name(f"{row}.wav") for row in range(80)]
    table = type(table)(**{**vars(table), "targets": targets, "speakers": speakers, "paths": paths})
    return ProbedClips(table, None, np.arange(40), np.arange(40, 80))  # type: ignore[arg-type]


def test_features_that_hold_the_shares_score_high_and_those_that_hold_nothing_about_a_half(voices):
    generator = np.random.default_rng(0)
    holds = np.concatenate([voices.table.targets * 5, generator.normal(size=(80, 6)) * 0.01], axis=1).astype(float)
    assert probe_scores(holds, voices, 0)["linear_auroc"] > 0.95
    assert probe_scores(holds[:, :2] - 2.5, voices, 0)["knn_auroc"] > 0.85  # half of all clips are neighbours
    nothing = [probe_scores(generator.normal(size=(80, 8)), voices, seed)["linear_auroc"] for seed in range(6)]
    assert 0.35 < np.mean(nothing) < 0.65


def test_the_linear_score_is_that_of_a_ridge_regression_of_some_strength(voices):
    features = np.random.default_rng(2).normal(size=(80, 5)) + voices.table.targets @ np.ones((2, 5))
    fit, score = voices.fit_rows, voices.score_rows
    scaled = (features - features[fit].mean(0)) / features[fit].std(0)
    targets = voices.table.targets
    possible = []
    for strength in np.logspace(6, 0, 13):
        answers = Ridge(strength).fit(scaled[fit], targets[fit]).predict(scaled[score])
        possible.append(np.mean([roc_auc_score(targets[score, e] >= 0.25, answers[:, e]) for e in range(2)]))
    assert np.min(np.abs(np.array(possible) - probe_scores(features, voices, 0)["linear_auroc"])) < 1e-9


@pytest.mark.parametrize("single_label", [False, True])
@pytest.mark.parametrize("share", [0.25, 0.6])
def test_its_numbers_are_those_of_the_report_of_a_probe(voices, single_label, share):
    generator = np.random.default_rng(3)
    table, fit, score = voices.table, voices.fit_rows, voices.score_rows
    if single_label:
        table = replace(table, targets=np.eye(2, dtype=np.float32)[table.targets.argmax(axis=1)])
    assert table.single_label == single_label
    # The validation clips of this split are the ones that a probe scores: its report has them as test clips.
    table = replace(table, splits=["train"] * 40 + ["test"] * 40)
    features = generator.normal(size=(80, 10))
    features[:, :2] += 2 * table.targets
    features[:, 2:] += 2 * np.eye(8)[[int(name[1]) for name in table.speakers]]
    found = probe_scores(features, replace(voices, table=table, positive_share=share), seed=5)

    division = divide(table, None, 5)
    assert [rows.tolist() for rows in division.folds[0]] == [fit.tolist(), score.tolist()]
    probe = fit_probe(features, table, division, 0, share)
    prediction = Prediction("probe", probe.predict_proba(features[score]), probe.thresholds_)
    report = metrics_of(truth_of(table, division, share, 20, 5), prediction)
    assert found["linear_auroc"] == pytest.approx(report["macro_auroc"].value, abs=1e-12)
    task = speaker_task(table, 5)
    probed = speaker_probe({"encoder": voice_hits(features, task, 5)}, task, "", 20, 5)
    assert found["speaker_accuracy"] == probed.rows[0][1].value and found["speaker_chance"] == 1 / probed.speakers
    assert 0.5 < found["linear_auroc"] < 1 and 1 / 8 < found["speaker_accuracy"] < 1


def test_an_emotion_that_the_fitted_clips_lack_is_left_out(voices):
    features = np.random.default_rng(4).normal(size=(80, 5)) + voices.table.targets @ np.ones((2, 5))
    lacking = voices.table.targets.copy()
    lacking[:40, 1] = 0.1
    alone = replace(voices, table=replace(voices.table, emotions=["loud"], targets=voices.table.targets[:, :1]))
    found = probe_scores(features, replace(voices, table=replace(voices.table, targets=lacking)), 0)
    assert found["linear_auroc"] == probe_scores(features, alone, 0)["linear_auroc"]
    nothing = replace(voices, table=replace(voices.table, targets=np.zeros((80, 2), dtype=np.float32)))
    assert np.isnan(probe_scores(features, nothing, 0)["linear_auroc"])


def test_first_windows_are_embedded_and_the_encoder_is_left_as_it_was(labels, encoder):
    store = open_probed_clips(labels, 600, seed=0).store
    encoder.train()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    chance = torch.get_rng_state()
    found = embed_first_windows(encoder, store, 0.3)
    assert encoder.training and torch.equal(chance, torch.get_rng_state())
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    assert (store.samples > 4_800).any() and len(found) == len(store)
    with torch.no_grad():
        crops = np.stack([fix_length(store.crop(clip, 0, 4_800), 4_800, "zero") for clip in range(len(store))])
        expected = encoder.eval()(torch.from_numpy(crops))
    assert found == pytest.approx(expected.numpy(), rel=1e-4, abs=1e-5)


def test_voices_in_the_features_are_found_and_chance_is_told(voices):
    own = np.eye(8)[[int(name[1]) for name in voices.table.speakers]]
    found = probe_scores(own, voices, 0)
    assert found["speaker_accuracy"] == 1.0 and found["speaker_chance"] == 1 / 8
    nothing = np.random.default_rng(0).normal(size=(80, 8))
    assert probe_scores(nothing, voices, 0)["speaker_accuracy"] < 0.7


def test_the_report_holds_curves_maps_and_views_and_loads_nothing(monitored_run, labels):
    page = (monitored_run.out / "report.html").read_text()
    assert "https://" not in page and "http://" not in page and len(page) < 3_000_000
    assert page.count("<script") == 1  # of the page itself, without an address
    for title in ("Loss", "Contrastive accuracy", "Effective rank", "Learning rate", "Emotions, linear probe"):
        assert f"<h3>{title}</h3>" in page
    assert page.count("<svg") == page.count("</svg>") == 6 + 3 + 2 == page.count('role="img"')
    assert page.count('src="data:image/png;base64,') == 3 * 2 * 3 == page.count(' alt="')
    card = yaml.safe_load((monitored_run.out / RUN).read_text())
    assert card["corpus_fingerprint"] in page and "<code>batch_size</code>" in page and "gone.wav" in page
    assert (monitored_run.out / "test_resnet" / MAP).is_file() and (monitored_run.out / TRAINING_VIEWS).is_file()


def test_headings_of_the_report_skip_no_level(monitored_run):
    page = (monitored_run.out / "report.html").read_text()
    levels = [int(level) for level in re.findall(r"<h([1-6])[ >]", page)]
    assert levels[0] == 1 and levels.count(1) == 1 and levels.count(4) == 2
    assert all(below <= above + 1 for above, below in itertools.pairwise(levels))


def test_what_stands_in_a_name_is_shown_and_never_run(monitored_run):
    state = read_run(monitored_run.out)
    state.set_aside.append("<script>alert(1)</script>.wav: broken & empty")
    page = report_html(state, datetime.now(UTC))
    assert page.count("<script") == 1 and "&lt;script&gt;alert(1)" in page and "broken &amp; empty" in page


def test_collapse_and_bad_steps_are_told(monitored_run, tmp_path):
    out = shutil.copytree(monitored_run.out, tmp_path / "run")
    assert not read_run(out).backbones[0].warnings
    metrics = out / "test_resnet" / "metrics.csv"
    with metrics.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    with metrics.open("w", newline="") as lines:
        writer = csv.DictWriter(lines, rows[0].keys())
        writer.writeheader()
        writer.writerows({**row, "embedding_std": "0.01"} if int(row["step"]) > 2 else row for row in rows)
    (out / "test_resnet" / "bad-step-2.safetensors").touch()
    page = write_report(read_run(out)).read_text()
    assert "test_resnet: embeddings collapsed by step 5" in page
    assert "test_resnet: a loss that is no number at step 2" in page
