"""Clips to embeddings: overlapping windows through a frozen encoder, pooled to one row a clip."""

import functools
import os
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from numpy.typing import NDArray
from torch import nn

from emoclr.configs.console import track
from emoclr.configs.errors import EmoclrError
from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.corpus.audio.padding import Padding, fix_length
from emoclr.corpus.decoded.waveforms import Waveforms
from emoclr.evaluate.pooling import Pooling, pool_windows
from emoclr.pretrain.encoder.precision import choose_precision
from emoclr.pretrain.encoder.windows import window_starts

Embeddings = npt.NDArray[np.float32]
Positions = npt.NDArray[np.int64]
PrecisionSetting = Literal["auto", "fp32", "bf16"]

MAX_LANES = 4
"""Batches that a CPU computes at once; each takes memory."""


def embed_clips(
    encoder: nn.Module,
    store: Waveforms,
    window_s: float,
    hop_s: float,
    clips: Positions | None = None,
    batch_size: int = 64,
    description: str = "embedding",
    device: str = "cpu",
    precision: PrecisionSetting = "auto",
    short: Padding = "zero",
    pooling: Pooling = "mean",
) -> Embeddings:
    """Returns what the encoder gives for the windows of each clip, pooled to one row, float32 (clips, features).

    Args:
        encoder: takes windows (B, samples) and gives (B, features); is put into eval mode, and left on `device`.
        store: holds the clips.
        window_s: length of a window in s.
        hop_s: distance between windows in s.
        clips: which clips of the store, in which order; None for all.
        batch_size: windows at once, of as many clips as it takes.
        description: shown with the progress.
        device: "cpu" or "cuda".
        precision: `auto` is what training would choose; a CPU takes fp32 for windows under a second.
        short: how a clip that is shorter than a window fills it; the encoder's settings say how it was trained.
        pooling: how the windows of a clip become one row; see `pool_windows`.

    Raises:
        EmoclrError: the encoder gives something that is no number, as after a training that diverged.
    """
    chosen = np.arange(len(store)) if clips is None else clips
    window, hop = round(window_s * SAMPLE_RATE), round(hop_s * SAMPLE_RATE)
    starts = [window_starts(int(samples), window, hop) for samples in store.samples[chosen]]
    positions = np.repeat(np.arange(len(chosen)), [len(of_clip) for of_clip in starts])
    first = np.concatenate(starts)
    network = WindowNetwork(encoder, window_s, device, precision, description)
    outputs = []
    for begin in track(range(0, len(positions), batch_size), description):
        some, where = positions[begin : begin + batch_size], first[begin : begin + batch_size]
        crops = [
            fix_length(store.crop(int(chosen[position]), int(start), window), window, short)
            for position, start in zip(some, where, strict=True)
        ]
        outputs.append(network(crops).astype(np.float64))
    return pool_windows(np.concatenate(outputs), positions, pooling).astype(np.float32)


class WindowNetwork:
    """A network in eval mode on a device, for batches of windows.

    Args:
        encoder: takes windows (B, samples) and gives (B, features); is left on `device`.
        window_s: length of a window in s.
        device: "cpu" or "cuda".
        precision: see `embed_clips`.
        description: what is done, for errors.

    Attributes:
        device: where it computes.
        at_once: how many batches of `begin` it computes at once.
    """

    def __init__(
        self, encoder: nn.Module, window_s: float, device: str, precision: PrecisionSetting, description: str
    ) -> None:
        self._encoder = encoder.eval().to(device)
        self.device, self._description = device, description
        self._half = choose_precision(precision, encoder, device, window_s) == "bf16-mixed"
        self._threads = torch.get_num_threads()
        self.at_once = max(n for n in range(1, MAX_LANES + 1) if self._threads % n == 0) if device == "cpu" else 1

    def begin(self, crops: Sequence[NDArray[np.float32]]) -> Future[Embeddings]:
        """Returns what calling it does, when that is done: a core works on a batch alone, and waits for no other."""
        return _lanes(self.at_once, self._threads).submit(self, crops)

    def __call__(self, crops: Sequence[NDArray[np.float32]]) -> Embeddings:
        """Returns what the network gives for windows, float32 (B, features).

        Raises:
            EmoclrError: it is no number, as after a training that diverged.
        """
        windows = torch.from_numpy(np.stack(crops)).to(self.device)  # (B, samples)
        with torch.inference_mode(), torch.autocast(self.device, dtype=torch.bfloat16, enabled=self._half):
            outputs = self._encoder(windows)  # (B, features)
        if not torch.isfinite(outputs).all():
            raise EmoclrError(
                f"{self._description}: the network gives values that are no numbers; its training diverged"
            )
        found: Embeddings = outputs.float().cpu().numpy()
        return found


@functools.cache
def _lanes(count: int, threads: int) -> ThreadPoolExecutor:
    """Returns threads that share so many threads of PyTorch."""
    begun = threading.Barrier(count)
    lanes = ThreadPoolExecutor(count, "lane", _take_threads, (threads // count,))
    for each in [lanes.submit(begun.wait) for _ in range(count)]:
        each.result()
    torch.set_num_threads(threads)  # a thread yet to come takes what was set last
    return lanes


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_lanes.cache_clear)  # a child has none of its parent's threads


def _take_threads(count: int) -> None:
    torch.get_num_threads()  # what comes first in a thread takes what was set last, in whichever thread
    torch.set_num_threads(count)
