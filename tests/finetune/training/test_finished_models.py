"""Finished models of several runs become one ensemble: nothing is trained, and nothing that they learned is scored."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from emoclr.configs.errors import ConfigError
from emoclr.corpus.audit.clip_fingerprints import clip_fingerprints
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.finetune.checks import find_models
from emoclr.finetune.data.labeled_clips import Task
from emoclr.finetune.model.checkpoint import load_ensemble
from emoclr.finetune.model.folders import TRAINED, VALIDATED
from emoclr.pretrain.encoder.folders import FINGERPRINTS
from emoclr.pretrain.resume.heard_clips import read_fingerprints

CARD = "model.yaml"


@pytest.fixture(scope="module")
def other(run: Callable[..., Any], pretrained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second run on the same labels, of one of the backbones."""
    out = tmp_path_factory.mktemp("other") / "second"
    words = ["--from", str(pretrained / "test_resnet"), "epochs=1", "learning_rate=0.003"]
    return Path(run(out, *words).out)


@pytest.fixture(scope="module")
def joined(run: Callable[..., Any], finetuned: Any, other: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    out = tmp_path_factory.mktemp("joined") / "both"
    ran = run(out, "--from", str(finetuned.out), "--from", str(other / "test_resnet"), "freeze=all")
    assert ran.code == 0, ran.told
    return ran


def card(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder / CARD).read_text())
    return found


def test_its_members_are_the_models_as_they_were(joined: Any, finetuned: Any, other: Path) -> None:
    sources = {
        "emotions-test_resnet": finetuned.out / "test_resnet",
        "second-test_resnet": other / "test_resnet",
        "test_efficientnet": finetuned.out / "test_efficientnet",
    }
    assert yaml.safe_load((joined.out / "ensemble.yaml").read_text())["members"] == list(sources)
    for name, source in sources.items():
        for file in ("model.safetensors", TRAINED, VALIDATED):
            assert (joined.out / name / file).read_bytes() == (source / file).read_bytes()
        assert (joined.out / name / FINGERPRINTS).is_file() == (source / FINGERPRINTS).is_file()
    assert len(load_ensemble(joined.out)[0].members) == 3


def test_on_the_labels_that_they_were_made_with_they_are_calibrated_as_before(
    joined: Any, finetuned: Any, other: Path
) -> None:
    sources = {"test_efficientnet": finetuned.out / "test_efficientnet", "second-test_resnet": other / "test_resnet"}
    for name, source in sources.items():
        now, then = card(joined.out / name), card(source)
        for key in ("temperatures", "thresholds", "mean_logits"):
            assert now[key] == pytest.approx(then[key], abs=2e-4), key
        for key in ("emotions", "window_s", "hop_s", "started_from", "corpus_fingerprint"):
            assert now[key] == then[key]
        assert now["metrics"]["best_epoch"] == then["metrics"]["best_epoch"]
    rows = [json.loads((out / "report/report.json").read_text())["models"] for out in (joined.out, finetuned.out)]
    assert rows[0]["test_efficientnet"] == rows[1]["test_efficientnet"]


def test_other_validation_clips_calibrate_otherwise_and_are_kept_with_those_of_before(
    run: Callable[..., Any],
    finetuned: Any,
    task: Task,
    table: LabelTable,
    write_labels: Callable[..., Path],
    tmp_path: Path,
) -> None:
    labels = write_labels("fewer.csv", ("train", "train", "train", "validation", "validation", "test"))
    ran = run(tmp_path / "out", "--from", str(finetuned.out), "freeze=all", data=labels)
    assert ran.code == 0, ran.told
    now, then = ran.out / "test_resnet", finetuned.out / "test_resnet"
    assert card(now)["temperatures"] != card(then)["temperatures"]
    chosen_on = [set(read_fingerprints(folder, VALIDATED).tolist()) for folder in (now, then)]
    added = clip_fingerprints(task.store, np.flatnonzero(np.array(table.speakers) == "s4")).ravel()
    assert chosen_on[0] == chosen_on[1] | set(added.tolist())


