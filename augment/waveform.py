"""Waveform augmentation through audiomentations, reproducible from a seed sequence."""

import contextlib
import inspect
import random
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import audiomentations
import numpy as np
import torch
from audiomentations.core.utils import find_audio_files_in_paths
from numpy.typing import NDArray

from emoclr.augment.settings import TransformSettings
from emoclr.augment.transforms import own_transform
from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.configs.messages import perhaps

_put_back_later = False


class WaveformAugmentation:
    """A chain of waveform augmentations whose every draw follows from a seed sequence.

    Examples:
        >>> from emoclr.augment import TransformSettings
        >>> augmentation = WaveformAugmentation([TransformSettings(name="Gain", p=1.0)], 16_000)
        >>> quiet = np.full(16_000, 0.01, np.float32)
        >>> first, again = (augmentation(quiet, np.random.SeedSequence(7)) for _ in range(2))
        >>> first.shape, bool((first == again).all()), bool((first == quiet).all())
        ((16000,), True, False)
    """

    def __init__(self, transforms: Sequence[TransformSettings], sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self.chain = audiomentations.Compose([_build(settings) for settings in transforms])

    def __call__(self, waveform: NDArray[np.float32], seeds: np.random.SeedSequence) -> NDArray[np.float32]:
        """Returns the augmented waveform, float32 `(samples,)`, of the same length.

        Where a transform changes the length, the end is cut off, or the whole repeated until it fills it.

        audiomentations draws from the global generators of Python and NumPy; they are seeded for this one call and
        put back afterwards, so that nothing else in the process notices.

        Raises:
            EmoclrError: a transform fails, such as one that draws a file which is no recording.
        """
        if not self.chain.transforms:
            return waveform
        with generators_restored(), _denormals_as_zero():
            first, second = seeds.generate_state(2)
            random.seed(int(first))
            np.random.seed(int(second))
            try:
                augmented: NDArray[np.float32] = self.chain(samples=waveform, sample_rate=self.sample_rate)
            except Exception as error:
                raise EmoclrError(f"augment.transforms: {self._told(error)}") from error
        if len(augmented) != len(waveform):
            augmented = np.resize(augmented, waveform.shape)
        return np.ascontiguousarray(augmented)

    def _told(self, error: Exception) -> str:
        """Returns an error in words, with the transform that raised it and the file that it had drawn."""
        reason = f"{type(error).__name__}{f': {error}' if str(error) else ''}"
        frames = [frame.f_locals.get("self") for frame, _ in traceback.walk_tb(error.__traceback__)]
        for transform in self.chain.transforms:
            if any(of is transform for of in frames):
                drawn = [str(value) for name, value in transform.parameters.items() if name.endswith("_path")]
                return ": ".join([type(transform).__name__, *drawn, reason])
        return reason


@contextlib.contextmanager
def generators_restored() -> Iterator[None]:
    """Puts the global generators of Python and NumPy back as they were, once where several of these are nested.

    Around a batch it saves a sixth of what its views of 2 s cost.
    """
    global _put_back_later
    if _put_back_later:
        yield
        return
    python_state, numpy_state = random.getstate(), np.random.get_state()
    _put_back_later = True
    try:
        yield
    finally:
        _put_back_later = False
        random.setstate(python_state)
        np.random.set_state(numpy_state)


@contextlib.contextmanager
def _denormals_as_zero() -> Iterator[None]:
    """Has this thread compute with 0 in place of numbers so small that a processor is slow at them.

    What a recursive filter rings on with in digital silence, such as follows a short clip, fades into them and stays
    there: over 2.5 s of silence a filter took 15 ms instead of 0.4.
    """
    smallest = np.float64(5e-324)
    already = bool(smallest * 1.0 == 0)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(already)


def drawn_files(settings: TransformSettings) -> dict[str, list[Path]]:
    """Returns the files that a transform draws from, such as noises, by the parameter that names their place.

    They come in the order of their names: audiomentations takes subfolders in that of the disk, and a copy of them
    would give other views.

    Raises:
        ConfigError: a place is not there, or holds no audio files.
    """
    files = {}
    for name, value in settings.places.items():
        where = f"augment.transforms: {settings.name}: {name}: {value}"
        if not Path(value).exists():
            raise ConfigError(f"{where}: no such file or folder")
        files[name] = sorted(find_audio_files_in_paths(value))
        if not files[name]:
            raise ConfigError(f"{where}: holds no audio files")
    return files


def _build(settings: TransformSettings) -> Any:
    """Returns the transform that the settings name.

    Raises:
        ConfigError: there is no such class, or it does not take these parameters.
    """
    where = f"augment.transforms: {settings.name}"
    kind = own_transform(settings.name) or getattr(audiomentations, settings.name, None)
    if kind is None:
        raise ConfigError(f"augment.transforms: audiomentations has no {settings.name}")
    known = [name for name in inspect.signature(kind).parameters if name != "p"]
    if unknown := [name for name in settings.parameters if name not in known]:
        raise ConfigError(
            f"{where}: unknown key '{unknown[0]}'{perhaps(unknown[0], known)}; known are {', '.join(known)}"
        )
    files = drawn_files(settings)
    given = ", ".join(f"{name}: {value}" for name, value in settings.parameters.items())
    try:
        return kind(p=settings.p, **settings.parameters | files)
    except (TypeError, ValueError, AssertionError, OSError, ImportError) as error:
        raise ConfigError(f"{where} does not take {{{given}}}{f': {error}' if str(error) else ''}") from error
