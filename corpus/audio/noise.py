"""Coloured noise: white, pink, Brownian and all between, by the slope of its power spectrum."""

import math
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft, rfftfreq

from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.corpus.audio.samples import rms

PINK_DB_PER_OCTAVE = -10 * math.log10(2)
"""Equal power in each octave."""

_DB_PER_DOUBLING = 20 * math.log10(2)

Float = TypeVar("Float", bound=np.floating[Any])


def coloured_noise(
    white: NDArray[Float], slope_db_per_octave: float, n_samples: int | None = None, lowest_hz: float = 0.0
) -> NDArray[Float]:
    """Returns white noise with its spectrum tilted, RMS 1, of the same type.

    Args:
        white: float32 or float64 `(samples,)` at 16 kHz; lengths with small prime factors are quick.
        slope_db_per_octave: of the power spectrum; -3 for pink, -6 for Brownian, 0 for white.
        n_samples: how many of the samples are returned; None for all.
        lowest_hz: what lies below it is removed.

    >>> white = np.random.default_rng(0).standard_normal(16_000)
    >>> power = np.abs(np.fft.rfft(coloured_noise(white, PINK_DB_PER_OCTAVE, lowest_hz=50))) ** 2
    >>> round(10 * np.log10(power[1000:2000].mean() / power[2000:4000].mean()))
    3
    """
    kind = white.dtype.type
    spectrum = rfft(white)
    bins = np.maximum(np.arange(len(spectrum)), 1).astype(kind)
    spectrum *= bins ** kind(slope_db_per_octave / _DB_PER_DOUBLING)
    spectrum[: np.searchsorted(rfftfreq(len(white), 1 / SAMPLE_RATE), lowest_hz)] = 0
    noise: NDArray[Float] = irfft(spectrum, len(white))[:n_samples].astype(kind, copy=False)
    return noise / kind(max(rms(noise), 1e-10))
