"""What the tests of several folders share: a cache of their own, made recordings, and commands run in this process."""

import contextlib
import csv
import io
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile as sf

RATE = 16_000


class Ran(NamedTuple):
    """How a command ended, what it said, and the folder that was asked for."""

    code: int
    told: str
    out: Path


@pytest.fixture(scope="session", autouse=True)
def ctrl_c() -> Iterator[None]:
    """Lets Ctrl-C interrupt: what a shell starts in the background ignores it, and so would the tests there."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps decoded audio out of the user's own cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOCLR_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def call() -> Callable[..., Ran]:
    """Returns call(main, words, out) -> Ran, through a command's `main` in this process."""

    def run(main: Callable[[list[str]], int], words: Sequence[str | Path], out: Path) -> Ran:
        with contextlib.redirect_stderr(io.StringIO()) as told, contextlib.redirect_stdout(told):
            code = main([str(word) for word in words])
        return Ran(code, told.getvalue(), out)

    return run


@pytest.fixture(scope="session")
def write_noise() -> Callable[..., Path]:
    """Returns write(path, duration_s, loud, dull, seed) -> path: noise at one of two levels, bright or dull."""

    def write(path: Path, duration_s: float, loud: bool, dull: bool, seed: int) -> Path:
        made = np.random.default_rng(seed).normal(size=round(duration_s * RATE)) * (0.2 if loud else 0.04)
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(path, np.clip(np.convolve(made, np.ones(6) / 6, mode="same") if dull else made, -1, 1), RATE)
        return path

    return write


@pytest.fixture(scope="session")
def write_clips(write_noise: Callable[..., Path]) -> Callable[..., None]:
    """Returns write(folder, durations_s): `00.wav` and on, every second one loud, every second pair of them dull."""

    def write(folder: Path, durations_s: Sequence[float]) -> None:
        for clip, duration_s in enumerate(durations_s):
            write_noise(folder / f"{clip:02}.wav", duration_s, bool(clip % 2), bool(clip // 2 % 2), seed=clip)

    return write


@pytest.fixture(scope="session")
def write_table() -> Callable[..., Path]:
    """Returns write(path, head, rows) -> path of a CSV."""

    def write(path: Path, head: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([head, *rows])
        return path

    return write
