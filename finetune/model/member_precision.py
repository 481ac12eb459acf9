"""Which members of an ensemble compute in bf16 on a CPU: measured once for a machine and a network, and kept."""

import functools
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.pretrain.encoder.precision import MIN_BF16_S, has_native_bf16
from emoclr.pretrain.networks.kept import Kept, network_key

MAX_APART = 0.01
"""How far a probability in bf16 may be from that in fp32."""
MIN_GAIN = 1.05
"""How many times as fast bf16 must be."""
_WINDOWS = 16
_ROUNDS = 5
"""Of which the quickest counts: other work on the machine makes some slow."""

Run = Callable[[Tensor, bool], Tensor]
"""Gives the probabilities of a network for waveforms (B, samples), in bf16 or in fp32."""

KEPT: Kept[bool] = Kept("precision", bool)
"""Whether a network computes in bf16, by machine and network."""


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
    voices = functools.cache(partial(_voices, window_s))
    return KEPT.found(
        [
            (network_key(digest, window_s), partial(_gains, run, voices))
            for digest, run in zip(digests, runs, strict=True)
        ]
    )


def _gains(run: Run, voices_of: Callable[[], Tensor]) -> bool:
    voices = voices_of()
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
