"""What the text of a cell says: a number, a share, a time or a split."""

import math
import re
from collections.abc import Sequence

TRAIN, VALIDATION, TEST = SPLITS = ("train", "validation", "test")

_SPLIT_WORDS = {
    **dict.fromkeys(("train", "training", "trn", "tr"), TRAIN),
    **dict.fromkeys(("validation", "validate", "valid", "val", "dev", "devel", "development"), VALIDATION),
    **dict.fromkeys(("test", "testing", "tst"), TEST),
}
_EVALUATION = ("eval", "evaluation")

_MISSING = ("", "nat")
_CLOCK = re.compile(r"(?:(\d+) days?,? *)?(?:(?:(\d+):)?(\d+):(\d+(?:[.,]\d*)?))?")


def number(cell: str) -> float | None:
    """Returns a finite number, None for anything else ("nan" and "inf" too)."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def share(cell: str) -> float | None:
    """Returns a number from 0 to 1, None for anything else; true is 1 and false is 0.

    >>> share("0.25"), share("True"), share("2")
    (0.25, 1.0, None)
    """
    value = {"true": 1.0, "false": 0.0}.get(cell.lower()) if cell[:1].isalpha() else number(cell)
    return value if value is not None and 0 <= value <= 1 else None


def seconds(cell: str, unit_s: float = 1.0) -> float | None:
    """Returns a time of 0 s or more, NaN for a cell without one, None for anything else.

    Args:
        cell: a number, or hours, minutes and seconds as `0 days 00:01:02.5` (pandas) or `01:02.5`.
        unit_s: seconds that a number counts.

    Examples:
        >>> seconds("1.5"), seconds("250", 1e-3), seconds("0 days 00:01:02.5"), seconds("00:01:02,500"), seconds("soon")
        (1.5, 0.25, 62.5, 62.5, None)
    """
    if cell.lower() in _MISSING:
        return math.nan
    value = number(cell)
    if value is not None:
        return value * unit_s if value >= 0 else None
    found = _CLOCK.fullmatch(cell)
    if found is None:
        return None
    days, hours, minutes, rest = (float((part or "0").replace(",", ".")) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


def split_words(cells: Sequence[str]) -> dict[str, str]:
    """Returns the split that each word of a column means, for the words that mean one.

    `eval` is the test split, or validation where another word says test.

    >>> split_words(["Train", "dev", "test", "other"])
    {'Train': 'train', 'dev': 'validation', 'test': 'test'}
    """
    words = list(dict.fromkeys(cells))
    found = {word: split for word in words if (split := _SPLIT_WORDS.get(word.lower()))}
    evaluation = [word for word in words if word.lower() in _EVALUATION]
    left = [split for split in (TEST, VALIDATION) if split not in found.values()]
    return found | (dict.fromkeys(evaluation, left[0]) if left else {})
