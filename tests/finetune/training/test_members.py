"""Which of several members is best is asked fold by fold, of validation speakers alone."""

import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from emoclr.finetune.model.checkpoint import ModelCard
from emoclr.finetune.training import members as members_module
from emoclr.finetune.training.member import Member
from emoclr.finetune.training.members import Members, best_backbone, best_member, first_seeds, seeds_of, train_members
from emoclr.pretrain.resume.signals import Interrupted


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_the_network_in_training_finish_and_a_second_one_does_not(
    number: signal.Signals,
    settings: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    trained: list[str] = []

    def train(job: Any) -> Member:
        trained.append(job.initial.name)
        for _ in range(1 if len(trained) < 4 else 2):
            signal.raise_signal(number)
        trained.append("finished")
        return member(job.initial.name, 0.5)

    monkeypatch.setattr(members_module, "_member", train)
    initial_weights: Any = [SimpleNamespace(name=name) for name in "abc"]
    tasks: Any = [None]
    before = signal.getsignal(number)
    with pytest.raises(Interrupted, match=r"1 of 3 members are finished and saved; .*--resume"):
        train_members(tmp_path, tasks, initial_weights, settings())
    assert trained == ["a", "finished"]
    assert f"{number.name}: stopping after this network (again to stop at once)" in capsys.readouterr().err
    trained.append("again")
    trained.append("again")
    with pytest.raises(Interrupted, match="0 of 3 members are finished"):
        train_members(tmp_path, tasks, initial_weights, settings())
    assert trained[-1] == "a" and signal.getsignal(number) == before
