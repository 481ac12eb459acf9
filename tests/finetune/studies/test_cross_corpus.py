"""The trained ensemble asked about another corpus."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from emoclr.corpus.clips.sources import clips_of
from emoclr.corpus.decoded.waveforms import open_waveforms
from emoclr.corpus.labels.labels_csv import read_labels
from emoclr.evaluate.metrics.registry import emotion_metrics
from emoclr.evaluate.scores import Prediction, Truth
from emoclr.finetune.data.labeled_clips import open_labeled_clips
from emoclr.finetune.data.other_corpus import open_other
from emoclr.finetune.model.checkpoint import load_ensemble
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.studies.cross_corpus import corpora_difference
from emoclr.pretrain.encoder.embedding import embed_clips

CLIPS = 12


@pytest.fixture(scope="module")
def other(write_noise: Callable[..., Path], write_table: Callable[..., Path], tmp_path_factory: Any) -> Path:
    """Clips of three strangers: angry where loud, and awe and calm that the models do not know."""
    folder = tmp_path_factory.mktemp("other")
    rows = []
    for clip in range(CLIPS):
        write_noise(folder / f"{clip:02}.wav", 0.7, bool(clip % 2), bool(clip // 2 % 2), seed=300 + clip)
        rows.append([f"{clip:02}.wav", clip % 2, clip // 2 % 2, 1 - clip % 2, f"stranger-{clip // 4}"])
    return write_table(folder / "other.csv", ["path", "angry", "awe", "calm", "speaker"], rows)


@pytest.fixture(scope="module")
def ran(run: Callable[..., Any], pretrained: Path, other: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    out = tmp_path_factory.mktemp("across") / "emotions"
    return run(out, "--from", str(pretrained), "--test", str(other), "freeze=backbone")


@pytest.fixture(scope="module")
def section(ran: Any) -> dict[str, Any]:
    assert ran.code == 0, ran.told
    found: dict[str, dict[str, Any]] = json.loads((ran.out / "report/report.json").read_text())
    return found["across"]


def test_the_ensemble_is_scored_as_predict_would_answer(ran: Any, section: dict[str, Any], other: Path) -> None:
    ensemble, card = load_ensemble(ran.out)
    store = open_waveforms(clips_of(read_labels(other)))
    logits = embed_clips(ensemble, store, card.window_s, card.hop_s, short=card.short).astype(np.float64)
    anger = ensemble.probabilities(logits)[:, card.emotions.index("anger")]
    expected = roc_auc_score(np.arange(CLIPS) % 2, anger)
    assert section["metrics"]["macro_auroc"]["value"] == pytest.approx(expected, abs=1e-6)


def test_shared_emotions_are_matched_and_the_others_named(ran: Any, section: dict[str, Any]) -> None:
    assert section["emotions"] == [{"fitted": "anger", "scored": "angry"}]
    assert set(section["left_out"]) == {"sadness", "awe", "calm"}
    assert "awe, calm: only other.csv has it." in (ran.out / "report/report.md").read_text()
    assert (section["clips"], section["speakers"]) == (CLIPS, 3)


def test_the_difference_is_to_the_own_clips_by_the_same_emotions(ran: Any, section: dict[str, Any]) -> None:
    report = json.loads((ran.out / "report/report.json").read_text())
    own = section["own_metrics"]["macro_auroc"]["value"]
    assert own == pytest.approx(report["per_emotion"]["anger"]["auroc"]["value"], abs=1e-6)
    fall = section["metrics"]["macro_auroc"]["value"] - own
    assert section["differences"]["macro_auroc"]["value"] == pytest.approx(fall, abs=2e-6)


def test_members_and_chance_are_scored_too(section: dict[str, Any]) -> None:
    assert list(section["models"]) == ["ensemble", "test_efficientnet", "test_resnet"]
    assert section["baselines"]["chance"]["macro_auroc"]["value"] == 0.5


def test_chance_is_the_share_of_the_clips_that_are_trained_on(
    labels: Path, other: Path, settings: Callable[..., FinetuneSettings]
) -> None:
    labeled = open_labeled_clips(labels, settings())
    targets = np.zeros_like(labeled.table.targets)
    targets[labeled.division.fitted[:3]] = 1
    changed = replace(labeled, table=replace(labeled.table, targets=targets))
    assert open_other(read_labels(other), changed, settings()).prior == pytest.approx([3 / 12])


def perfect(speakers: list[str]) -> tuple[Truth, Prediction]:
    """Clips of which each speaker has one with the emotion and one without, answered without a mistake."""
    targets = np.tile([[1.0], [0.0]], (len(speakers), 1))
    truth = Truth(["anger"], targets, [name for name in speakers for _ in range(2)], n_resamples=300)
    return truth, Prediction("model", targets, np.array([0.5]))


def test_a_resample_without_speakers_of_one_corpus_tells_no_difference() -> None:
    found = corpora_difference(perfect(["a", "b"]), perfect(["c", "d"]))
    assert [(one.value, one.low, one.high) for one in found.values()] == [(0, 0, 0)] * len(found)


def test_honest_probabilities_on_few_clips_and_on_many_differ_in_nothing() -> None:
    """Their calibration errors do: chance alone makes that of few clips larger, in every resample."""
    generator = np.random.default_rng(0)
    sides, errors = [], []
    for corpus, n in (("few", 150), ("many", 1476)):
        honest = generator.uniform(0.05, 0.95, (n, 1))
        targets = (generator.random((n, 1)) < honest).astype(np.float64)
        truth = Truth(["anger"], targets, [f"{corpus} {clip % 15}" for clip in range(n)], n_resamples=100)
        sides.append((truth, Prediction("model", honest, np.array([0.5]))))
        errors.append(emotion_metrics(targets, honest, [0.5], single_label=False)["ece"])
    assert errors[0] > 1.5 * errors[1]
    found = corpora_difference(*sides)
    assert "ece" not in found and {"macro_auroc", "map", "macro_f1"} <= set(found)
    assert found["macro_auroc"].low < 0 < found["macro_auroc"].high


def test_a_difference_to_a_corpus_of_one_speaker_has_no_interval() -> None:
    found = corpora_difference(perfect(["a"]), perfect(["c", "d"]))
    assert all(one.value == 0 and np.isnan([one.low, one.high]).all() for one in found.values())


@pytest.mark.parametrize(
    ("head", "speaker", "told"),
    [
        (["path", "joy", "speaker"], "a stranger", "shares no emotion"),
        (["path", "anger", "speaker"], "s0", "speaker 's0'"),
    ],
)
def test_what_cannot_be_scored_is_refused_before_training(
    run: Callable[..., Any],
    pretrained: Path,
    other: Path,
    write_table: Callable[..., Path],
    tmp_path: Path,
    head: list[str],
    speaker: str,
    told: str,
) -> None:
    rows = [[other.parent / f"{clip:02}.wav", clip % 2, speaker] for clip in range(4)]
    listed = write_table(tmp_path / "listed.csv", head, rows)
    refused = run(tmp_path / "out", "--from", str(pretrained), "--test", str(listed))
    assert (refused.code, told in refused.told) == (1, True), refused.told
    assert not (tmp_path / "out").exists()


def test_a_recording_that_was_trained_on_is_refused(
    run: Callable[..., Any], pretrained: Path, recordings: Path, write_table: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "renamed.wav").write_bytes((recordings / "01.wav").read_bytes())
    listed = write_table(tmp_path / "listed.csv", ["path", "anger", "speaker"], [["renamed.wav", 1, "a stranger"]])
    refused = run(tmp_path / "out", "--from", str(pretrained), "--test", str(listed))
    assert (refused.code, "the same sound is in train and in test" in refused.told) == (1, True), refused.told
