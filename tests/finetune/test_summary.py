"""The protocol in words."""

from collections.abc import Callable
from dataclasses import replace

import pytest

import emoclr.probe.features.features
from emoclr.corpus.labels.division import divide, train_validation_test
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.summary import comparison_notes, protocol_text

Settings = Callable[..., FinetuneSettings]


def words(table: LabelTable, chosen: FinetuneSettings, names: tuple[str, ...] = ("a", "b")) -> str:
    return protocol_text(table, divide(table, chosen.folds, 0), chosen, names)


def test_a_split_is_told_with_its_numbers(table: LabelTable, settings: Settings) -> None:
    told = words(table, settings())
    assert "2 networks (a, b)" in told
    assert "on 12 clips of 3 speakers, validated on 4 clips of 1 speaker, scored on 8 clips of 2 speakers;" in told
    assert "no speaker is in two of these" in told


def test_speakers_kept_for_validation_are_not_counted_as_trained_on(table: LabelTable, settings: Settings) -> None:
    without = replace(table, splits=[split.replace("validation", "train") for split in table.splits or []])
    train, validation, test = train_validation_test(without, divide(without, None, 0), 0)
    told = words(without, settings())
    assert f"on {len(train)} clips of" in told and f"validated on {len(validation)} clips of" in told
    assert len(train) + len(validation) + len(test) == len(without)


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
    frozen = words(table, settings(freeze="backbone"))
    assert "whole network" not in frozen and "moment to stop" not in frozen


def test_weights_are_said_to_be_chosen_where_there_are_several_networks(table: LabelTable, settings: Settings) -> None:
    assert "temperatures, thresholds and weights were chosen on validation" in words(table, settings())
    assert "temperatures and thresholds were chosen on validation" in words(table, settings(), ("a",))


def test_networks_that_kept_the_head_alone_are_named(table: LabelTable, settings: Settings) -> None:
    chosen, told = settings(), "No epoch of the whole network was better there than the head alone"
    division = divide(table, None, 0)
    assert f"{told}, which is kept, for b." in protocol_text(table, division, chosen, ("a", "b"), ["b"])
    assert f"{told}, which is kept, for it." in protocol_text(table, division, chosen, ("a",), ["a"])
    assert told not in words(table, chosen)


def test_baselines_are_named(table: LabelTable, settings: Settings) -> None:
    told = protocol_text(table, divide(table, None, 0), settings(), ("a",), (), ("untrained a", "log-mel"))
    assert "of untrained a, log-mel, and chance." in told


def test_comparisons_that_were_not_made_are_noted(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emoclr.probe.features.features, "egemaps_installed", lambda: False)
    missing = emoclr.probe.features.features.MISSING
    found = comparison_notes(True, settings())
    assert found[0] == missing and "from_scratch=true" in found[1] and len(found) == 2
    assert comparison_notes(True, settings(from_scratch=True)) == comparison_notes(False, settings()) == [missing]
    assert comparison_notes(True, settings(freeze="backbone")) == [missing]
    monkeypatch.setattr(emoclr.probe.features.features, "egemaps_installed", lambda: True)
    assert comparison_notes(False, settings()) == []


def test_each_fold_says_how_many_speakers_it_keeps_for_validation(table: LabelTable, settings: Settings) -> None:
    for folds in (3, 4, 5):
        division = divide(table, folds, 0)
        assert table.speakers is not None
        sizes = [
            len({table.speakers[row] for row in train_validation_test(table, division, fold)[1]})
            for fold in range(folds)
        ]
        held = f"{min(sizes)} to {max(sizes)} speakers" if min(sizes) < max(sizes) else f"{sizes[0]} speaker"
        assert f"crosses; {held}" in words(table, settings(folds=folds))


def test_seeds_and_what_the_head_was_chosen_by_are_told(table: LabelTable, settings: Settings) -> None:
    assert "The seed of all that is drawn is 4." in words(table, settings(seed=4))
    assert "seeds 4 to 6; the seed of all else that is drawn is 4." in words(table, settings(seed=4, seeds=3))
    told = words(table, settings())
    assert "The regularisation of the head, the moment to stop, temperatures" in told
    assert "seeds of" not in told and "second round" not in told


def test_comparisons_and_the_second_round_are_told(table: LabelTable, settings: Settings) -> None:
    told = words(table, settings(compare_seeds=3, unlabeled=["recordings"]))
    assert "compared with 3 seeds of the best of them on validation speakers" in told and "seeds 0 to 2" in told
    assert "which of the two rounds is reported, is chosen on validation speakers, too" in told
