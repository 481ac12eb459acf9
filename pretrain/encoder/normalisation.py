"""Levels of a corpus, measured once and kept with every checkpoint."""

from collections.abc import Iterable, Iterator
from contextlib import suppress

import numpy as np
import torch
from numpy.typing import NDArray

from emoclr.augment.settings import SpectrogramSettings
from emoclr.augment.spectrogram import Spectrogram
from emoclr.augment.views import ViewMaker
from emoclr.configs.console import track
from emoclr.configs.errors import EmoclrError
from emoclr.corpus.audio.decoder import AudioError
from emoclr.corpus.decoded.waveforms import WaveformStore
from emoclr.pretrain.encoder.encoder import Normalisation

MEASURED_CLIPS = 1000


def measure_normalisation(
    store: WaveformStore, maker: ViewMaker, settings: SpectrogramSettings, clips: NDArray[np.int64] | None = None
) -> Normalisation:
    """Returns mean and standard deviation of each spectrogram channel over crops of up to 1,000 clips.

    Those that turn out unreadable are passed by: training counts them.

    Args:
        store: the corpus.
        maker: says where crops are taken, and by its seed which clips.
        settings: of the spectrogram.
        clips: those that may be measured; None for all.
    """
    among = np.arange(len(store)) if clips is None else clips
    chosen = np.random.default_rng(maker.seed).permutation(among)[:MEASURED_CLIPS]

    def crops() -> Iterator[NDArray[np.float32]]:
        for clip in track(chosen.tolist(), "measuring levels"):
            start = maker.crop_start(int(store.samples[clip]), 0, clip, 0)
            with suppress(AudioError):
                yield maker.fill(store.crop(clip, start, maker.crop_samples))

    return measure_crops(crops(), settings)


def measure_crops(crops: Iterable[NDArray[np.float32]], settings: SpectrogramSettings) -> Normalisation:
    """Returns mean and standard deviation of each spectrogram channel over some crops.

    Args:
        crops: float32 `(samples,)` each.
        settings: of the spectrogram.

    Raises:
        EmoclrError: there are none.
    """
    spectrogram = Spectrogram(settings)
    total, squares, count = torch.zeros(3, dtype=torch.double), torch.zeros(3, dtype=torch.double), 0
    for crop in crops:
        channels = spectrogram(torch.from_numpy(crop)[None])[0].flatten(1).double()
        total += channels.sum(dim=1)  # of (3, bands * N)
        squares += channels.square().sum(dim=1)
        count += channels.shape[1]
    if not count:
        raise EmoclrError("the levels of the corpus cannot be measured: no clip of it could be read")
    mean = total / count
    std = (squares / count - mean.square()).clamp(min=1e-8).sqrt()
    first, second = ([round(float(value), 5) for value in values] for values in (mean, std))
    return Normalisation.model_validate({"mean": first, "std": second})