@pytest.mark.parametrize("member", ["../emotions/test_resnet", "/elsewhere/test_resnet"])
def test_members_outside_of_their_run_are_refused(
    run: Callable[..., Any], finetuned: Any, tmp_path: Path, member: str
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    content = yaml.safe_load((finetuned.out / "ensemble.yaml").read_text())
    (other / "ensemble.yaml").write_text(yaml.safe_dump({**content, "members": [member]}))
    ran = run(tmp_path / "out", "--from", str(other), "freeze=all")
    assert ran.code == 1 and f"members: {member} lies outside the ensemble's folder" in ran.told
    assert not (tmp_path / "out").exists()


def test_the_report_says_that_nothing_was_trained_and_compares_no_heads(joined: Any) -> None:
    report = (joined.out / "report/report.md").read_text()
    assert "each finished before; nothing was trained here" in report
    assert "Temperatures, thresholds and weights were chosen on validation speakers only" in report
    assert "head alone" not in report and "before fine-tuning" not in report
    assert "untrained" not in report


def test_resuming_reads_what_is_finished(run: Callable[..., Any], joined: Any, finetuned: Any, other: Path) -> None:
    again = run(
        joined.out, "--from", str(finetuned.out), "--from", str(other / "test_resnet"), "freeze=all", "--resume"
    )
    assert again.code == 0, again.told
    assert again.told.count("finished before") == 3 and "as it is" not in again.told


@pytest.mark.parametrize(
    ("splits", "told"),
    [
        (("train", "train", "test", "validation", "test", "test"), "trained on 4 clips of 1 speaker in test"),
        (
            ("train", "train", "validation", "train", "test", "test"),
            "trained on 4 clips of 1 speaker in validation",
        ),
        (("train", "train", "train", "test", "validation", "test"), "chosen on 4 clips of 1 speaker in test"),
    ],
)
def test_voices_that_a_model_learned_from_are_neither_scored_nor_calibrate_it(
    run: Callable[..., Any],
    finetuned: Any,
    write_labels: Callable[..., Path],
    tmp_path: Path,
    splits: tuple[str, ...],
    told: str,
) -> None:
    labels = write_labels(f"leak-{splits.index('validation')}{splits.index('test')}.csv", splits)
    ran = run(tmp_path / "out", "--from", str(finetuned.out), "freeze=all", data=labels)
    assert ran.code == 1 and told in ran.told and "a leak" in ran.told
    assert not (tmp_path / "out/ensemble.yaml").exists()


def test_a_model_of_an_earlier_version_is_taken_with_a_caution(
    run: Callable[..., Any], finetuned: Any, tmp_path: Path
) -> None:
    earlier = Path(shutil.copytree(finetuned.out, tmp_path / "earlier"))
    (earlier / "test_resnet" / TRAINED).unlink()
    ran = run(tmp_path / "out", "--from", str(earlier), "freeze=all")
    assert ran.code == 0, ran.told
    (caution,) = (text for text in card(ran.out / "test_resnet")["cautions"] if TRAINED in text)
    assert caution.startswith("Which clips test_resnet learned from is not known")


def test_cautions_go_along(run: Callable[..., Any], finetuned: Any, tmp_path: Path) -> None:
    synthetic = Path(shutil.copytree(finetuned.out, tmp_path / "synthetic"))
    said = "Synthetic: voices made by code."
    content = card(synthetic / "test_resnet")
    (synthetic / "test_resnet" / CARD).write_text(yaml.safe_dump({**content, "cautions": [said]}))
    ran = run(tmp_path / "out", "--from", str(synthetic), "freeze=all")
    assert said in yaml.safe_load((ran.out / "ensemble.yaml").read_text())["cautions"]
    assert said in (ran.out / "report/report.md").read_text()


def test_a_trained_member_keeps_what_it_learned_from(finetuned: Any, task: Task) -> None:
    for name, rows in ((TRAINED, task.train), (VALIDATED, task.validation)):
        kept = read_fingerprints(finetuned.out / "test_resnet", name)
        assert np.array_equal(kept, np.unique(clip_fingerprints(task.store, rows)))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"window_s": 0.4, "hop_s": 0.2}, "differ: test_efficientnet 0.5 s, test_resnet 0.4 s"),
        ({"windows": "max"}, "the same windows: test_efficientnet has mean, test_resnet has max"),
        ({"emotions": ["anger", "joy"]}, "the same emotions: test_efficientnet has anger, sadness, test_resnet has"),
    ],
)
def test_models_that_hear_otherwise_are_refused(
    run: Callable[..., Any], finetuned: Any, tmp_path: Path, change: dict[str, object], told: str
) -> None:
    changed = Path(shutil.copytree(finetuned.out, tmp_path / "changed"))
    (changed / "test_resnet" / CARD).write_text(yaml.safe_dump({**card(changed / "test_resnet"), **change}))
    ran = run(tmp_path / "out", "--from", str(changed), "freeze=all")
    assert (ran.code, told in ran.told) == (2, True), ran.told
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_put_together_is_told(
    run: Callable[..., Any], finetuned: Any, pretrained: Path, other: Path, tmp_path: Path
) -> None:
    def told(*words: str) -> str:
        ran = run(tmp_path / "out", *words)
        assert ran.code in (1, 2) and "Traceback" not in ran.told
        return str(ran.told)

    assert "freeze=all: puts finished emotion models together; give each as --from RUN" in told("freeze=all")
    assert "holds neither ensemble.yaml nor model.yaml" in told("--from", str(pretrained), "freeze=all")
    assert "freeze=all to put finished models together" in told("--from", str(finetuned.out))
    assert "needs training, and freeze=all trains nothing" in told("--from", str(other), "freeze=all", "seeds=2")
    assert "emotions: joy; these models name anger, sadness" in told(
        "--from", str(other), "freeze=all", "emotions=[joy]"
    )
    with pytest.raises(ConfigError, match="give one of them, or rename a folder"):
        find_models([other, other / "test_resnet"], None)
