"""A second round with what the ensemble is sure of in unlabeled recordings."""

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import yaml

from emoclr.corpus.decoded.waveforms import WaveformStore
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.finetune.data.labeled_clips import Task
from emoclr.finetune.ensemble.member_probabilities import member_probabilities
from emoclr.finetune.model.checkpoint import load_ensemble
from emoclr.finetune.pseudo_labels.second_round import SecondRound
from emoclr.finetune.pseudo_labels.unlabeled_pool import Pool, open_pool, with_pool
from emoclr.finetune.training.resume import finished_member

UNLABELED = 14


@pytest.fixture(scope="module")
def unlabeled(recordings: Path, write_noise: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """New clips, loud and low, bright and dull; a labeled one under another name, and one as flac."""
    folder = tmp_path_factory.mktemp("unlabeled")
    for clip in range(UNLABELED):
        write_noise(folder / f"new-{clip:02}.wav", 0.6, bool(clip % 2), bool(clip // 2 % 2), seed=100 + clip)
    shutil.copy(recordings / "21.wav", folder / "renamed.wav")
    sf.write(folder / "lossless.flac", *sf.read(recordings / "02.wav"))
    return folder


@pytest.fixture(scope="module")
def ran(labels: Path, call: Callable[..., Any], pretrained: Path, unlabeled: Path, tmp_path_factory: Any) -> Any:
    """Four clips validate, so a level rests on one clip and not on ten."""
    from emoclr.finetune.cli import main
    from emoclr.finetune.pseudo_labels import confidence_levels as confidence

    out = tmp_path_factory.mktemp("second") / "emotions"
    words = ["--data", labels, "--out", out, "--from", pretrained / "test_resnet", "--unlabeled", unlabeled]
    quick = ("workers=0", "batch_size=4", "bootstrap_resamples=20", "precision=fp32", "accelerator=cpu", "epochs=1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(confidence, "MIN_CLIPS", 1)
        yield call(main, [*words, *quick, "confidence=0.6"], out), [*words, *quick]


@pytest.fixture(scope="module")
def pool(store: WaveformStore, unlabeled: Path) -> Pool:
    return open_pool([unlabeled], [store], set())


def content(ran: Any) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = json.loads((ran[0].out / "report/report.json").read_text())
    return found["unlabeled"]


def test_the_report_says_what_was_heard_dropped_accepted_and_bought(ran: Any) -> None:
    assert ran[0].code == 0, ran[0].told
    found = content(ran)
    assert (found["found"], found["clips"], found["dropped_as_labelled"]) == (UNLABELED + 2, UNLABELED, 2)
    assert 0 < found["accepted"] <= UNLABELED
    assert set(found["emotions"]) == {"anger", "sadness"}
    assert max(emotion["accepted"] for emotion in found["emotions"].values()) <= found["accepted"]
    assert {"macro_auroc", "map"} <= set(found["differences"])
    assert "Unlabeled recordings" in (ran[0].out / "report/report.md").read_text()


def test_the_ensemble_holds_the_round_that_is_better_on_validation_speakers(ran: Any) -> None:
    found = content(ran)
    ((first, second),) = found["validation_macro_auroc"]
    assert found["held"] == ["second" if second > first else "first"]
    folder = "unlabeled/test_resnet" if second > first else "test_resnet"
    assert yaml.safe_load((ran[0].out / "ensemble.yaml").read_text())["members"] == [folder]
    assert load_ensemble(ran[0].out)[1].emotions == ["anger", "sadness"]


def test_the_round_that_is_held_is_chosen_fold_by_fold(ran: Any, pool: Pool) -> None:
    """One fold's validation speakers are another's scored ones: a choice for all folds would be made on these."""
    member = finished_member(ran[0].out / "test_resnet")
    assert member is not None
    first, second = (
        {name: [replace(member, folder=Path(f"{of}-{name}-{fold}")) for fold in (1, 2, 3)] for name in "ab"}
        for of in ("first", "second")
    )
    found = SecondRound(pool, [], second, [(0.6, 0.7), (0.9, 0.1), (0.5, float("nan"))])
    assert {name: [held.folder.name for held in folds] for name, folds in found.best(first).items()} == {
        name: [f"second-{name}-1", f"first-{name}-2", f"first-{name}-3"] for name in "ab"
    }


def test_the_difference_is_that_of_the_two_rounds_on_the_scored_clips(ran: Any, task: Task) -> None:
    from sklearn.metrics import roc_auc_score

    members = [finished_member(ran[0].out / folder) for folder in ("test_resnet", "unlabeled/test_resnet")]
    positive = task.targets[task.test] >= 0.25
    first, second = (roc_auc_score(positive, member.test) for member in members if member is not None)
    assert content(ran)["differences"]["macro_auroc"]["value"] == pytest.approx(second - first, abs=1e-6)


def test_members_answer_for_other_clips_as_they_did_for_their_own(ran: Any, task: Task, store: WaveformStore) -> None:
    member = finished_member(ran[0].out / "test_resnet")
    assert member is not None
    np.testing.assert_allclose(
        member_probabilities([member], store, "again", "cpu")[0][task.test], member.test, atol=1e-5
    )


def test_a_finished_second_round_is_not_trained_again_and_other_recordings_are_refused(
    ran: Any, call: Callable[..., Any], unlabeled: Path, write_noise: Callable[..., Path], tmp_path: Path
) -> None:
    from emoclr.finetune.cli import main

    again = call(main, [*ran[1], "confidence=0.6", "--resume"], ran[0].out)
    assert again.code == 0, again.told
    assert again.told.count("test_resnet: finished before") == 2
    loud = [write_noise(unlabeled / f"more-{clip}.wav", 0.6, True, False, seed=200 + clip) for clip in range(8)]
    try:
        refused = call(main, [*ran[1], "confidence=0.6", "--resume"], ran[0].out)
    finally:
        for path in loud:
            path.unlink()
    assert (refused.code, "other unlabeled recordings" in refused.told) == (2, True), refused.told


def test_clips_of_validation_and_test_speakers_are_left_out(store: WaveformStore, unlabeled: Path) -> None:
    listed = unlabeled / "listed.csv"
    with listed.open("w", newline="") as file:
        rows = [[f"new-{clip:02}.wav", "s5" if clip < 3 else "a stranger"] for clip in range(5)]
        csv.writer(file).writerows([["path", "speaker"], *rows])
    pool = open_pool([listed], [store], {"s3", "s4", "s5"})
    assert (pool.found, pool.dropped_as_labeled, pool.dropped_speakers) == (5, 0, 3)
    assert [clip.path.name for clip in pool.clips] == ["new-03.wav", "new-04.wav"]


def test_silence_is_dropped(store: WaveformStore, unlabeled: Path, tmp_path: Path) -> None:
    shutil.copy(unlabeled / "new-00.wav", tmp_path)
    sf.write(tmp_path / "silence.wav", np.zeros(16_000), 16_000)
    pool = open_pool([tmp_path], [store], set())
    assert (pool.found, pool.dropped_silent, len(pool.store)) == (2, 1, 1)


def test_labeled_clips_keep_their_place_before_the_pool(table: LabelTable, store: WaveformStore, pool: Pool) -> None:
    both = with_pool(table, pool, np.array([2, 0]))
    assert len(both) == len(store) + 2
    for clip in range(len(store)):
        np.testing.assert_array_equal(both.waveform(clip), store.waveform(clip))
    np.testing.assert_array_equal(both.waveform(len(store)), pool.store.waveform(2))


def test_a_folder_without_anything_new_is_told_before_training(
    run: Callable[..., Any], pretrained: Path, recordings: Path, tmp_path: Path
) -> None:
    told = run(tmp_path / "out", "--from", str(pretrained), f"unlabeled=[{recordings}]")
    assert told.code == 1
    assert "none of 24 clips is new: 24 are in the labels already" in told.told
    assert not (tmp_path / "out").exists()
