"""Clips decoded into the flat file that a `WaveformStore` maps: written aside, then renamed into place."""

import contextlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from configs.console import track
from corpus.audio import AudioError, read_waveform
from corpus.parallel import batches_by_size, run_in_processes

SAMPLES = "waveforms.int16"
"""All clips, one after the other."""

INDEX = "index.npz"
"""Length of every decoded clip, and its row in the list asked for."""

NAMES = "names.json"
"""The recording of every clip that was asked for."""

FAILURES = "failures.json"
"""`[row, reason]` of what could not be decoded."""

FULL_SCALE = 32_768.0
"""What 1.0 is in the file; a 16 kHz 16-bit wav comes back exactly."""

Part = tuple[Path, float, float | None]
"""A recording, and from and to which second."""


@dataclass(frozen=True, eq=False)
class Index:
    """What was decoded: `samples` and `source_rows` are int64 `(clips,)`, `failures` pairs of row and reason."""

    samples: NDArray[np.int64]
    source_rows: NDArray[np.int64]
    failures: list[tuple[int, str]]


_ABANDONED_AFTER_S = 24 * 3600.0


def decode_into(folder: Path, parts: Sequence[Part], names: Sequence[str], workers: int | None) -> None:
    """Decodes `parts` and leaves the result in `folder`, whole.

    Where another process was faster, its result stays. What a killed run left aside is removed after a day.

    Raises:
        OSError: the cache cannot be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(folder.parent)
    aside = folder.parent / f".{folder.name}.{os.getpid()}-{secrets.token_hex(4)}"
    aside.mkdir()
    try:
        _write(aside, parts, names, workers)
        _move_into_place(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def read_index(folder: Path) -> Index | None:
    """Returns what `folder` holds, None where it is missing, damaged or not as long as it says."""
    try:
        with np.load(folder / INDEX, allow_pickle=False) as arrays:
            samples, source_rows = arrays["samples"], arrays["source_rows"]
        failures = json.loads((folder / FAILURES).read_text(encoding="utf-8"))
        whole = (folder / SAMPLES).stat().st_size == 2 * int(samples.sum())
        return Index(samples, source_rows, failures) if whole else None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def to_int16(waveform: NDArray[np.float32]) -> NDArray[np.int16]:
    """Returns samples in [-1, 1] as int16, rounded to the nearest; 1.0 becomes 32,767."""
    rounded = np.rint(waveform * np.float32(FULL_SCALE))
    return np.asarray(np.clip(rounded, -FULL_SCALE, FULL_SCALE - 1), dtype=np.int16)


def _write(aside: Path, parts: Sequence[Part], names: Sequence[str], workers: int | None) -> None:
    samples: list[int] = []
    rows: list[int] = []
    failures: list[tuple[int, str]] = []
    with (aside / SAMPLES).open("wb") as file:
        for row, decoded in enumerate(track(_decoded(parts, workers), "decoding", total=len(parts))):
            if isinstance(decoded, str):
                failures.append((row, decoded))
            else:
                decoded.tofile(file)
                samples.append(len(decoded))
                rows.append(row)
    np.savez(aside / INDEX, samples=np.array(samples, np.int64), source_rows=np.array(rows, np.int64))
    (aside / NAMES).write_text(json.dumps(names), encoding="utf-8")
    (aside / FAILURES).write_text(json.dumps(failures), encoding="utf-8")
    for written in aside.iterdir():
        with written.open("rb") as file_on_disk:
            os.fsync(file_on_disk.fileno())


def _decoded(parts: Sequence[Part], workers: int | None) -> Iterator[NDArray[np.int16] | str]:
    tasks = [list(parts[first:end]) for first, end in batches_by_size(path for path, _, _ in parts)]
    for results in run_in_processes(_decode_batch, tasks, len(parts), workers):
        yield from results


def _decode_batch(parts: list[Part]) -> list[NDArray[np.int16] | str]:
    """Returns samples, or the reason why there are none, for each part."""
    results: list[NDArray[np.int16] | str] = []
    for path, start_s, end_s in parts:
        try:
            results.append(to_int16(read_waveform(path, start_s, end_s)))
        except AudioError as error:
            results.append(error.reason)
    return results


def _move_into_place(aside: Path, folder: Path) -> None:
    """Renames; a good entry of another process stays, a broken one makes way."""
    broken = aside.with_name(f"{aside.name}.broken")
    while True:
        with contextlib.suppress(OSError):
            aside.rename(folder)
            return
        if read_index(folder) is not None:
            return
        folder.rename(broken)
        shutil.rmtree(broken, ignore_errors=True)


def _remove_abandoned(cache_dir: Path) -> None:
    for left in cache_dir.glob(".*"):
        with contextlib.suppress(OSError):
            newest = max([left.stat().st_mtime, *(file.stat().st_mtime for file in left.glob("*"))])
            if left.is_dir() and newest < time.time() - _ABANDONED_AFTER_S:
                shutil.rmtree(left, ignore_errors=True)
