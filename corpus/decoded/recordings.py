"""Recordings as a notebook has them: paths, or arrays of samples in memory."""

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import ArrayLike, NDArray

from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.corpus.clips.clip_table import Clip
from emoclr.corpus.decoded.waveforms import Waveforms, open_waveforms
from emoclr.corpus.index.audio_files import find_audio

Recordings = str | Path | ArrayLike | Sequence[str | Path] | Sequence[ArrayLike]
"""A file, a folder, one mono array `(samples,)`, or a sequence of files and folders or of arrays."""


class ArrayWaveforms:
    """Waveforms in memory, mono at 16 kHz; see `Waveforms`.

    Args:
        waveforms: each float32 `(samples,)` in [-1, 1].

    Examples:
        >>> import numpy as np
        >>> store = ArrayWaveforms([np.zeros(16_000, np.float32), np.ones(8_000, np.float32)])
        >>> len(store), store.samples.tolist()
        (2, [16000, 8000])
        >>> store.crop(1, 7_998, 16_000)
        array([1., 1.], dtype=float32)
    """

    def __init__(self, waveforms: Sequence[NDArray[np.float32]]) -> None:
        self._waveforms = list(waveforms)
        self.samples: NDArray[np.int64] = np.array([len(waveform) for waveform in waveforms], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._waveforms)

    def waveform(self, clip: int) -> NDArray[np.float32]:
        """Returns one clip whole, float32 `(samples,)`."""
        return self._waveforms[clip]

    def crop(self, clip: int, start_sample: int, n_samples: int) -> NDArray[np.float32]:
        """Returns `n_samples` of one clip from `start_sample` on, fewer where the clip ends before."""
        return self._waveforms[clip][max(0, start_sample) : max(0, start_sample + n_samples)]


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


def waveforms_of(recordings: ArrayLike | Sequence[ArrayLike], sample_rate: int | None) -> ArrayWaveforms:
    """Returns arrays as waveforms at 16 kHz, resampled as files are.

    Args:
        recordings: one mono array `(samples,)`, or a sequence of them. Floats lie in [-1, 1]; signed
            integers are divided by their full scale.
        sample_rate: of the arrays, Hz.

    Raises:
        ConfigError: there is no sample rate, or something is no mono waveform; the message names its position.

    Examples:
        >>> import numpy as np
        >>> waveforms_of(np.zeros(44_100), sample_rate=44_100).samples
        array([16000])
    """
    arrays = _arrays(recordings)
    if not arrays:
        raise ConfigError("there are no recordings")
    if sample_rate is None or sample_rate <= 0:
        raise ConfigError(f"sample_rate={sample_rate}: arrays need their sample rate in Hz")
    return ArrayWaveforms([_waveform(array, sample_rate, f"recording {n}") for n, array in enumerate(arrays)])


@contextlib.contextmanager
def open_recordings(recordings: Recordings, sample_rate: int | None = None) -> Iterator[Waveforms]:
    """Opens files, folders or arrays as waveforms, in their order; files are decoded into a temporary folder.

    Args:
        recordings: files and folders, or arrays.
        sample_rate: of arrays, Hz; files name their own.

    Raises:
        ConfigError: a path does not exist, or something is no mono waveform.
        EmoclrError: a file cannot be read; the message names it.
    """
    sources = paths_in(recordings)
    if sources is None:
        yield waveforms_of(recordings, sample_rate)  # type: ignore[arg-type]
        return
    paths = [path for source in sources for path in find_audio([source])]
    with tempfile.TemporaryDirectory(prefix="emoclr-") as cache:
        store = open_waveforms([Clip(path) for path in paths], Path(cache))
        if store.failures:
            failure = store.failures[0]
            raise EmoclrError(f"{failure.path}: {failure.reason}")
        yield store


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
