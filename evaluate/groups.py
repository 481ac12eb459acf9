"""Columns that a report is broken down by: values that name groups as they are, and numbers in a few ranges."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence

MAX_VALUES = 24
"""A column with more values than this names things (files, takes) rather than groups of them."""
MAX_RANGES = 6
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def broken_down(columns: Mapping[str, Sequence[str]]) -> tuple[dict[str, list[str]], dict[str, int]]:
    """Returns the columns to break a report down by, and of those that it cannot be, how many values they have.

    Args:
        columns: of each its value for each clip.
    """
    groups: dict[str, list[str]] = {}
    too_many: dict[str, int] = {}
    for name, values in columns.items():
        found = list(values) if len(set(values)) <= MAX_VALUES else ranges_of(values)
        if found is None:
            too_many[name] = len(set(values))
        else:
            groups[name] = found
    return groups, too_many


def repeats_label(values: Sequence[str], labels: Sequence[int]) -> bool:
    """Returns whether a column repeats each clip's only label, maybe in other words."""
    pairs = set(zip(values, labels, strict=True))
    return len(pairs) > 1 and len({value for value, _ in pairs}) == len(pairs)


def ranges_of(values: Sequence[str]) -> list[str] | None:
    """Returns the range that each number lies in, such as 20-29, at most `MAX_RANGES` of them; None where not all are.

    >>> ranges_of(["23", "37", "37", "61", ""])
    ['20-29', '30-39', '30-39', '60-69', '']

    What is empty stays so. Whole numbers that no two clips share are counted, not measured, and have no ranges.
    """
    known = [value.strip() for value in values if value.strip()]
    try:
        numbers = {value: float(value) for value in set(known)}
    except ValueError:
        return None
    whole = all(math.isfinite(number) and number.is_integer() for number in numbers.values())
    if not all(map(math.isfinite, numbers.values())) or (whole and len(set(numbers.values())) == len(known)):
        return None
    low, high = min(numbers.values()), max(numbers.values())
    width = _width(low, high, smallest=1.0 if whole else 0.0)
    named = {value: _range(math.floor(number / width), width, whole) for value, number in numbers.items()}
    return [named.get(value.strip(), "") for value in values]


def in_order(values: Iterable[str]) -> list[str]:
    """Returns values sorted: what begins with a number by that, before all that does not."""

    def place(value: str) -> tuple[float, str]:
        found = _NUMBER.match(value)
        return (float(found[0]) if found else math.inf, value)

    return sorted(values, key=place)


def _width(low: float, high: float, smallest: float) -> float:
    """Returns the smallest of 1, 2, 5, 10, ... (and their tenths) that needs at most `MAX_RANGES` ranges."""
    power = math.floor(math.log10((high - low) / MAX_RANGES)) if high > low else 0
    for exponent in range(power, power + 3):
        for digit in (1, 2, 5):
            width = float(f"{digit}e{exponent}")
            if width >= smallest and math.floor(high / width) - math.floor(low / width) < MAX_RANGES:
                return width
    raise AssertionError("ranges of a hundred times the width always hold them")


def _range(place: int, width: float, whole: bool) -> str:
    first, after = place * width, (place + 1) * width
    if not whole:
        return f"{first:.10g} to {after:.10g}"
    last = int(after) - 1
    if int(first) == last:
        return f"{last}"
    return f"{int(first)}{' to ' if first < 0 else '-'}{last}"
