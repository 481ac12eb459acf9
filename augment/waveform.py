"""Waveform augmentation through audiomentations, reproducible from a seed sequence."""

import contextlib
import inspect
import random
import re
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
from emoclr.configs.messages import one_line, perhaps

TRIALS = 32
"""Views of each transform that are tried before a run."""
NO_NUMBERS = "gives values that are no numbers"

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
        self.transforms = [_build(settings, sample_rate) for settings in transforms]

    def __call__(self, waveform: NDArray[np.float32], seeds: np.random.SeedSequence) -> NDArray[np.float32]:
        """Returns the augmented waveform, float32 `(samples,)`, of the same length.

        Where a transform changes the length, the end is cut off, or the whole repeated until it fills it.

        audiomentations draws from the global generators of Python and NumPy; they are seeded for this one call and
        put back afterwards, so that nothing else in the process notices.

        Raises:
            EmoclrError: a transform fails, such as one that draws a file which is no recording, or gives values that
                are no numbers.
        """
        augmented = waveform
        if not self.transforms:
            return augmented
        with generators_restored(), _denormals_as_zero(), np.errstate(over="ignore", invalid="ignore"):
            first, second = seeds.generate_state(2)
            random.seed(int(first))
            np.random.seed(int(second))
            random.random()  # audiomentations' Compose draws it, with which earlier versions made the same views
            for transform in self.transforms:
                try:
                    augmented = transform(augmented, self.sample_rate)
                except Exception as error:
                    reason = f"{type(error).__name__}: {one_line(error)}".removesuffix(": ")
                    raise EmoclrError(_told(transform, reason)) from error
                if not np.isfinite(augmented).all():
                    raise EmoclrError(_told(transform, NO_NUMBERS))
        if len(augmented) != len(waveform):
            augmented = np.resize(augmented, waveform.shape)
        return np.ascontiguousarray(augmented, dtype=np.float32)


def check_transforms(transforms: Sequence[TransformSettings], sample_rate: int, samples: int) -> None:
    """Tries each transform on its own, on noise and on silence, before any work is put into its views.

    Those that draw from files are left out: their files are read when views are made.

    Args:
        transforms: of the run.
        sample_rate: Hz.
        samples: length of a view.

    Raises:
        ConfigError: there is no such transform, it does not take its parameters, or some of its views fail, hold values
            that are no numbers, or are silent throughout; the message tells how many of them, and the parameters.

    Examples:
        >>> check_transforms([TransformSettings(name="Gain")], 16_000, samples=16_000)
    """
    noise = np.random.default_rng(0).normal(0, 0.1, min(samples, sample_rate)).astype(np.float32)
    for settings in transforms:
        augmentation = WaveformAugmentation([settings.model_copy(update={"p": 1.0})], sample_rate)
        if settings.places:
            continue
        problems, silent = [], 0
        for trial in range(TRIALS):
            sound = noise if trial % 4 else np.zeros_like(noise)
            try:
                augmented = augmentation(sound, np.random.SeedSequence((trial, 0)))
            except EmoclrError as error:
                problems.append(str(error))
            else:
                silent += bool(sound.any() and not augmented.any())
        if problems:
            raise ConfigError(f"{problems[0]}; so in {len(problems)} of {TRIALS} trial views")
        if silent == TRIALS - TRIALS // 4:
            raise ConfigError(f"augment.transforms: {settings.name}: gives silence, whatever it is given")


def _told(transform: Any, problem: str) -> str:
    """Returns what a transform did, with the parameters and the files that it had drawn."""
    drawn = [
        f"{name}: {value:g}" if isinstance(value, float | np.floating) else f"{name}: {value}"
        for name, value in transform.parameters.items()
        if name != "should_apply" and isinstance(value, str | int | float | np.number | Path)
    ]
    how = f", with {{{', '.join(drawn)}}}" if drawn else ""
    return f"augment.transforms: {type(transform).__name__}: {problem}{how}"


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


def _build(settings: TransformSettings, sample_rate: int) -> Any:
    """Returns the transform that the settings name.

    Raises:
        ConfigError: there is no such class, or it does not take these parameters, such as frequencies that there are
            none of at this sample rate.
    """
    where = f"augment.transforms: {settings.name}"
    kind = own_transform(settings.name) or getattr(audiomentations, settings.name, None)
    if kind is None:
        raise ConfigError(f"augment.transforms: audiomentations has no {settings.name}")
    taken = inspect.signature(kind).parameters
    known = [name for name in taken if name != "p"]
    if unknown := [name for name in settings.parameters if name not in known]:
        raise ConfigError(
            f"{where}: unknown key '{unknown[0]}'{perhaps(unknown[0], known)}; known are {', '.join(known)}"
        )
    for name in known:
        value = settings.parameters.get(name, taken[name].default)
        if re.search(r"freq|_hz$", name) and isinstance(value, int | float) and value >= sample_rate / 2:
            raise ConfigError(
                f"{where}: {name}: {value:g} Hz is not below half of the sample rate, {sample_rate / 2:g}"
            )
    files = drawn_files(settings)
    given = ", ".join(f"{name}: {value}" for name, value in settings.parameters.items())
    try:
        return kind(p=settings.p, **settings.parameters | files)
    except (TypeError, ValueError, AssertionError, OSError, ImportError) as error:
        raise ConfigError(f"{where} does not take {{{given}}}{f': {error}' if str(error) else ''}") from error
