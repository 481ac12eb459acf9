"""Clips to embeddings: overlapping windows through a frozen encoder, one mean a clip."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from configs.console import track
from corpus.audio import SAMPLE_RATE
from corpus.waveforms import WaveformStore
from pretrain.precision import choose_precision

Embeddings = npt.NDArray[np.float32]
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
    store: WaveformStore,
    window_s: float,
    hop_s: float,
    clips: npt.NDArray[np.int64] | None = None,
    batch_size: int = 64,
    description: str = "embedding",
    device: str = "cpu",
    precision: PrecisionSetting = "auto",
) -> Embeddings:
    """Returns the mean over each clip's windows of what the encoder gives, float32 (clips, features).

    Args:
        encoder: takes windows (B, samples) and gives (B, features); is put into eval mode, and left on `device`.
        store: holds the clips.
        window_s: length of a window in s; a shorter clip is repeated to fill it, as in pretraining.
        hop_s: greatest distance between windows in s.
        clips: which clips of the store, in which order; None for all.
        batch_size: windows at once, of as many clips as it takes.
        description: shown with the progress.
        device: "cpu" or "cuda".
        precision: `auto` is what training would choose.
    """
    window, hop = round(window_s * SAMPLE_RATE), round(hop_s * SAMPLE_RATE)
    chosen = np.arange(len(store)) if clips is None else clips
    starts = [window_starts(int(samples), window, hop) for samples in store.samples[chosen]]
    counts = np.array([len(of_clip) for of_clip in starts])
    sums = np.zeros((len(chosen), 0))
    encoder.eval().to(device)
    half = choose_precision(precision, encoder, device) == "bf16-mixed"
    batches = -(-int(counts.sum()) // batch_size)
    with torch.inference_mode(), torch.autocast(device, dtype=torch.bfloat16, enabled=half):
        windows = _batches(store, chosen, starts, window, batch_size)
        for positions, waveforms in track(windows, description, total=batches):
            embeddings = encoder(torch.from_numpy(waveforms).to(device))  # (B, features)
            if not sums.shape[1]:
                sums = np.zeros((len(chosen), embeddings.shape[1]))
            np.add.at(sums, positions, embeddings.double().cpu().numpy())
    means: Embeddings = (sums / counts[:, None]).astype(np.float32)
    return means


def _batches(
    store: WaveformStore,
    chosen: npt.NDArray[np.int64],
    starts: list[npt.NDArray[np.int64]],
    window: int,
    batch_size: int,
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
    """Yields positions (B,) among the chosen clips and windows (B, window) of at most `batch_size` windows."""
    positions: list[int] = []
    windows: list[npt.NDArray[np.float32]] = []
    for position, (clip, of_clip) in enumerate(zip(chosen, starts, strict=True)):
        for start in of_clip:
            positions.append(position)
            # np.resize repeats what is too short.
            windows.append(np.resize(store.crop(int(clip), int(start), window), window))
            if len(windows) == batch_size:
                yield np.array(positions), np.stack(windows)
                positions, windows = [], []
    if windows:
        yield np.array(positions), np.stack(windows)
