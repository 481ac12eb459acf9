"""Levels of a corpus, measured once and kept with every checkpoint."""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray

from augment.settings import SpectrogramSettings
from augment.spectrogram import Spectrogram
from augment.views import ViewMaker
from configs.console import track
from configs.errors import EmoclrError
from corpus.waveforms import WaveformStore
from pretrain.encoder import Normalisation

MEASURED_CLIPS = 1000


def measure_normalisation(
    store: WaveformStore, maker: ViewMaker, settings: SpectrogramSettings, clips: NDArray[np.int64] | None = None
) -> Normalisation:
    """Returns mean and standard deviation of each spectrogram channel over crops of up to 1,000 clips.

    Args:
        store: the corpus.
        maker: says where crops are taken, and by its seed which clips.
        settings: of the spectrogram.
        clips: those that may be measured; None for all.
    """
    among = np.arange(len(store)) if clips is None else clips
    chosen = np.random.default_rng(maker.seed).permutation(among)[:MEASURED_CLIPS]
    starts = (maker.crop_start(int(store.samples[clip]), 0, int(clip), 0) for clip in chosen)
    crops = (store.crop(int(clip), start, maker.crop_samples) for clip, start in zip(chosen, starts, strict=True))
    return measure_crops(track(crops, "measuring levels", total=len(chosen)), maker.crop_samples, settings)


def measure_crops(
    crops: Iterable[NDArray[np.float32]], crop_samples: int, settings: SpectrogramSettings
) -> Normalisation:
    """Returns mean and standard deviation of each spectrogram channel over some crops.

    Args:
        crops: float32 `(samples,)` each; a shorter one is repeated until it has `crop_samples`.
        crop_samples: length of a view.
        settings: of the spectrogram.

    Raises:
        EmoclrError: there are none.
    """
    spectrogram = Spectrogram(settings)
    total, squares, count = torch.zeros(3, dtype=torch.double), torch.zeros(3, dtype=torch.double), 0
    for crop in crops:
        channels = spectrogram(torch.from_numpy(np.resize(crop, crop_samples))[None])[0].flatten(1).double()
        total += channels.sum(dim=1)  # of (3, bands * N)
        squares += channels.square().sum(dim=1)
        count += channels.shape[1]
    if not count:
        raise EmoclrError("the levels of the corpus cannot be measured: no clip of it could be read")
    mean = total / count
    std = (squares / count - mean.square()).clamp(min=1e-8).sqrt()
    first, second = ([round(float(value), 5) for value in values] for values in (mean, std))
    return Normalisation.model_validate({"mean": first, "std": second})
