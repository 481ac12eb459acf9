"""Time and frequency masks, drawn one view at a time and applied to a whole batch at once."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emoclr.augment.settings import MaskSettings


def draw_masks(settings: MaskSettings, duration_s: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Returns float32 `(masks, 2)`: start and end of each mask as shares of its axis.

    Time masks come first, then frequency masks (on the mel axis). Widths are uniform up to the settings' maximum, and
    a mask lies wholly inside its axis.

    Examples:
        >>> masks = draw_masks(MaskSettings(time_masks=2, frequency_masks=1), 2.0, np.random.default_rng(0))
        >>> masks.shape
        (3, 2)
    """
    widest_time = min(1.0, settings.max_time_s / duration_s)
    widest = np.repeat([widest_time, settings.max_frequency], [settings.time_masks, settings.frequency_masks])
    width = rng.random(len(widest)) * widest
    start = rng.random(len(widest)) * (1 - width)
    return np.stack([start, start + width], axis=1).astype(np.float32)


def apply_masks(
    images: Tensor,
    masks: Tensor,
    time_masks: int,
    mel_axis: Tensor,
    stft_axis: Tensor,
    fill: float = 0.0,
) -> Tensor:
    """Returns images with the masked parts set to `fill`; 0 is the mean where they are normalised.

    A time mask hides all channels; a frequency mask hides the same Hz in the mel and the STFT channel, and in what
    follows them, whose rows are those of mel. It leaves the chromagram, whose classes each gather all octaves.

    Args:
        images: (B, 3 or more, bands, frames).
        masks: (B, masks, 2) from `draw_masks`.
        time_masks: how many of the masks are time masks.
        mel_axis: (bands,) position of each mel row on the mel axis, 0 to 1.
        stft_axis: (bands,) the same of each STFT row.
        fill: what a masked part becomes.

    Examples:
        >>> import torch
        >>> images, axis = torch.ones(1, 3, 4, 10), torch.arange(4) / 4
        >>> masks = torch.tensor([[[0.2, 0.5]]])  # one time mask, from 0.2 to 0.5 of the view
        >>> apply_masks(images, masks, 1, axis, axis)[0, 0, 0].tolist()
        [1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    frames = images.shape[-1]
    time = (torch.arange(frames, device=images.device) + 0.5) / frames  # (N,)
    hidden_time = _inside(time, masks[:, :time_masks])[:, None, None, :]  # (B, 1, 1, N)
    more = [mel_axis] * (images.shape[1] - 3)
    rows = torch.stack([mel_axis, torch.full_like(mel_axis, -1.0), stft_axis, *more])  # (C, bands)
    hidden_rows = _inside(rows.flatten(), masks[:, time_masks:]).view(-1, *rows.shape, 1)  # (B, C, bands, 1)
    return images.masked_fill(hidden_time | hidden_rows, fill)


def _inside(positions: Tensor, masks: Tensor) -> Tensor:
    """Returns (B, P) bool: which positions lie in any of the (B, M, 2) masks."""
    start, end = masks[:, :, :1], masks[:, :, 1:]  # (B, M, 1)
    return ((positions >= start) & (positions < end)).any(dim=1)
