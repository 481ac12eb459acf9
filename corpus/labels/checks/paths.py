"""Recordings that are not where a table says, and where they are: written elsewhere, or by another ending or case."""

import errno
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path, PurePosixPath, PureWindowsPath

from emoclr.configs.messages import count_of, readable
from emoclr.corpus.audio.file_kinds import AUDIO_SUFFIXES
from emoclr.corpus.labels.checks.table_note import TableNote
from emoclr.corpus.labels.label_table import LabelTable

NOWHERE = "not found anywhere near"
MAX_EXPLAINED = 1000
"""Paths that are looked for elsewhere: each takes some questions to the file system."""

_MISSING = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)


def is_missing(path: Path) -> bool:
    """Returns whether there is nothing at a path; what may not be looked at is not missing."""
    try:
        path.stat()
    except OSError as error:
        return error.errno in _MISSING
    except ValueError:  # a NUL
        return True
    return False


def paths_missing(table: LabelTable, rows: Sequence[int]) -> TableNote | None:
    """Returns which of some rows' recordings are not there, and where they probably are.

    Args:
        table: the clips.
        rows: positions of those that could not be read.
    """
    folder = table.source.absolute().parent
    missing = [path for path in dict.fromkeys(table.paths[row] for row in rows) if is_missing(path)]
    if not missing:
        return None
    _names.cache_clear()
    found: dict[str, list[tuple[Path, Path | None]]] = {}
    for path in missing[:MAX_EXPLAINED]:
        why, place = explain(path, folder)
        found.setdefault(why, []).append((path, place))
    total, recordings = len(missing), len(set(table.paths))
    of = f" of the first {MAX_EXPLAINED:,}" if total > MAX_EXPLAINED else ""
    cases = []
    for why, examples in found.items():
        path, place = examples[0]
        written = readable(written_as(path, folder))
        where = f"there is {readable(place)}" if place else f"the nearest folder is {readable(nearest(path))}"
        cases.append(f"{len(examples):,}{of} {why}, such as {written}; {where}")
    return TableNote(
        "recordings that are not there",
        f"{total:,} of {count_of(recordings, 'recording')} not found (relative paths count from the table's folder, "
        f"{readable(folder)})",
        cases,
    )


def explain(path: Path, folder: Path) -> tuple[str, Path | None]:
    """Returns in a few words what is the matter with a path where nothing is, and the file that is probably meant.

    Args:
        path: absolute.
        folder: that relative paths of the table count from.
    """
    if found := _sibling(path):
        if found.name.casefold() == path.name.casefold():
            return "in other capitals", found
        return "in another form of Unicode" if _plain(found.name) == _plain(path.name) else "with another ending", found
    written = written_as(path, folder)
    system = "written on another system" if "\\" in written or PureWindowsPath(written).drive else ""
    parts = (PureWindowsPath(written) if system else PurePosixPath(written)).parts
    for base in dict.fromkeys([folder, Path.cwd()]):
        for first in range(len(parts)):
            place = base.joinpath(*parts[first:])
            found = None if place == path else place if not is_missing(place) else _sibling(place)
            if found:
                here = "whose folders are others here" if base == folder else "relative to the folder you are in"
                return system or here, found
    return system or NOWHERE, None


def written_as(path: Path, folder: Path) -> str:
    """Returns a path as a table has it: relative where it lies below the table's folder."""
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def nearest(path: Path) -> Path:
    """Returns the nearest folder above a path that is there."""
    return next(parent for parent in path.parents if not is_missing(parent))


def _sibling(path: Path) -> Path | None:
    """Returns the file beside a path whose name differs in case, accents' form, or in the ending of audio alone."""
    names = _names(path.parent)
    for key in (_plain(path.name), _plain(path.stem)):
        if key in names:
            return path.parent / names[key]
    return None


@cache
def _names(folder: Path) -> dict[str, str]:
    """Returns the recordings of a folder: by name and by name without ending, in small letters."""
    try:
        found = sorted(entry.name for entry in folder.iterdir() if entry.suffix.lower() in AUDIO_SUFFIXES)
    except OSError:
        return {}
    by_stem = {_plain(PurePosixPath(name).stem): name for name in reversed(found)}
    return by_stem | {_plain(name): name for name in found}


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
