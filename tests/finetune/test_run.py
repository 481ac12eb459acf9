"""From encoders and labels to an ensemble and its report."""

import csv
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from emoclr.corpus.labels.division import divide, train_validation_test
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.splits import speaker_codes
from emoclr.evaluate.metrics.thresholds import tune_thresholds
from emoclr.evaluate.report.report import Report
from emoclr.finetune.data.labeled_clips import Task
from emoclr.finetune.model.checkpoint import load_ensemble, load_model
from emoclr.finetune.run import finetune
from emoclr.finetune.settings import FinetuneSettings
from emoclr.pretrain.encoder.embedding import embed_clips
from emoclr.pretrain.encoder.folders import FINGERPRINTS
from emoclr.probe.run import probe
from emoclr.probe.settings import ProbeSettings

BACKBONES = ["test_efficientnet", "test_resnet"]
METRICS = {"macro_auroc", "map", "macro_f1", "micro_f1", "ece"}
Settings = Callable[..., FinetuneSettings]


@pytest.fixture(scope="module")
def content(finetuned: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((finetuned.out / "report/report.json").read_text())
    return found


class Scored(NamedTuple):
    """What the ensemble on disk says of the clips of the test speakers."""

    targets: np.ndarray
    members: dict[str, np.ndarray]


@pytest.fixture(scope="module")
def heard(finetuned: Any, task: Task) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """Returns heard(clips) -> the probabilities that each member on disk gives, calibrated by SciPy."""

    def probabilities(clips: np.ndarray) -> dict[str, np.ndarray]:
        members = {}
        for backbone in BACKBONES:
            model, card = load_model(finetuned.out / backbone)
            logits = embed_clips(model, task.store, card.window_s, card.hop_s, clips)
            members[backbone] = expit(logits.astype(np.float64) / np.array(card.temperatures))
        return members

    return probabilities


@pytest.fixture(scope="module")
def scored(heard: Callable[..., dict[str, np.ndarray]], task: Task) -> Scored:
    return Scored(task.targets[task.test], heard(task.test))


def test_it_ends_well_with_a_folder_a_member_an_ensemble_and_a_report(finetuned: Any) -> None:
    assert finetuned.code == 0, finetuned.told
    assert {path.name for path in finetuned.out.iterdir()} == {*BACKBONES, "ensemble.yaml", "report", "run.yaml"}
    for backbone in BACKBONES:
        assert {"model.safetensors", "model.yaml"} <= {path.name for path in (finetuned.out / backbone).iterdir()}
    assert {"report.html", "report.json", "report.md"} <= {path.name for path in (finetuned.out / "report").iterdir()}


def test_the_report_has_what_the_contract_names(content: dict[str, Any]) -> None:
    assert {"protocol", "metrics", "models", "baselines", "per_emotion", "groups"} <= set(content)
    assert {"clips", "speakers", "folds", "seeds", "speaker_disjoint"} <= set(content["protocol"])
    assert list(content["models"]) == ["ensemble", "ensemble, weighted", "ensemble, vote", *BACKBONES]
    ours = [f"{what} {name}" for what in ("head alone,", "untrained") for name in BACKBONES]
    assert list(content["baselines"])[:5] == [*ours, "log-mel mean and deviation"]
    assert list(content["baselines"])[-1] == "chance"
    rows = [content["metrics"], *content["models"].values(), *content["baselines"].values()]
    for row in rows:
        assert set(row) == METRICS
        assert all(set(found) == {"value", "ci95"} and len(found["ci95"]) == 2 for found in row.values())
    assert content["metrics"] == content["models"]["ensemble"]
    assert set(content["per_emotion"]) == {"anger", "sadness"}
    assert set(content["groups"]) == {"sex"} and set(content["groups"]["sex"]) == {"f", "m"}


def test_the_protocol_counts_clips_and_speakers_of_the_test(content: dict[str, Any]) -> None:
    protocol = content["protocol"]
    assert (protocol["clips"], protocol["speakers"], protocol["folds"]) == (8, 2, 1)
    assert (protocol["train_clips"], protocol["train_speakers"]) == (12, 3)
    assert protocol["speaker_disjoint"] is True and protocol["seeds"] == [0]


def test_chance_is_one_half_and_broken_files_are_set_aside(content: dict[str, Any]) -> None:
    assert content["baselines"]["chance"]["macro_auroc"]["value"] == 0.5
    (broken,) = content["set_aside"]
    assert broken["path"].endswith("broken.wav") and broken["reason"]


def test_the_speaker_probe_before_fine_tuning_is_the_one_of_probe(
    content: dict[str, Any], pretrained: Path, labels: Path, tmp_path: Path
) -> None:
    found = content["speaker_probe"]
    rows = [f"{name}{when}" for name in BACKBONES for when in ("", ", before fine-tuning")]
    assert list(found["accuracy"]) == rows and found["speakers"] == 6
    assert "what it forgot of voices" in found["protocol"]
    quick = ProbeSettings(bootstrap_resamples=20, device="cpu", precision="fp32")
    probed = probe(pretrained, labels, tmp_path / "probe", quick).speaker_probe
    assert probed is not None
    expected = dict(probed.rows)
    for name in BACKBONES:
        measured = found["accuracy"][f"{name}, before fine-tuning"]
        assert measured["value"] == pytest.approx(expected[name].value, abs=1e-6)
        assert measured["ci95"] == pytest.approx([expected[name].low, expected[name].high], abs=1e-6)


def test_every_member_on_disk_earns_the_metrics_of_its_row(content: dict[str, Any], scored: Scored) -> None:
    for backbone, probabilities in scored.members.items():
        expected = roc_auc_score(scored.targets >= 0.25, probabilities, average="macro")
        assert content["models"][backbone]["macro_auroc"]["value"] == pytest.approx(expected, abs=1e-6)


def test_the_ensembles_row_is_the_mean_of_the_members_probabilities(
    finetuned: Any, content: dict[str, Any], scored: Scored
) -> None:
    together = np.mean(list(scored.members.values()), axis=0)
    expected = roc_auc_score(scored.targets >= 0.25, together, average="macro")
    assert content["metrics"]["macro_auroc"]["value"] == pytest.approx(expected, abs=1e-6)
    _, card = load_ensemble(finetuned.out)
    named, positive = together >= np.array(card.thresholds), scored.targets >= 0.25
    f1 = 2 * (named & positive).sum() / (named.sum() + positive.sum())
    assert content["metrics"]["micro_f1"]["value"] == pytest.approx(f1, abs=1e-6)


def test_the_mean_of_the_validation_logits_is_on_the_cards_and_the_speaker_known_has_rows(
    finetuned: Any, content: dict[str, Any], task: Task
) -> None:
    ensemble, _ = load_ensemble(finetuned.out)
    expected = []
    for backbone in BACKBONES:
        model, card = load_model(finetuned.out / backbone)
        logits = embed_clips(model, task.store, card.window_s, card.hop_s, task.validation)
        windows = [2 + 2 * (samples > 16_000) for samples in task.store.samples[task.validation]]
        expected += np.average(logits, axis=0, weights=windows).tolist()
    assert ensemble.mean_logits == pytest.approx(expected, abs=1e-5)
    found = content["speaker_known"]
    assert list(found["models"]) == ["ensemble", *BACKBONES]
    for name, of_model in found["models"].items():
        plain = content["models"][name]
        assert {metric: of_model["plain"][metric] for metric in plain} == plain
        # One of two speakers has ten windows, the other fewer.
        assert of_model["known"]["ece"]["value"] != plain["ece"]["value"]


def test_the_ensembles_card_says_who_answers_how(finetuned: Any, content: dict[str, Any]) -> None:
    _, card = load_ensemble(finetuned.out)
    assert (card.members, card.how, card.emotions) == (BACKBONES, "mean", ["anger", "sadness"])
    assert (card.window_s, card.hop_s, card.single_label) == (0.5, 0.25, False)
    assert card.metrics["macro_auroc"] == pytest.approx(content["metrics"]["macro_auroc"]["value"])
    of_labels, of_scores, unknown, heard, *_, of_comparisons = content["notes"]
    assert of_labels.startswith("Labels are shares") and of_scores.startswith("Only 2 speakers were scored")
    assert "Whether test_efficientnet heard scored clips" in unknown
    assert heard.startswith("1 of 8 scored clips was heard by test_resnet in pretraining, without labels (1 of 2 speak")
    assert content["heard_in_pretraining"]["test_efficientnet"] is None
    assert content["heard_in_pretraining"]["test_resnet"]["clips_heard"] == 1
    assert [(finetuned.out / name / FINGERPRINTS).is_file() for name in card.members] == [False, True]
    assert "from_scratch=true adds it" in of_comparisons
    assert card.notes == [of_labels] and card.cautions == [heard]
    assert all(load_model(finetuned.out / name)[1].cautions == [heard] for name in BACKBONES)


def test_thresholds_of_the_ensemble_are_tuned_on_validation_speakers(
    finetuned: Any, heard: Callable[..., dict[str, np.ndarray]], task: Task
) -> None:
    together = np.mean(list(heard(task.validation).values()), axis=0)
    expected = tune_thresholds(task.targets[task.validation], together)
    assert load_ensemble(finetuned.out)[1].thresholds == pytest.approx(expected.tolist(), abs=1e-4)


def test_members_remember_where_they_came_from(finetuned: Any) -> None:
    assert load_model(finetuned.out / "test_resnet")[1].started_from == "pretraining on corpus abc"


def test_masks_are_those_of_this_training(finetuned: Any) -> None:
    assert load_model(finetuned.out / "test_resnet")[1].encoder.time_masks == 2


def test_in_folds_every_clip_is_scored_once_by_a_member_of_its_fold(
    pretrained: Path, write_labels: Callable[..., Path], settings: Settings, tmp_path: Path
) -> None:
    out = tmp_path / "folds"
    chosen = settings(folds=2, freeze="backbone", ensemble="vote")
    report = finetune([pretrained], write_labels("folds.csv"), out, chosen)
    assert Counter(report.scores.truth.speakers) == dict.fromkeys("012345", 4)
    assert (report.protocol.clips, report.protocol.folds, report.protocol.speaker_disjoint) == (24, 2, True)
    members = [f"{backbone}/fold-{fold}" for backbone in BACKBONES for fold in (1, 2)]
    assert yaml.safe_load((out / "ensemble.yaml").read_text())["members"] == members
    assert all((out / member / "model.safetensors").is_file() for member in members)
    ensemble, card = load_ensemble(out)
    assert len(ensemble.members) == 4 and card.how == "vote"
    assert card.thresholds == [0.625, 0.625]  # between two and three of four votes
    assert report.speaker_probe is not None
    assert [name for name, _ in report.speaker_probe.rows] == BACKBONES  # a frozen network is what it was
    shares = ensemble.probabilities(np.random.default_rng(0).normal(size=(5, 8)))
    assert np.isin(shares * 4, range(5)).all()


def test_without_a_split_there_is_one_of_speakers(
    write_labels: Callable[..., Path], settings: Settings, tmp_path: Path
) -> None:
    chosen = settings(backbones=["test_resnet"], freeze="backbone")
    report = finetune([], write_labels("nosplit.csv", splits=None), tmp_path / "out", chosen)
    assert report.protocol.folds == 1 and report.protocol.speaker_disjoint is True
    assert report.protocol.speakers + report.protocol.train_speakers < 6  # the rest are validation's


def test_one_label_a_clip_makes_an_ensemble_of_one_label(recordings: Path, settings: Settings, tmp_path: Path) -> None:
    with (recordings / "single.csv").open("w", newline="") as file:
        rows = [[f"{clip:02}.wav", clip % 2, 1 - clip % 2, f"s{clip // 4}"] for clip in range(24)]
        splits = ["train", "train", "train", "validation", "test", "test"]
        rows = [[*row, splits[clip // 4]] for clip, row in enumerate(rows)]
        csv.writer(file).writerows([["path", "loud", "low", "speaker", "split"], *rows])
    chosen = settings(backbones=["test_resnet"], freeze="backbone")
    report = finetune([], recordings / "single.csv", tmp_path / "out", chosen)
    assert set(report.scores.models[0].metrics) == METRICS | {"uar", "wa"}
    for folder in (tmp_path / "out", tmp_path / "out/test_resnet"):
        assert load_ensemble(folder)[1].single_label


def test_backbones_train_without_pretraining(labels: Path, settings: Settings, tmp_path: Path) -> None:
    report = finetune([], labels, tmp_path / "out", settings(backbones=BACKBONES, epochs=1))
    assert [row.name for row in report.scores.models if "ensemble" not in row.name] == BACKBONES
    # On a network without pretraining, the head alone is the linear probe of an untrained one.
    assert not any(row.name.startswith("untrained") for row in report.scores.baselines)
    assert not any("pretraining" in note for note in report.notes)
    _, card = load_model(tmp_path / "out/test_resnet")
    assert card.started_from == "scratch" and card.window_s == 0.5
    assert card.encoder.spectrogram.bands == 32
    levels = card.encoder.normalisation
    assert levels.mean != (0, 0, 0) and all(deviation > 0 for deviation in levels.std)


def names(parts: tuple[np.ndarray, np.ndarray, np.ndarray], table: LabelTable) -> list[set[int]]:
    return [set(speaker_codes(table)[part].tolist()) for part in parts]


@given(st.integers(2, 4), st.integers(0, 1_000))
@hypothesis_settings(max_examples=25, deadline=None)
def test_no_speaker_is_in_two_parts_of_a_fold(table: LabelTable, n_folds: int, seed: int) -> None:
    division = divide(table, n_folds, seed)
    tested = []
    for fold in range(n_folds):
        parts = train_validation_test(table, division, fold)
        train, validation, test = names(parts, table)
        assert train and validation and test
        assert not (train & validation | train & test | validation & test)
        assert sorted(np.concatenate(parts)) == list(range(len(table)))
        tested += parts[2].tolist()
    assert sorted(tested) == list(range(len(table)))


def test_the_labels_own_split_is_taken_as_it_is(table: LabelTable) -> None:
    parts = train_validation_test(table, divide(table, None, 0), 0)
    for part, split in zip(parts, ("train", "validation", "test"), strict=True):
        assert part.tolist() == table.rows_of(split).tolist()


def test_where_the_labels_name_no_validation_speakers_of_train_are_taken(table: LabelTable) -> None:
    without = replace(table, splits=[split.replace("validation", "train") for split in table.splits or []])
    parts = train_validation_test(without, divide(without, None, 0), 0)
    train, validation, test = names(parts, without)
    assert validation and not (train & validation | train & test | validation & test)
    assert sorted([*parts[0], *parts[1]]) == without.rows_of("train").tolist()
    assert parts[2].tolist() == without.rows_of("test").tolist()


def test_an_emotion_without_examples_is_left_out_and_told(
    recordings: Path, labels: Path, settings: Settings, tmp_path: Path
) -> None:
    with labels.open(newline="") as file:
        rows = [[*row, "awe" if not number else "0"] for number, row in enumerate(csv.reader(file))]
    with (recordings / "awe.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    chosen = settings(backbones=["test_resnet"], freeze="backbone")
    report: Report = finetune([], recordings / "awe.csv", tmp_path / "out", chosen)
    assert report.left_out == {"awe": "no positive clip to train on"}
    assert load_ensemble(tmp_path / "out")[1].emotions == ["anger", "sadness"]
