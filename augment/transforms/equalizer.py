"""A microphone's frequency response: two shelves and a peak."""

import math
import random

import numpy as np
from audiomentations.core.transforms_interface import BaseWaveformTransform
from scipy.signal import sosfilt

from emoclr.corpus.audio.samples import Waveform


class Equalizer(BaseWaveformTransform):  # type: ignore[misc]  # audiomentations has no types
    """Tilts the spectrum as another microphone would: a low shelf, a peak and a high shelf in one pass.

    Each of the three gets a gain drawn for itself; the corner and centre frequencies are drawn on a logarithmic scale.
    Biquads after R. Bristow-Johnson, Cookbook formulae for audio EQ biquad filter coefficients.
    """

    supports_multichannel = False

    def __init__(
        self,
        min_gain_db: float = -6.0,
        max_gain_db: float = 6.0,
        min_low_hz: float = 80.0,
        max_low_hz: float = 500.0,
        min_peak_hz: float = 200.0,
        max_peak_hz: float = 5000.0,
        min_high_hz: float = 1500.0,
        max_high_hz: float = 6000.0,
        p: float = 0.5,
    ) -> None:
        super().__init__(p)
        self.bands_hz = {"low": (min_low_hz, max_low_hz), "peak": (min_peak_hz, max_peak_hz)}
        self.bands_hz["high"] = (min_high_hz, max_high_hz)
        for name, (lowest_hz, highest_hz) in self.bands_hz.items():
            if not 0 < lowest_hz <= highest_hz:
                raise ValueError(f"min_{name}_hz must be above 0 and at most max_{name}_hz")
        if min_gain_db > max_gain_db:
            raise ValueError("min_gain_db must be at most max_gain_db")
        self.min_gain_db = min_gain_db
        self.max_gain_db = max_gain_db

    def randomize_parameters(self, samples: Waveform, sample_rate: int) -> None:
        """Draws a gain and a frequency for each of the three filters."""
        super().randomize_parameters(samples, sample_rate)
        if self.parameters["should_apply"]:
            for name, (lowest_hz, highest_hz) in self.bands_hz.items():
                drawn_hz = math.exp(random.uniform(math.log(lowest_hz), math.log(highest_hz)))
                self.parameters[f"{name}_hz"] = min(drawn_hz, 0.45 * sample_rate)
                self.parameters[f"{name}_gain_db"] = random.uniform(self.min_gain_db, self.max_gain_db)

    def apply(self, samples: Waveform, sample_rate: int) -> Waveform:
        """Returns the samples, filtered."""
        sections = [
            biquad(name, self.parameters[f"{name}_hz"], self.parameters[f"{name}_gain_db"], sample_rate)
            for name in self.bands_hz
        ]
        # In single precision the poles of a shelf at 80 Hz, close to the unit circle, still lie well inside it.
        filtered: Waveform = sosfilt(np.array(sections, np.float32), samples).astype(np.float32, copy=False)
        return filtered


def biquad(kind: str, frequency_hz: float, gain_db: float, sample_rate: int) -> list[float]:
    """Returns the second-order section (b0, b1, b2, a0 = 1, a1, a2) of a `low` or `high` shelf or of a `peak`.

    Shelves have slope 1, the peak a Q of 1.
    """
    a = 10 ** (gain_db / 40)
    omega = 2 * math.pi * frequency_hz / sample_rate
    cosine = math.cos(omega)
    if kind == "peak":
        alpha = math.sin(omega) / 2
        b = [1 + alpha * a, -2 * cosine, 1 - alpha * a]
        down = [1 + alpha / a, -2 * cosine, 1 - alpha / a]
    else:
        # A high shelf is a low shelf with the sign of every cosine changed.
        sign = 1 if kind == "low" else -1
        root = 2 * math.sqrt(a) * math.sin(omega) / math.sqrt(2)
        c = sign * cosine
        b = [
            a * ((a + 1) - (a - 1) * c + root),
            sign * 2 * a * ((a - 1) - (a + 1) * c),
            a * ((a + 1) - (a - 1) * c - root),
        ]
        down = [(a + 1) + (a - 1) * c + root, sign * -2 * ((a - 1) + (a + 1) * c), (a + 1) + (a - 1) * c - root]
    return [value / down[0] for value in (*b, *down)]
