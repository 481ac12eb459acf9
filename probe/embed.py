"""Clips to embeddings: overlapping windows through a frozen encoder, one mean a clip."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from configs.console import track
from corpus.audio import SAMPLE_RATE
from corpus.waveforms import WaveformStore
from pretrain.encoder import Encoder
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
    encoder: Encoder,
    store: WaveformStore,
    window_s: float,
    hop_s: float,
    batch_size: int = 64,
    description: str = "embedding",
    device: str = "cpu",
    precision: PrecisionSetting = "auto",
) -> Embeddings:
    """Returns the mean embedding of each clip's windows, float32 (clips, features).

    Args:
        encoder: is put into eval mode, and left on `device`.
        store: the clips.
        window_s: length of a window in s; a shorter clip is repeated to fill it, as in pretraining.
        hop_s: greatest distance between windows in s.
        batch_size: windows at once, of as many clips as it takes.
        description: shown with the progress.
        device: "cpu" or "cuda".
        precision: `auto` is what training would choose.
    """
    window, hop = round(window_s * SAMPLE_RATE), round(hop_s * SAMPLE_RATE)
    starts = [window_starts(int(samples), window, hop) for samples in store.samples]
    counts = np.array([len(of_clip) for of_clip in starts])
    sums = np.zeros((len(store), encoder.features), dtype=np.float64)
    encoder.eval().to(device)
    half = choose_precision(precision, encoder.backbone, device) == "bf16-mixed"
    batches = -(-int(counts.sum()) // batch_size)
    with torch.inference_mode(), torch.autocast(device, dtype=torch.bfloat16, enabled=half):
        for clips, waveforms in track(_batches(store, starts, window, batch_size), description, total=batches):
            embeddings = encoder(torch.from_numpy(waveforms).to(device))  # (B, features)
            np.add.at(sums, clips, embeddings.double().cpu().numpy())
    means: Embeddings = (sums / counts[:, None]).astype(np.float32)
    return means


def _batches(
    store: WaveformStore, starts: list[npt.NDArray[np.int64]], window: int, batch_size: int
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
    """Yields clip positions (B,) and windows (B, window) of at most `batch_size` windows."""
    clips: list[int] = []
    windows: list[npt.NDArray[np.float32]] = []
    for clip, of_clip in enumerate(starts):
        for start in of_clip:
            clips.append(clip)
            # np.resize repeats what is too short.
            windows.append(np.resize(store.crop(clip, int(start), window), window))
            if len(windows) == batch_size:
                yield np.array(clips), np.stack(windows)
                clips, windows = [], []
    if windows:
        yield np.array(clips), np.stack(windows)
