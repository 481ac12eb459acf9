"""Recordings whose names say what they are: found, told apart, counted."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from emoclr.configs.console import track
from emoclr.configs.errors import EmoclrError
from emoclr.configs.messages import count_of, some

_LOSSLESS = (".wav", ".flac", ".aiff", ".aif")


@dataclass(frozen=True)
class NamedFile:
    """A recording, its name in capitals without the ending, and what the name says part by part."""

    path: Path
    name: str
    parts: dict[str, str]


def find_named(
    folder: Path, pattern: re.Pattern[str], form: str, whole_path: bool = False
) -> tuple[list[NamedFile], list[str]]:
    """Returns the recordings below `folder` whose names fit, sorted by name, and notes on the others.

    Recordings whose parts are the same are one clip: a lossless one is taken where there are several.

    Args:
        folder: where to look, at any depth.
        pattern: what a name without its ending looks like, in capitals; its named groups become `parts`.
        form: the pattern in words, for messages.
        whole_path: whether the names of the folders, from `folder` itself on, belong to the name, joined by "/".

    Raises:
        EmoclrError: none fits.
    """
    from emoclr.corpus.index.audio_files import find_audio

    found: dict[tuple[str, ...], NamedFile] = {}
    strange: list[str] = []
    again = 0
    lossless_first = sorted(find_audio([folder]), key=lambda path: path.suffix.lower() not in _LOSSLESS)
    for path in track(lossless_first, "reading names"):
        inner = path.relative_to(folder) if whole_path else Path(path.name)
        name = (folder.absolute().name / inner if whole_path else inner).with_suffix("").as_posix().upper()
        match = pattern.fullmatch(name)
        if not match:
            strange.append(str(inner))
        elif match.groups() in found:
            again += 1
        else:
            found[match.groups()] = NamedFile(path, name, match.groupdict())
    if not found:
        raise EmoclrError(f"{folder}: none of {count_of(len(strange), 'recording')} in it is named {form}")
    notes = [f"{count_of(again, 'file')} left out: their clips are there in another format or place"] if again else []
    if strange:
        notes.append(f"{count_of(len(strange), 'recording')} left out, not named {form}: {some(strange)}")
    return sorted(found.values(), key=lambda file: file.name), notes


def missing_names(files: Iterable[NamedFile], expected: Iterable[str]) -> list[str]:
    """Returns the names, written as the corpus writes them, that none of the files has."""
    present = {file.name for file in files}
    return [name for name in expected if name.upper() not in present]
