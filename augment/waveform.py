"""Waveform augmentation through audiomentations, reproducible from a seed sequence."""

import random
from collections.abc import Sequence
from typing import Any

import audiomentations
import numpy as np
from audiomentations.core.transforms_interface import BaseWaveformTransform
from numpy.typing import NDArray
from scipy.signal import oaconvolve

from augment.settings import TransformSettings
from configs.errors import ConfigError


class RoomResponse(BaseWaveformTransform):  # type: ignore[misc]  # audiomentations has no types
    """Adds the reverberation of a room, without a collection of impulse responses.

    The response is a direct path followed by Gaussian noise that decays by 60 dB in `rt60_s`, the statistical model of
    late reverberation (Polack 1988); `direct_to_reverberant_db` is the ratio of their energies. The result keeps the
    level (RMS) of the input, so that a large room is not a louder one.
    """

    supports_multichannel = False

    def __init__(
        self,
        min_rt60_s: float = 0.1,
        max_rt60_s: float = 0.6,
        min_direct_to_reverberant_db: float = 0.0,
        max_direct_to_reverberant_db: float = 12.0,
        p: float = 0.5,
    ) -> None:
        super().__init__(p)
        if not 0 < min_rt60_s <= max_rt60_s:
            raise ValueError("min_rt60_s must be above 0 and at most max_rt60_s")
        if min_direct_to_reverberant_db > max_direct_to_reverberant_db:
            raise ValueError("min_direct_to_reverberant_db must be at most max_direct_to_reverberant_db")
        self.min_rt60_s = min_rt60_s
        self.max_rt60_s = max_rt60_s
        self.min_direct_to_reverberant_db = min_direct_to_reverberant_db
        self.max_direct_to_reverberant_db = max_direct_to_reverberant_db

    def randomize_parameters(self, samples: NDArray[np.float32], sample_rate: int) -> None:
        """Draws the room: reverberation time, direct-to-reverberant ratio and the seed of its noise."""
        super().randomize_parameters(samples, sample_rate)
        if self.parameters["should_apply"]:
            self.parameters["rt60_s"] = random.uniform(self.min_rt60_s, self.max_rt60_s)
            self.parameters["direct_to_reverberant_db"] = random.uniform(
                self.min_direct_to_reverberant_db, self.max_direct_to_reverberant_db
            )
            self.parameters["seed"] = random.getrandbits(32)

    def apply(self, samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        """Returns the samples as heard in the room that was drawn."""
        length = int(self.parameters["rt60_s"] * sample_rate)
        # In single precision the convolution, which is most of what a view costs, takes half as long.
        tail = np.random.default_rng(self.parameters["seed"]).standard_normal(length, dtype=np.float32)
        tail *= np.logspace(0, -3, length + 1, dtype=np.float32)[1:]
        tail *= 10 ** (-self.parameters["direct_to_reverberant_db"] / 20) / np.sqrt(np.sum(tail**2))
        response = np.concatenate([np.ones(1, dtype=np.float32), tail])
        wet = oaconvolve(samples, response)[: len(samples)]
        level = np.sqrt(np.mean(np.square(samples, dtype=np.float64)) / max(float(np.mean(wet**2)), 1e-20))
        heard: NDArray[np.float32] = (wet * level).astype(np.float32)
        return heard


class WaveformAugmentation:
    """A chain of waveform augmentations whose every draw follows from a seed sequence."""

    def __init__(self, transforms: Sequence[TransformSettings], sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self.chain = audiomentations.Compose([_build(settings) for settings in transforms])

    def __call__(self, waveform: NDArray[np.float32], seeds: np.random.SeedSequence) -> NDArray[np.float32]:
        """Returns the augmented waveform, float32 `(samples,)`, of the same length.

        Where a transform changes the length, the end is cut off, or the whole repeated until it fills it.

        audiomentations draws from the global generators of Python and NumPy; they are seeded for this one call and
        put back afterwards, so that nothing else in the process notices.
        """
        if not self.chain.transforms:
            return waveform
        python_state, numpy_state = random.getstate(), np.random.get_state()
        first, second = seeds.generate_state(2)
        random.seed(int(first))
        np.random.seed(int(second))
        try:
            augmented: NDArray[np.float32] = self.chain(samples=waveform, sample_rate=self.sample_rate)
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)
        if len(augmented) != len(waveform):
            augmented = np.resize(augmented, waveform.shape)
        return np.ascontiguousarray(augmented)


def _build(settings: TransformSettings) -> Any:
    """Returns the transform that the settings name.

    Raises:
        ConfigError: there is no such class, or it does not take these parameters.
    """
    kind = RoomResponse if settings.name == "RoomResponse" else getattr(audiomentations, settings.name, None)
    if kind is None:
        raise ConfigError(f"augment.transforms: audiomentations has no {settings.name}")
    try:
        return kind(p=settings.p, **settings.parameters)
    except (TypeError, ValueError, AssertionError, OSError, ImportError) as error:
        raise ConfigError(f"augment.transforms: {settings.name}: {error or 'impossible parameters'}") from error
