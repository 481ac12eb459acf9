"""Clips to embeddings: overlapping windows through a frozen encoder, pooled to one row a clip."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from emoclr.configs.console import track
from emoclr.configs.errors import EmoclrError
from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.corpus.audio.padding import Padding, fix_length
from emoclr.corpus.decoded.waveforms import Waveforms
from emoclr.evaluate.pooling import Pooling, pool_windows
from emoclr.pretrain.encoder.precision import choose_precision

Embeddings = npt.NDArray[np.float32]
Positions = npt.NDArray[np.int64]
PrecisionSetting = Literal["auto", "fp32", "bf16"]


def window_starts(samples: int, window: int, hop: int) -> npt.NDArray[np.int64]:
    """Returns where the windows of a clip start, in samples, so that together they cover all of it.

    The first starts at 0 and the last ends with the clip; between them they lie evenly, at most `hop` apart. A
    clip that is not longer than a window has one.

    Args:
        samples: length of the clip.
        window: length of a window.
        hop: greatest distance between the starts of neighbours; at most `window`, or there would be gaps.
    """
    if not 1 <= hop <= window:
        raise ValueError(f"hop {hop} is not within 1 and the window's {window} samples")
    rest = max(0, samples - window)
    starts: npt.NDArray[np.int64] = np.linspace(0, rest, -(-rest // hop) + 1).round().astype(np.int64)
    return starts


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
        hop_s: greatest distance between windows in s.
        clips: which clips of the store, in which order; None for all.
        batch_size: windows at once, of as many clips as it takes.
        description: shown with the progress.
        device: "cpu" or "cuda".
        precision: `auto` is what training would choose; a CPU takes fp32 for windows under a second.
        short: how a clip that is shorter than a window fills it; the encoder's settings say how it was trained.
        pooling: how the windows of a clip become one row; see `pool_windows`.
    """
    chosen = np.arange(len(store)) if clips is None else clips
    found = list(
        each_window(encoder, store, window_s, hop_s, chosen, batch_size, description, device, precision, short)
    )
    positions = np.concatenate([windows.positions for windows in found])
    outputs = np.concatenate([windows.outputs for windows in found])
    return pool_windows(outputs.astype(np.float64), positions, pooling).astype(np.float32)


class Windows(NamedTuple):
    """Some windows: positions (B,) of their clips among those asked for, first samples (B,), outputs (B, features)."""

    positions: Positions
    starts: Positions
    outputs: Embeddings


def each_window(
    encoder: nn.Module,
    store: Waveforms,
    window_s: float,
    hop_s: float,
    clips: Positions,
    batch_size: int = 64,
    description: str = "embedding",
    device: str = "cpu",
    precision: PrecisionSetting = "auto",
    short: Padding = "zero",
) -> Iterator[Windows]:
    """Yields what the encoder gives for every window of the clips, batch by batch; see `embed_clips`.

    Raises:
        EmoclrError: the encoder gives something that is no number, as after a training that diverged.
    """
    window, hop = round(window_s * SAMPLE_RATE), round(hop_s * SAMPLE_RATE)
    starts = [window_starts(int(samples), window, hop) for samples in store.samples[clips]]
    positions = np.repeat(np.arange(len(clips)), [len(of_clip) for of_clip in starts])
    first = np.concatenate(starts)
    encoder.eval().to(device)
    half = choose_precision(precision, encoder, device, window_s) == "bf16-mixed"
    batches = range(0, len(positions), batch_size)
    with torch.inference_mode(), torch.autocast(device, dtype=torch.bfloat16, enabled=half):
        for begin in track(batches, description):
            some, where = positions[begin : begin + batch_size], first[begin : begin + batch_size]
            crops = [
                fix_length(store.crop(int(clips[position]), int(start), window), window, short)
                for position, start in zip(some, where, strict=True)
            ]
            outputs = encoder(torch.from_numpy(np.stack(crops)).to(device))  # (B, features)
            if not torch.isfinite(outputs).all():
                raise EmoclrError(f"{description}: the network gives values that are no numbers; its training diverged")
            yield Windows(some, where, outputs.float().cpu().numpy())
