"""Other clips of the batch as background noise, mixed in the waveform so that all three channels agree."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emoclr.augment.settings import BackgroundSettings


def draw_backgrounds(
    settings: BackgroundSettings, clips: int, rng: np.random.Generator
) -> tuple[int, NDArray[np.float32]]:
    """Returns the distance in the batch to each clip's background, and SNRs in dB, float32 `(clips,)`.

    An SNR is infinite where a clip gets no background.
    """
    distance = int(rng.integers(1, max(2, clips)))
    snr_db = rng.uniform(settings.min_snr_db, settings.max_snr_db, clips)
    return distance, np.where(rng.random(clips) < settings.p, snr_db, np.inf).astype(np.float32)


def mix_backgrounds(waveforms: Tensor, distance: int, snr_db: Tensor) -> Tensor:
    """Returns waveforms (B, samples), each with another one of the batch behind it.

    Clip i gets clip i + `distance` (counted on from the start after the last), scaled so that the RMS of the two are
    in the ratio `snr_db[i]`. Silence makes no background, and gets none.

    Args:
        waveforms: float32 (B, samples).
        distance: from 1 to B - 1.
        snr_db: (B,), infinite for no background.
    """
    level = waveforms.square().mean(dim=1, keepdim=True).sqrt()  # (B, 1)
    others, their_level = waveforms.roll(-distance, 0), level.roll(-distance, 0)
    gain = 10 ** (-snr_db[:, None] / 20) * level / their_level.clamp_min(1e-6)
    return waveforms + gain * others


def batch_backgrounds(waveforms: Tensor, settings: BackgroundSettings, seeds: tuple[int, ...]) -> Tensor:
    """Returns views (B, V, samples) with backgrounds from the same batch, drawn anew for each view from `seeds`."""
    if not settings.p or len(waveforms) < 2:
        return waveforms
    rng = np.random.default_rng(seeds)
    mixed = []
    for view in waveforms.unbind(1):
        distance, snr_db = draw_backgrounds(settings, len(view), rng)
        mixed.append(mix_backgrounds(view, distance, torch.from_numpy(snr_db).to(view)))
    return torch.stack(mixed, dim=1)
