"""Reports are broken down by what names groups; numbers come in ranges, and what does neither is named."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoclr.corpus.labels.division import divide
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.evaluate.groups import MAX_RANGES, broken_down, in_order, ranges_of
from emoclr.probe.protocol import truth_of
from emoclr.probe.summary import score_notes


def test_ages_come_in_decades() -> None:
    ages = [str(age) for age in range(20, 75) for _ in range(2)]
    groups, too_many = broken_down({"age": ages, "sex": ["f", "m"] * 55})
    assert groups["sex"] == ["f", "m"] * 55 and not too_many
    assert in_order(set(groups["age"])) == ["20-29", "30-39", "40-49", "50-59", "60-69", "70-79"]
    assert groups["age"][:2] == ["20-29"] * 2 and groups["age"][-1] == "70-79"


@given(st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=60), st.sampled_from([0.25, 0.001]))
def test_every_number_lies_in_its_range(numbers: list[int], scale: float) -> None:
    measured = [(number + 0.5) * scale for number in numbers]
    found = ranges_of([repr(number) for number in measured])
    assert found is not None and len(set(found)) <= MAX_RANGES
    for number, name in zip(measured, found, strict=True):
        low, high = map(float, name.split(" to "))
        assert low - 1e-6 <= number <= high + 1e-6


@given(st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=60))
def test_every_whole_number_lies_in_its_range(numbers: list[int]) -> None:
    found = ranges_of([str(number) for number in numbers] * 2)
    assert found is not None and len(set(found)) <= MAX_RANGES
    for number, name in zip(numbers, found, strict=False):
        low, _, high = name.partition(" to ") if " to " in name else name.rpartition("-" if name[0] != "-" else " ")
        assert int(low or high) <= number <= int(high)


def test_what_is_empty_stays_so() -> None:
    found = ranges_of([str(age) for age in range(20, 60)] * 2 + [""])
    assert found is not None and found[-1] == "" and set(found[:-1]) == {"20-29", "30-39", "40-49", "50-59"}


@pytest.mark.parametrize("values", [[f"take-{n}" for n in range(30)], [str(n) for n in range(30)], ["nan", "1"] * 20])
def test_what_names_things_has_no_ranges(values: list[str]) -> None:
    assert ranges_of(values) is None


def test_values_are_sorted_by_the_numbers_they_begin_with() -> None:
    assert in_order(["100-199", "f", "20-29", "5-9", ""]) == ["5-9", "20-29", "100-199", "", "f"]


def test_a_column_that_is_not_broken_down_is_noted(make_table: Callable[..., LabelTable]) -> None:
    targets = np.tile([[1.0, 0.0], [0.0, 1.0]], (40, 1))
    speakers = [f"s{clip // 8}" for clip in range(80)]
    ages = [str(20 + clip // 2) for clip in range(80)]
    table = make_table(targets, speakers, None, age=ages, take=[f"take {clip % 47}" for clip in range(80)])
    division = divide(table, 5, 0)
    assert set(truth_of(table, division, 0.25, 20, 0).groups) == {"age"}
    assert "Not broken down by take: 47 values." in score_notes(table, division, 0.25)


def test_a_column_that_repeats_label_again_is_not_broken_down(make_table: Callable[..., LabelTable]) -> None:
    targets = np.tile([[1.0, 0.0], [0.0, 1.0]], (40, 1))
    speakers = [f"s{clip // 8}" for clip in range(80)]
    sexes = ["f" if clip < 40 else "m" for clip in range(80)]
    table = make_table(targets, speakers, None, original=["Wut", "Freude"] * 40, sex=sexes, rate=["44100"] * 80)
    assert set(truth_of(table, divide(table, 5, 0), 0.25, 20, 0).groups) == {"sex", "rate"}
    several = make_table(targets * 0.6 + 0.2, speakers, None, original=["Wut", "Freude"] * 40, sex=sexes)
    assert set(truth_of(several, divide(several, 5, 0), 0.25, 20, 0).groups) == {"original", "sex"}


@pytest.mark.parametrize(
    ("numbers", "ranges"),
    [
        (range(18, 91), ["0-19", "20-39", "40-59", "60-79", "80-99"]),
        (range(40, 51), ["40-41", "42-43", "44-45", "46-47", "48-49", "50-51"]),
        (range(100, 1100), ["0-199", "200-399", "400-599", "600-799", "800-999", "1000-1199"]),
        (range(20, 50), ["20-24", "25-29", "30-34", "35-39", "40-44", "45-49"]),
        (range(20, 80), ["20-29", "30-39", "40-49", "50-59", "60-69", "70-79"]),
    ],
)
def test_ranges_are_1_2_or_5_wide_and_their_tenfold(numbers: range, ranges: list[str]) -> None:
    found = ranges_of([str(number) for number in numbers] * 2)
    assert found is not None and in_order(set(found)) == ranges
