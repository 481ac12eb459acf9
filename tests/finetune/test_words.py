"""The protocol in words."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from corpus.labels import LabelTable
from finetune.settings import FinetuneSettings
from finetune.words import summary_of
from probe.division import divide

Settings = Callable[..., FinetuneSettings]


def words(table: LabelTable, chosen: FinetuneSettings, names: tuple[str, ...] = ("a", "b")) -> str:
    return summary_of(table, divide(table, chosen.folds, 0), chosen, names)


def test_a_split_is_told_with_its_numbers(table: LabelTable, settings: Settings) -> None:
    told = words(table, settings())
    assert "2 networks (a, b)" in told
    assert "12 clips of 3 speakers" in told and "8 clips of 2 speakers" in told
    assert "no speaker is on both sides" in told


def test_folds_are_told(table: LabelTable, settings: Settings) -> None:
    assert "3 folds of 24 clips of 6 speakers" in words(table, settings(folds=3))


def test_recordings_are_named_where_speakers_are_not_known(table: LabelTable, settings: Settings) -> None:
    told = words(replace(table, speakers=None), settings())
    assert "12 clips of 12 recordings" in told and "speaker" not in told


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("mean", "mean of their calibrated probabilities."),
        ("weighted", "under weights learned on validation speakers."),
        ("vote", "share of their votes."),
    ],
)
def test_an_ensemble_says_how_it_answers_and_one_network_says_nothing(
    table: LabelTable, settings: Settings, how: str, told: str
) -> None:
    assert told in words(table, settings(ensemble=how))
    assert "ensemble" not in words(table, settings(ensemble=how), ("a",)).lower()


def test_a_frozen_backbone_is_not_said_to_be_trained(table: LabelTable, settings: Settings) -> None:
    assert "whole network" in words(table, settings())
    assert "whole network" not in words(table, settings(freeze="backbone"))
