"""Recordings whose names say what they are: found, told apart, counted."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from configs.errors import EmoclrError
from corpus.scan import find_audio

if TYPE_CHECKING:
    import pandas as pd

_LOSSLESS = (".wav", ".flac", ".aiff", ".aif")


@dataclass(frozen=True)
class Prepared:
    """A corpus as `corpus.labels.write_labels` takes it, and what its user should know."""

    table: "pd.DataFrame"
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class NamedFile:
    """A recording, its name in capitals without the ending, and what the name says part by part."""

    path: Path
    name: str
    parts: dict[str, str]


def find_named(folder: Path, pattern: re.Pattern[str], form: str) -> tuple[list[NamedFile], list[str]]:
    """Returns the recordings below `folder` whose names fit, sorted by name, and notes on the others.

    Where one name comes in several formats, a lossless one is taken.

    Args:
        folder: where to look, at any depth.
        pattern: what a name without its ending looks like, in capitals; its named groups become `parts`.
        form: the pattern in words, for messages.

    Raises:
        EmoclrError: none fits.
    """
    found: dict[str, NamedFile] = {}
    strange: list[str] = []
    again = 0
    for path in sorted(find_audio([folder]), key=lambda path: path.suffix.lower() not in _LOSSLESS):
        name = path.stem.upper()
        match = pattern.fullmatch(name)
        if not match:
            strange.append(path.name)
        elif name in found:
            again += 1
        else:
            found[name] = NamedFile(path, name, match.groupdict())
    if not found:
        raise EmoclrError(f"{folder}: none of {len(strange)} recordings in it is named {form}")
    notes = [f"{again} files left out: their clips are there in another format or place"] if again else []
    if strange:
        notes.append(f"{len(strange)} recordings left out, not named {form}: {some(strange)}")
    return [found[name] for name in sorted(found)], notes


def some(names: Sequence[str], shown: int = 5) -> str:
    """Returns the first few names, and how many more there are."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def split_of(number: int) -> str:
    """Returns the benchmark split of a numbered speaker: one fifth tests, one validates, the rest trains."""
    return {0: "test", 1: "validation"}.get(number % 5, "train")
