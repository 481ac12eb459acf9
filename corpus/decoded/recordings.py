"""Recordings as a notebook has them: paths, or arrays of samples in memory."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import ArrayLike, NDArray

from emoclr.configs.errors import ConfigError
from emoclr.corpus.audio.decoder import SAMPLE_RATE

Recordings = str | Path | ArrayLike | Sequence[str | Path] | Sequence[ArrayLike]
"""A file, a folder, one mono array `(samples,)`, or a sequence of files and folders or of arrays."""


def paths_in(recordings: Recordings) -> list[Path] | None:
    """Returns the files and folders of `recordings`; None where they are arrays.

    Examples:
        >>> paths_in("a.wav"), paths_in([0.1, -0.1])
        ([PosixPath('a.wav')], None)
    """
    if isinstance(recordings, str | Path):
        return [Path(recordings)]
    if isinstance(recordings, Sequence) and recordings and all(isinstance(each, str | Path) for each in recordings):
        return [Path(str(each)) for each in recordings]
    return None


def waveforms_of(recordings: ArrayLike | Sequence[ArrayLike], sample_rate: int | None) -> list[NDArray[np.float32]]:
    """Returns arrays as waveforms at 16 kHz, float32 `(samples,)` in [-1, 1], resampled as files are.

    Args:
        recordings: one mono array `(samples,)`, or a sequence of them. Floats lie in [-1, 1]; signed
            integers are divided by their full scale.
        sample_rate: of the arrays, Hz.

    Raises:
        ConfigError: there is no sample rate, or something is no mono waveform; the message names its position.

    Examples:
        >>> import numpy as np
        >>> [len(waveform) for waveform in waveforms_of(np.zeros(44_100), sample_rate=44_100)]
        [16000]
    """
    arrays = _arrays(recordings)
    if not arrays:
        raise ConfigError("there are no recordings")
    if sample_rate is None or sample_rate <= 0:
        raise ConfigError(f"sample_rate={sample_rate}: arrays need their sample rate in Hz")
    return [_waveform(array, sample_rate, f"recording {n}") for n, array in enumerate(arrays)]


def _arrays(recordings: ArrayLike | Sequence[ArrayLike]) -> list[NDArray[np.generic]]:
    """Returns each recording as an array; a single one may be given as it is."""
    if isinstance(recordings, Sequence):
        if recordings and np.ndim(recordings[0]) == 0:
            return [np.asarray(recordings)]
        return [np.asarray(each) for each in recordings]
    whole = np.asarray(recordings)
    return [whole] if whole.ndim < 2 else list(whole)


def _waveform(array: NDArray[np.generic], sample_rate: int, name: str) -> NDArray[np.float32]:
    if array.ndim != 1 or not array.size:
        raise ConfigError(f"{name}: has the shape {array.shape}; a mono recording has (samples,)")
    if array.dtype.kind not in "fi":
        raise ConfigError(f"{name}: holds {array.dtype}; samples are signed integers, or floats in [-1, 1]")
    waveform = array.astype(np.float32)
    if np.issubdtype(array.dtype, np.integer):
        waveform /= np.float32(2 ** (8 * array.dtype.itemsize - 1))
    if not np.isfinite(waveform).all():
        raise ConfigError(f"{name}: holds samples that are not finite numbers (NaN or infinity)")
    if sample_rate != SAMPLE_RATE:
        waveform = soxr.resample(waveform, sample_rate, SAMPLE_RATE, quality="HQ")
    return np.clip(waveform, -1.0, 1.0)
