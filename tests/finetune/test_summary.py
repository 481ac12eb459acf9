"""The summary of a report: its numbers, and the names of what was trained and compared."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

import emoclr.probe.features.features
from emoclr.corpus.labels.division import divide, train_validation_test
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.finetune.model.combination import COMBINATIONS
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.summary import comparison_notes, protocol_text

Settings = Callable[..., FinetuneSettings]


def text(table: LabelTable, chosen: FinetuneSettings, names: tuple[str, ...] = ("a", "b")) -> str:
    return protocol_text(table, divide(table, chosen.folds, 0), chosen, names)


def numbers(text: str) -> list[int]:
    return [int(found.replace(",", "")) for found in re.findall(r"\d[\d,]*", text)]


def test_a_split_has_its_clips_and_speakers(table: LabelTable, settings: Settings) -> None:
    found = text(table, settings())
    assert numbers(found)[:7] == [2, 12, 3, 4, 1, 8, 2]  # networks; clips and speakers of train, validation, test
    assert "(a, b)" in found and "4 clips of 1 speaker," in found


def test_speakers_of_validation_are_not_counted_as_trained_on(table: LabelTable, settings: Settings) -> None:
    without = replace(table, splits=[split.replace("validation", "train") for split in table.splits or []])
    parts = train_validation_test(without, divide(without, None, 0), 0)
    clips = [int(found) for found in re.findall(r"(\d+) clips of", text(without, settings()))]
    assert clips == [len(part) for part in parts]
    assert sum(clips) == len(without)


def test_folds_have_their_numbers(table: LabelTable, settings: Settings) -> None:
    assert "3 folds of 24 clips of 6 speakers" in text(table, settings(folds=3))


def test_recordings_are_named_where_speakers_are_not_known(table: LabelTable, settings: Settings) -> None:
    found = text(replace(table, speakers=None), settings())
    assert "12 clips of 12 recordings" in found and "speaker" not in found


@pytest.mark.parametrize("how", COMBINATIONS)
def test_an_ensemble_names_its_combination_and_one_network_none(
    table: LabelTable, settings: Settings, how: str
) -> None:
    summaries = {name: way.summary.format(unit="speakers") for name, way in COMBINATIONS.items()}
    found = text(table, settings(ensemble=how))
    assert f"{summaries[how]}." in found
    assert [name for name, summary in summaries.items() if f"{summary}." in found] == [how]
    assert "ensemble" not in text(table, settings(ensemble=how), ("a",)).lower()
    if COMBINATIONS[how].fits_weights:
        assert "recordings" in COMBINATIONS[how].summary.format(unit="recordings")


def test_a_frozen_backbone_is_not_said_to_be_trained(table: LabelTable, settings: Settings) -> None:
    frozen, whole = text(table, settings(freeze="backbone")), text(table, settings())
    for stage in ("whole network", "moment to stop"):
        assert stage in whole and stage not in frozen


def test_what_was_chosen_on_validation_is_named(table: LabelTable, settings: Settings) -> None:
    (several,) = re.findall(r"[^.]*chosen on validation speakers only", text(table, settings()))
    (single,) = re.findall(r"[^.]*chosen on validation speakers only", text(table, settings(), ("a",)))
    for name in ("regularisation", "temperatures", "thresholds"):
        assert name in several and name in single
    assert "weights" in several and "weights" not in single


def test_networks_whose_head_alone_was_best_are_named(table: LabelTable, settings: Settings) -> None:
    division = divide(table, None, 0)
    without = text(table, settings())
    several = protocol_text(table, division, settings(), ("a", "b"), ["b"])
    (added,) = [part for part in several.split(". ") if part not in without.split(". ")]
    assert "head alone" in added and added.endswith("for b")
    single = protocol_text(table, division, settings(), ("a",), ["a"])
    (added,) = [part for part in single.split(". ") if part not in text(table, settings(), ("a",)).split(". ")]
    assert "head alone" in added and added.endswith("for it")


def test_baselines_are_named(table: LabelTable, settings: Settings) -> None:
    found = protocol_text(table, divide(table, None, 0), settings(), ("a",), (), ("untrained a", "log-mel"))
    assert "untrained a, log-mel" in found and "chance" in found
    assert "without pretraining" in text(table, settings(from_scratch=True))
    assert "without pretraining" not in found


def test_comparisons_that_were_not_made_are_noted(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emoclr.probe.features.features, "egemaps_installed", lambda: False)
    missing = emoclr.probe.features.features.MISSING
    found = comparison_notes(True, settings())
    assert found[0] == missing and "from_scratch=true" in found[1] and len(found) == 2
    assert comparison_notes(True, settings(from_scratch=True)) == comparison_notes(False, settings()) == [missing]
    assert comparison_notes(True, settings(freeze="backbone")) == [missing]
    monkeypatch.setattr(emoclr.probe.features.features, "egemaps_installed", lambda: True)
    assert comparison_notes(False, settings()) == []


@pytest.mark.parametrize("folds", [3, 4, 5])
def test_folds_have_the_number_of_their_validation_speakers(table: LabelTable, settings: Settings, folds: int) -> None:
    division = divide(table, folds, 0)
    assert table.speakers is not None
    sizes = [
        len({table.speakers[row] for row in train_validation_test(table, division, fold)[1]}) for fold in range(folds)
    ]
    found = f"{min(sizes)} to {max(sizes)} speakers" if min(sizes) < max(sizes) else f"{sizes[0]} speaker"
    assert f"; {found}" in text(table, settings(folds=folds))


def test_seeds_are_named(table: LabelTable, settings: Settings) -> None:
    def seeds(**changes: int) -> list[int]:
        return numbers(" ".join(re.findall(r"[^.]*\bseeds?\b[^.]*\.", text(table, settings(**changes)))))

    assert seeds(seed=4) == [4]
    assert seeds(seed=4, seeds=3) == [4, 6, 4]  # of networks, and of all else
    assert "second round" not in text(table, settings())


def test_comparisons_and_the_second_round_are_named(table: LabelTable, settings: Settings) -> None:
    found = text(table, settings(compare_seeds=3, unlabeled=["recordings"]))
    assert "3 seeds" in found and "seeds 0 to 2" in found
    assert "second round" in found and "unlabeled recordings" in found
