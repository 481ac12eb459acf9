"""Which members of an ensemble compute in bf16 on a CPU: measured once for a machine and a network, and kept."""

import functools
import hashlib
import json
import platform
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from emoclr.configs.errors import EmoclrError
from emoclr.configs.files import parse_json, write_atomically
from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.corpus.decoded.cache import default_cache_dir
from emoclr.pretrain.encoder.precision import MIN_BF16_S, has_native_bf16

MAX_APART = 0.01
"""How far a probability in bf16 may be from that in fp32."""
MIN_GAIN = 1.05
"""How many times as fast bf16 must be."""
_WINDOWS = 16
_ROUNDS = 5
"""Of which the quickest counts: other work on the machine makes some slow."""

Run = Callable[[Tensor, bool], Tensor]
"""Gives the probabilities of a network for waveforms (B, samples), in bf16 or in fp32."""

_lock = threading.Lock()
_known: dict[str, bool] = {}


def kept_path() -> Path:
    """Returns the file that holds what was measured."""
    return default_cache_dir() / "precision.json"


def measured_bf16(digests: Sequence[str], runs: Sequence[Run], window_s: float) -> list[bool]:
    """Returns for each network whether it is faster in bf16, and agrees on sounds like voices.

    What was measured before holds, so that a run that goes on after a kill computes as it did.

    Args:
        digests: of the weights of each network.
        runs: of each network.
        window_s: length of a window, s.
    """
    if window_s < MIN_BF16_S or not has_native_bf16():
        return [False] * len(digests)
    keys = [_key(digest, window_s) for digest in digests]
    with _lock:
        if any(key not in _known for key in keys):
            _known.update(_read())
        if new := {key: run for key, run in zip(keys, runs, strict=True) if key not in _known}:
            voices = _voices(window_s)
            _known.update({key: _gains(run, voices) for key, run in new.items()})
            _known.update(_read())  # another process may have been first
            with suppress(EmoclrError):  # then each process measures it
                write_atomically(kept_path(), lambda path: path.write_text(json.dumps(_known, indent=1)))
        return [_known[key] for key in keys]


def measured() -> dict[str, bool]:
    """Returns all that this process knows, by machine and network."""
    with _lock:
        return {**_known}


def take_measured(known: dict[str, bool]) -> None:
    """Takes what another process knows for this one's."""
    with _lock:
        _known.update(known)


def _gains(run: Run, voices: Tensor) -> bool:
    apart = (run(voices, True) - run(voices, False)).abs().max()
    if not apart <= MAX_APART:  # or it is no number
        return False
    rounds = [(_seconds(run, voices, False), _seconds(run, voices, True)) for _ in range(_ROUNDS)]
    fp32_s, bf16_s = (min(times) for times in zip(*rounds, strict=True))
    return bool(fp32_s > MIN_GAIN * bf16_s)


def _seconds(run: Run, voices: Tensor, half: bool) -> float:
    began = time.process_time()
    run(voices, half)
    return time.process_time() - began


def _voices(window_s: float) -> Tensor:
    """Returns sounds like voices, low and high, soft and loud, (windows, samples): harmonics, syllables and breath."""
    rng = np.random.default_rng(0)
    time_s = np.arange(round(window_s * SAMPLE_RATE)) / SAMPLE_RATE
    heard = []
    for pitch_hz, level_dbfs in zip(np.geomspace(90, 300, _WINDOWS), rng.uniform(-40, -16, _WINDOWS), strict=True):
        harmonics = np.arange(1, 4_000 // pitch_hz)[:, None]
        phase = 2 * np.pi * pitch_hz * (time_s + 0.003 * np.sin(2 * np.pi * time_s))
        voice = (np.sin(harmonics * phase) / harmonics).sum(axis=0)
        voice = voice * np.sin(np.pi * 4 * time_s) ** 2 + 0.05 * rng.normal(size=len(time_s))
        heard.append(voice * 10 ** (level_dbfs / 20) / np.sqrt(np.mean(voice**2)))
    return torch.from_numpy(np.clip(heard, -1, 1).astype(np.float32))


def _key(digest: str, window_s: float) -> str:
    return hashlib.sha256(f"{_machine()} {torch.__version__} {digest} {window_s}".encode()).hexdigest()


@functools.cache
def _machine() -> str:
    """Returns what tells one kind of processor from another."""
    with suppress(OSError):
        first, *_ = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split("\n\n")
        names = ("model", "cpu family", "stepping", "flags", "CPU part", "Features")
        return "\n".join(line for line in first.splitlines() if line.startswith(names))
    return f"{platform.machine()} {platform.processor()}"


def _read() -> dict[str, bool]:
    """Returns what is kept; nothing where the file is damaged or another's."""
    try:
        found = parse_json(kept_path().read_bytes())
    except (OSError, ValueError):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, bool)} if isinstance(found, dict) else {}
