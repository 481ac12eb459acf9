"""Which of several members is best is asked fold by fold, of validation speakers alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emoclr.finetune.model.checkpoint import ModelCard
from emoclr.finetune.training.member import Member
from emoclr.finetune.training.members import Members, best_backbone, best_member, first_seeds, seeds_of


def member(name: str, score: float) -> Member:
    known: dict[str, Any] = {"metrics": {"validation_macro_auroc": score}}
    card = ModelCard.model_construct(**known)
    none = np.zeros(0)
    return Member(Path(name), card, none, none, none, none, none, none, none)


@pytest.fixture
def members() -> Members:
    """Two seeds of two backbones in two folds; b has the best seed, a the better ones."""
    scores = {"a/seed-1": (0.8, 0.5), "a/seed-2": (0.7, 0.5), "b/seed-1": (0.9, 0.6), "b/seed-2": (0.3, 0.7)}
    return {name: [member(name, score) for score in folds] for name, folds in scores.items()}


def test_the_best_backbone_of_a_fold_is_best_over_its_seeds(members: Members) -> None:
    assert [best_backbone(members, fold) for fold in (0, 1)] == ["a", "b"]


def test_the_best_member_of_a_fold_is_one_network(members: Members) -> None:
    assert [best_member(members, fold) for fold in (0, 1)] == ["b/seed-1", "b/seed-2"]


def test_seeds_of_a_backbone_are_in_order_and_the_first_stand_for_it(members: Members) -> None:
    assert [found.folder.as_posix() for found in seeds_of(members, "b", 0)] == ["b/seed-1", "b/seed-2"]
    firsts = {name: [found.folder.as_posix() for found in folds] for name, folds in first_seeds(members).items()}
    assert firsts == {"a": ["a/seed-1"] * 2, "b": ["b/seed-1"] * 2}


def test_a_member_of_which_validation_tells_nothing_is_not_the_best() -> None:
    blind = {"a": [member("a", float("nan"))], "b": [member("b", 0.4)]}
    assert (best_member(blind, 0), best_backbone(blind, 0)) == ("b", "b")
