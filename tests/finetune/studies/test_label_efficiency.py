"""Training with parts of the labels, with and without pretraining."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emoclr.configs.errors import EmoclrError
from emoclr.corpus.labels.division import train_validation_test
from emoclr.corpus.labels.splits import speaker_codes
from emoclr.finetune.data.labeled_clips import LabeledClips, open_labeled_clips
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.studies.label_efficiency import more_of_all, parts_of, settings_of
from emoclr.finetune.training.resume import finished_member

Settings = Callable[..., FinetuneSettings]
TWO_EACH = ("train", "train", "validation", "validation", "test", "test")
LINES = ("test_resnet", "head alone, test_resnet", "test_resnet, from scratch", "untrained test_resnet")


@pytest.fixture(scope="module")
def two_each(write_labels: Callable[..., Path]) -> Path:
    """Validation has two speakers, so that a part of it can have two."""
    return write_labels("two-each.csv", TWO_EACH)


@pytest.fixture(scope="module")
def labeled(two_each: Path, settings: Settings) -> LabeledClips:
    return open_labeled_clips(two_each, settings())


@pytest.fixture(scope="module")
def ran(run: Callable[..., Any], pretrained: Path, two_each: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    words = ["--from", str(pretrained / "test_resnet"), "--fractions", "0.01,0.75,1", "fraction_seeds=2"]
    words.append("freeze=backbone")  # heads alone are quick; that networks train is tested elsewhere
    return run(tmp_path_factory.mktemp("parts") / "emotions", *words, data=two_each), words


def content(ran: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ran[0].out / "report/report.json").read_text())
    return found


def test_the_report_sets_pretraining_against_scratch_and_linear_models(ran: Any) -> None:
    assert ran[0].code == 0, ran[0].told
    models = content(ran)["efficiency"]["models"]
    assert set(LINES) <= set(models) and "chance" not in models
    assert any(name.startswith("log-mel") for name in models)
    for points in models.values():
        assert [point["fraction"] for point in points] == [0.75, 1]
        assert [point["clips"] for point in points] == [12, 16]  # of training and of validation
        assert all(len(point["metrics"]["macro_auroc"]["draws"]) == 2 for point in points)
    assert (ran[0].out / "report/efficiency.png").is_file()
    assert "How many labels it takes" in (ran[0].out / "report/report.md").read_text()


def test_a_fraction_that_is_too_small_is_named_with_the_reason(ran: Any) -> None:
    assert list(content(ran)["efficiency"]["too_small"]) == ["0.01"]


def test_the_first_draw_of_all_labels_is_the_run_itself(ran: Any) -> None:
    found = content(ran)
    whole = found["efficiency"]["models"]["test_resnet"][1]["metrics"]["macro_auroc"]["draws"]
    assert whole[0] == pytest.approx(found["metrics"]["macro_auroc"]["value"], abs=1e-6)
    assert not (ran[0].out / "fractions/1/seed-1/test_resnet").exists()
    assert (ran[0].out / "fractions/1/seed-2/test_resnet/model.yaml").is_file()


def test_how_many_networks_it_takes_is_told_before_they_are_trained(ran: Any) -> None:
    told = ran[0].told
    assert "label efficiency: 4 draws of the labels, so up to 8 more networks" in told
    assert told.index("label efficiency: 4 draws") < told.index("test_resnet: head alone, validation macro AUROC")
    assert "label efficiency: 4 of 4 draws, about 0 min left" in told


def test_a_network_from_scratch_begins_as_one(ran: Any) -> None:
    member = finished_member(ran[0].out / "fractions/0.75/seed-1/from-scratch/test_resnet")
    assert member is not None and member.card.started_from == "scratch"


def test_what_is_finished_is_not_trained_again_and_fractions_may_be_added(
    ran: Any, run: Callable[..., Any], two_each: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in ran[0].out.glob("fractions/**/model.safetensors")}
    again = run(ran[0].out, *ran[1], "fraction_seeds=1", "--resume", data=two_each)
    assert again.code == 0, again.told
    after = {path: path.stat().st_mtime_ns for path in ran[0].out.glob("fractions/**/model.safetensors")}
    assert after == before and "head alone, validation" not in again.told


def test_a_part_takes_training_and_validation_clips_alike_and_no_others(
    labeled: LabeledClips, settings: Settings
) -> None:
    parts, too_small = parts_of(labeled, settings(fractions=[0.75], fraction_seeds=3))
    assert not too_small and len(parts) == 3
    train, validation, test = train_validation_test(labeled.table, labeled.division, 0)
    codes = speaker_codes(labeled.table)
    for part in parts:
        assert set(part.train[0]) < set(train) and set(part.validation[0]) < set(validation)
        fitted = codes[np.concatenate([part.train[0], part.validation[0]])]
        assert not set(fitted) & set(codes[test])
    assert len({tuple(part.train[0]) for part in parts}) > 1


def test_where_every_part_is_too_small_nothing_is_trained(
    labeled: LabeledClips, settings: Settings, run: Callable[..., Any], pretrained: Path, tmp_path: Path
) -> None:
    silent = replace(labeled, table=replace(labeled.table, targets=np.zeros_like(labeled.table.targets)))
    with pytest.raises(EmoclrError, match=r"every part of the labels is too small \(0\.5: .* none is with anger"):
        parts_of(silent, settings(fractions=[0.5]))
    told = run(tmp_path / "out", "--from", str(pretrained), "--fractions", "0.05")
    assert (told.code, "too small" in told.told) == (1, True), told.told
    assert not (tmp_path / "out").exists()


def test_a_small_part_gets_as_many_steps_as_the_whole_and_patience_to_match(
    labeled: LabeledClips, settings: Settings
) -> None:
    chosen = settings(fractions=[0.75, 1], fraction_seeds=1, epochs=4, patience=2, batch_size=4)
    small, whole = parts_of(labeled, chosen)[0]
    # Eight clips make two batches an epoch, six one.
    assert (settings_of(whole, labeled, chosen).epochs, settings_of(whole, labeled, chosen).patience) == (4, 2)
    assert (settings_of(small, labeled, chosen).epochs, settings_of(small, labeled, chosen).patience) == (8, 4)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--fractions", "0.5,2", "backbones=[test_resnet]"], "fractions.1"),
        (["--fractions", "0.5", "backbones=[test_resnet]"], "give --from RUN"),
    ],
)
def test_fractions_that_make_no_sense_are_refused(
    run: Callable[..., Any], tmp_path: Path, words: list[str], told: str
) -> None:
    ran = run(tmp_path / "out", *words)
    assert (ran.code, told in ran.told) == (2, True), ran.told


def test_linear_models_of_all_labels_are_told_apart_from_the_baselines(
    labeled: LabeledClips, two_each: Path, settings: Settings
) -> None:
    assert "with all labels they have 16 clips" in more_of_all(labeled) and "have 8:" in more_of_all(labeled)
    assert more_of_all(open_labeled_clips(two_each, settings(folds=2))) == ""
