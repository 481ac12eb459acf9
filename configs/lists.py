"""Lists in messages."""

from collections.abc import Sequence


def some(names: Sequence[str], shown: int = 5) -> str:
    """Returns the first few names, and how many more there are."""
    more = f" and {len(names) - shown:,} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
