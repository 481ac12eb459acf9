"""Waveforms as arrays of samples: their level, and their form in 16 bits."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Waveform = NDArray[np.float32]
"""`(samples,)`, mono, full scale is 1."""

INT16_FULL_SCALE = 32_768.0
"""What 1.0 is in 16 bits; a 16 kHz 16-bit wav comes back exactly."""

SILENT_PEAK_DB = -60.0
"""What has no louder sample is silent, dBFS: nobody hears anything in it."""


def is_silent(peak: ArrayLike) -> NDArray[np.bool_]:
    """Returns of the largest size of a sample, full scale being 1, whether a clip holds no sound.

    >>> is_silent([0.0, 0.001, 0.0011]).tolist()
    [True, True, False]
    """
    return np.asarray(peak) <= np.float64(10 ** (SILENT_PEAK_DB / 20))


def rms(samples: NDArray[np.floating]) -> float:
    """Returns the root mean square.

    >>> rms(np.array([3.0, -3.0]))
    3.0
    """
    return math.sqrt(float(samples @ samples) / max(1, len(samples)))


def to_int16(waveform: Waveform) -> NDArray[np.int16]:
    """Returns samples in [-1, 1] as int16, rounded to the nearest; 1.0 becomes 32,767.

    >>> to_int16(np.array([-1, 0.5, 1], dtype=np.float32)).tolist()
    [-32768, 16384, 32767]
    """
    rounded = np.rint(waveform * np.float32(INT16_FULL_SCALE))
    return np.asarray(np.clip(rounded, -INT16_FULL_SCALE, INT16_FULL_SCALE - 1), dtype=np.int16)
