"""Which recordings lie in a folder, and which of them can be read."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from configs.console import say, track
from configs.errors import ConfigError
from corpus.audio import AUDIO_SUFFIXES, AudioError, inspect_audio, read_waveform
from corpus.parallel import batches_by_size, run_in_processes

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ScannedFile:
    """A row of the index; `status` is "ok" or "set aside", and then `reason` says why."""

    path: Path
    duration_s: float | None
    sample_rate: int | None
    channels: int | None
    status: str
    reason: str


def find_audio(folders: Sequence[Path]) -> list[Path]:
    """Returns the recordings below some folders, sorted; a file is taken as it is, whatever its ending.

    Goes by the ending of the name. Hidden files and folders are skipped; links are followed, each folder is
    entered once, so that a link to a folder above it does no harm.

    Raises:
        ConfigError: one of `folders` does not exist.
    """
    found: set[Path] = set()
    entered: set[tuple[int, int]] = set()
    for folder in map(Path, folders):
        if folder.is_dir():
            found.update(_walk(folder, entered))
        elif folder.exists():
            found.add(folder)
        else:
            raise ConfigError(f"{folder}: no such file or folder")
    return sorted(found)


def scan(files: Sequence[Path], workers: int | None = None) -> list[ScannedFile]:
    """Returns one row a file, after decoding all of it: a good header does not make a good file."""
    tasks = [list(files[first:end]) for first, end in batches_by_size(files)]
    results = (row for rows in run_in_processes(_scan_batch, tasks, len(files), workers) for row in rows)
    return list(track(results, "scanning", total=len(files)))


def index_of(rows: Sequence[ScannedFile]) -> "pd.DataFrame":
    """Returns the index as a table, to be written with `corpus.labels.write_labels`."""
    import pandas as pd

    table = pd.DataFrame([vars(row) for row in rows], columns=list(ScannedFile.__dataclass_fields__))
    return table.astype({"sample_rate": "Int64", "channels": "Int64"}).round({"duration_s": 4})


def summary_of(rows: Sequence[ScannedFile]) -> list[str]:
    """Returns lines that say how much is readable, and how many files were set aside for which reason."""
    good = [row for row in rows if row.status == "ok"]
    hours = sum(row.duration_s or 0.0 for row in good) / 3600
    lines = [f"{len(good)} recordings, {hours:.2f} h; {len(rows) - len(good)} set aside"]
    reasons = Counter(row.reason for row in rows if row.status != "ok")
    for reason, count in reasons.most_common():
        example = next(row.path for row in rows if row.reason == reason)
        lines.append(f"  {count} × {reason} (such as {example})")
    return lines


def _scan_batch(paths: list[Path]) -> list[ScannedFile]:
    return [_scan_file(path) for path in paths]


def _scan_file(path: Path) -> ScannedFile:
    try:
        info = inspect_audio(path)
        read_waveform(path)
    except AudioError as error:
        return ScannedFile(path, None, None, None, "set aside", error.reason)
    return ScannedFile(path, info.duration_s, info.sample_rate, info.channels, "ok", "")


def _walk(folder: Path, entered: set[tuple[int, int]]) -> Iterator[Path]:
    try:
        status = folder.stat()
        if (status.st_dev, status.st_ino) in entered:
            return
        entered.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as entries:
            children = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        say(f"{folder}: skipped, {error.strerror or error}")
        return
    for child in children:
        if child.name.startswith("."):
            continue
        if child.is_dir():
            yield from _walk(Path(child.path), entered)
        elif Path(child.name).suffix.lower() in AUDIO_SUFFIXES:
            yield Path(child.path)
