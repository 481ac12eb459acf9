"""A network that training did not make better is said to be the head alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emoclr.evaluate.scores import Truth
from emoclr.finetune.data.labeled_clips import Task
from emoclr.finetune.model.checkpoint import ModelCard
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.studies.best_epochs import heads_alone, same_networks, training_section
from emoclr.finetune.studies.ensemble_comparison import ensemble_section
from emoclr.finetune.training.member import Member
from emoclr.finetune.training.members import SeedsOfBest

N = 40


def member(epoch: int, weights: str, seed: int = 0) -> Member:
    generator = np.random.default_rng(seed)
    known: dict[str, Any] = {
        "weights_sha256": weights,
        "thresholds": [0.5],
        "temperatures": [1.0],
        "metrics": {"best_epoch": float(epoch), "validation_macro_auroc": 0.7},
    }
    validation, test, none = generator.random((N, 1)), generator.random((N, 1)), np.zeros(0)
    return Member(Path(weights), ModelCard.model_construct(**known), validation, test, test, none, none, none, none)


def test_networks_that_kept_the_head_are_named_with_the_folds_in_which_they_did() -> None:
    members = {"a": [member(0, "a1"), member(3, "a2")], "b": [member(0, "b1"), member(0, "b2")]}
    assert heads_alone(members) == ["a in 1 of 2 folds", "b"]
    assert heads_alone({"c": [member(2, "c")]}) == []


def test_the_epoch_of_every_fold_is_in_the_report() -> None:
    data = training_section({"a": [member(0, "a1"), member(3, "a2")]}).data
    assert [fold["best_epoch"] for fold in data["networks"]["a"]] == [0, 3]


@pytest.mark.parametrize(
    ("weights", "told"),
    [(["x", "y", "z"], ""), (["x", "y", "x"], "2 of the 3 seeds are the same network, the head alone")],
)
def test_copies_are_counted_by_their_weights(weights: list[str], told: str) -> None:
    assert same_networks("seeds", [member(0, name) for name in weights]).startswith(told)
    assert bool(told) == bool(same_networks("seeds", [member(0, name) for name in weights]))


def test_seeds_that_are_one_head_are_not_set_against_backbones_in_silence() -> None:
    generator = np.random.default_rng(0)
    targets = (generator.random((2 * N, 1)) < 0.5).astype(np.float32)
    rows = np.arange(2 * N)
    task = Task(Any, ["joy"], targets, rows[:0], rows[:N], rows[N:])  # type: ignore[arg-type]
    truth = Truth(["joy"], targets[N:].astype(np.float64), [str(clip % 4) for clip in range(N)], n_resamples=20)
    members = {"a": [member(0, "a")], "b": [member(1, "b", 1)]}
    seeds = [SeedsOfBest("a", [member(0, "a"), member(0, "a"), member(2, "c", 2)])]
    section = ensemble_section(truth, members, [task], FinetuneSettings(), members, seeds)
    assert "2 of the 3 seeds of a to compare with are the same network, the head alone" in section.text
    assert section.data["seeds_best_epochs"] == [[0, 0, 2]]
