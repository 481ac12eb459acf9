"""What messages share: names on one line, counts, short lists, and the name that was probably meant."""

import difflib
import os
from collections.abc import Iterable, Sequence


def readable(name: str | os.PathLike[str]) -> str:
    r"""Returns the name of a file as text of one line: line ends and bytes that are no UTF-8 are spelled out.

    >>> readable("two\nlines.wav")
    'two\\nlines.wav'
    """
    text = os.fsencode(name).decode("utf-8", errors="backslashreplace")
    return text.replace("\n", "\\n").replace("\r", "\\r")


def count_of(number: int, what: str) -> str:
    """Returns a number with its noun.

    >>> count_of(1, "clip"), count_of(2000, "clip")
    ('1 clip', '2,000 clips')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def some(names: Sequence[str], shown: int = 5) -> str:
    """Returns the first few names, and how many more there are.

    >>> some(["a", "b", "c"], shown=2)
    'a, b and 1 more'
    """
    more = f" and {len(names) - shown:,} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def perhaps(name: str, known: Iterable[str], shown: int = 1) -> str:
    """Returns which of the known names was probably meant, in brackets; nothing where none is near.

    Capitals do not count.

    >>> perhaps("epoch", ["epochs", "seed"])
    " (perhaps 'epochs'?)"
    """
    by_lower = {other.lower(): other for other in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=shown, cutoff=0.5)
    return suggestion(*(by_lower[lower] for lower in near))


def suggestion(*names: str) -> str:
    """Returns names as a guess at what was meant, in brackets; nothing without names."""
    quoted = " or ".join(f"'{name}'" for name in names)
    return f" (perhaps {quoted}?)" if names else ""
