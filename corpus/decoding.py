"""Clips decoded into the flat file that a `WaveformStore` maps: written aside, then renamed into place."""

import contextlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from configs.console import track
from corpus.audio import AudioError, read_waveform
from corpus.parallel import batches_by_size, run_in_processes

SAMPLES = "waveforms.int16"
"""All clips, one after the other."""

INDEX = "index.npz"
"""`samples` and `source_rows`, int64 `(clips,)` each."""

NAMES = "names.json"
"""The recording of every clip that was asked for."""

FAILURES = "failures.json"
"""`[row, reason]` of what could not be decoded."""

FULL_SCALE = 32_768.0
"""What 1.0 is in the file; a 16 kHz 16-bit wav comes back exactly."""

Part = tuple[Path, float, float | None]
"""A recording, and from and to which second."""

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
        file.flush()
        os.fsync(file.fileno())
    np.savez(aside / INDEX, samples=np.array(samples, np.int64), source_rows=np.array(rows, np.int64))
    (aside / NAMES).write_text(json.dumps(names), encoding="utf-8")
    (aside / FAILURES).write_text(json.dumps(failures), encoding="utf-8")


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
    """Renames; only a broken entry is moved away for it, a good one of another process stays."""
    with contextlib.suppress(OSError):
        aside.rename(folder)
        return
    if not _is_whole(folder):
        folder.rename(aside.with_name(f"{aside.name}.broken"))
        shutil.rmtree(aside.with_name(f"{aside.name}.broken"), ignore_errors=True)
        aside.rename(folder)


def _is_whole(folder: Path) -> bool:
    try:
        with np.load(folder / INDEX, allow_pickle=False) as index:
            return (folder / SAMPLES).stat().st_size == 2 * int(index["samples"].sum())
    except (OSError, ValueError, KeyError, EOFError):
        return False


def _remove_abandoned(cache_dir: Path) -> None:
    for left in cache_dir.glob(".*"):
        with contextlib.suppress(OSError):
            newest = max([left.stat().st_mtime, *(file.stat().st_mtime for file in left.glob("*"))])
            if left.is_dir() and newest < time.time() - _ABANDONED_AFTER_S:
                shutil.rmtree(left, ignore_errors=True)
