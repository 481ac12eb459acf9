"""Names and counts in messages."""

import os


def readable(name: str | os.PathLike[str]) -> str:
    """Returns the name of a file as text of one line: line ends and bytes that are no UTF-8 are spelled out."""
    text = os.fsencode(name).decode("utf-8", errors="backslashreplace")
    return text.replace("\n", "\\n").replace("\r", "\\r")


def count_of(number: int, what: str) -> str:
    """Returns "1 clip", "2,000 clips"."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
