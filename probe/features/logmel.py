"""What an encoder has to beat: log-mel statistics and the prior. (The untrained encoder is `pretrain`'s.)"""

import numpy as np
import numpy.typing as npt
import torch

from emoclr.augment.settings import SpectrogramSettings
from emoclr.augment.spectrogram import Spectrogram
from emoclr.configs.console import track
from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.corpus.decoded.waveforms import Waveforms
from emoclr.evaluate.metrics.arrays import Array
from emoclr.pretrain.encoder.embedding import Embeddings

BANDS = 128
LOG_OFFSET = 1e-5
"""Its own, so that the baseline stays where it is when the encoders' spectrogram changes."""
BLOCK_S = 60
"""An hours-long clip goes through the spectrogram in pieces of this length."""


def logmel_statistics(store: Waveforms) -> Embeddings:
    """Returns mean and standard deviation over time of each of 128 log-mel bands, float32 (clips, 256)."""
    spectrogram = Spectrogram(SpectrogramSettings(bands=BANDS))
    statistics = np.empty((len(store), 2 * BANDS), dtype=np.float32)
    block = BLOCK_S * SAMPLE_RATE
    with torch.inference_mode():
        for clip in track(range(len(store)), "log-mel statistics"):
            frames, total, squares = 0, np.zeros(BANDS), np.zeros(BANDS)
            for start in range(0, int(store.samples[clip]), block):
                waveform = torch.from_numpy(store.crop(clip, start, block))[None]  # (1, samples)
                mel, _, _ = spectrogram.channels(waveform)  # (1, bands, N)
                levels = torch.log(mel[0].double() + LOG_OFFSET).numpy()
                frames += levels.shape[1]
                total += levels.sum(1)
                squares += np.square(levels).sum(1)
            mean = total / frames
            deviation = np.sqrt(np.maximum(squares / frames - mean**2, 0))
            statistics[clip] = np.concatenate([mean, deviation])
    return statistics


def chance_probabilities(train_targets: npt.ArrayLike, n_clips: int) -> Array:
    """Returns the mean share of each emotion in training, the same for every clip, (n_clips, e)."""
    shares: Array = np.asarray(train_targets, dtype=np.float64).mean(0)
    return np.tile(shares, (n_clips, 1))
