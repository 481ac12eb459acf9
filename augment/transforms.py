"""Our own waveform augmentations, in the form of audiomentations: what a room, a microphone and noise do to a sound.

A view must cost a fraction of what the network costs, or a data process cannot keep up with training. The noise of all
of them is read out of banks that are made once in a process, since drawing Gaussian samples costs more than using them.
"""

import functools
import math
import random

import numpy as np
from audiomentations.core.transforms_interface import BaseWaveformTransform
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import sosfilt

Waveform = NDArray[np.float32]

BANK_SAMPLES = 1 << 18
"""Of each bank of noise, 16 s at 16 kHz; where a stretch starts in it, and its sign, are drawn for each view."""
MIN_RT60_S = 0.001
"""Shorter than a sample, a tail would be empty."""
SLOPES_DB_PER_OCTAVE = (-6.0, -4.5, -3.0, -1.5, 0.0, 1.5, 3.0, 4.5, 6.0)
"""Noise that is kept: Brownian (-6), pink (-3), white (0), blue (3), violet (6), and between them."""


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
        if not MIN_RT60_S <= min_rt60_s <= max_rt60_s:
            raise ValueError(f"min_rt60_s must be at least {MIN_RT60_S:g} and at most max_rt60_s")
        if min_direct_to_reverberant_db > max_direct_to_reverberant_db:
            raise ValueError("min_direct_to_reverberant_db must be at most max_direct_to_reverberant_db")
        self.min_rt60_s = min_rt60_s
        self.max_rt60_s = max_rt60_s
        self.min_direct_to_reverberant_db = min_direct_to_reverberant_db
        self.max_direct_to_reverberant_db = max_direct_to_reverberant_db

    def randomize_parameters(self, samples: Waveform, sample_rate: int) -> None:
        """Draws the room: reverberation time, direct-to-reverberant ratio and its noise."""
        super().randomize_parameters(samples, sample_rate)
        if self.parameters["should_apply"]:
            self.parameters["rt60_s"] = random.uniform(self.min_rt60_s, self.max_rt60_s)
            self.parameters["direct_to_reverberant_db"] = random.uniform(
                self.min_direct_to_reverberant_db, self.max_direct_to_reverberant_db
            )
            self.parameters["noise_start"] = random.randrange(BANK_SAMPLES)

    def apply(self, samples: Waveform, sample_rate: int) -> Waveform:
        """Returns the samples as heard in the room that was drawn."""
        length = int(self.parameters["rt60_s"] * sample_rate)
        noise = stretch_of(noise_bank(0.0), self.parameters["noise_start"], length)
        return reverberate(samples, impulse_response(noise, self.parameters["direct_to_reverberant_db"]))


class AddNoise(BaseWaveformTransform):  # type: ignore[misc]  # audiomentations has no types
    """Adds noise whose power falls or rises by a drawn number of dB an octave, at a drawn ratio to the signal.

    The ratio is of the RMS of the whole view, as in audiomentations' `AddGaussianSNR` and `AddColorNoise`, to which
    this is the cheaper twin; slopes are drawn among `SLOPES_DB_PER_OCTAVE`.
    """

    supports_multichannel = False

    def __init__(
        self,
        min_snr_db: float = 5.0,
        max_snr_db: float = 40.0,
        min_slope_db_per_octave: float = -6.0,
        max_slope_db_per_octave: float = 6.0,
        p: float = 0.5,
    ) -> None:
        super().__init__(p)
        if min_snr_db > max_snr_db:
            raise ValueError("min_snr_db must be at most max_snr_db")
        self.slopes = [s for s in SLOPES_DB_PER_OCTAVE if min_slope_db_per_octave <= s <= max_slope_db_per_octave]
        if not self.slopes:
            raise ValueError(f"none of the slopes {SLOPES_DB_PER_OCTAVE} lies within these dB an octave")
        self.min_snr_db = min_snr_db
        self.max_snr_db = max_snr_db

    def randomize_parameters(self, samples: Waveform, sample_rate: int) -> None:
        """Draws the ratio, the slope, and which noise of that slope it is."""
        super().randomize_parameters(samples, sample_rate)
        if self.parameters["should_apply"]:
            self.parameters["snr_db"] = random.uniform(self.min_snr_db, self.max_snr_db)
            self.parameters["slope_db_per_octave"] = random.choice(self.slopes)
            self.parameters["noise_start"] = random.randrange(BANK_SAMPLES)
            self.parameters["sign"] = random.choice((-1, 1))

    def apply(self, samples: Waveform, sample_rate: int) -> Waveform:
        """Returns the samples with the noise that was drawn."""
        bank = noise_bank(self.parameters["slope_db_per_octave"])
        noise = stretch_of(bank, self.parameters["noise_start"], len(samples))
        wanted = rms(samples) * 10 ** (-self.parameters["snr_db"] / 20)
        noisy: Waveform = noise * np.float32(self.parameters["sign"] * wanted / max(rms(noise), 1e-10))
        noisy += samples
        return noisy


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


def impulse_response(noise: Waveform, direct_to_reverberant_db: float) -> Waveform:
    """Returns a direct path, then `noise` decaying by 60 dB from its first sample to its last, (1 + samples,)."""
    response = np.empty(len(noise) + 1, dtype=np.float32)
    response[0] = 1
    tail = response[1:]
    tail[:] = noise
    tail *= np.exp(np.linspace(0, -3 * math.log(10), len(noise), dtype=np.float32))
    tail *= 10 ** (-direct_to_reverberant_db / 20) / math.sqrt(float(tail @ tail))
    return response


def reverberate(samples: Waveform, response: Waveform) -> Waveform:
    """Returns samples as heard through a response, of the same length and level (RMS)."""
    size = next_fast_len(len(samples) + len(response) - 1, real=True)
    # What rings on after the end is cut off with the padding.
    wet: Waveform = irfft(rfft(samples, size) * rfft(response, size), size)[: len(samples)]
    wet *= np.float32(rms(samples) / max(rms(wet), 1e-10))
    return wet


@functools.cache
def noise_bank(slope_db_per_octave: float) -> Waveform:
    """Returns Gaussian noise of RMS 1 whose power has this slope, float32 (BANK_SAMPLES,); always the same."""
    generator = np.random.default_rng(round(1_000 + 10 * slope_db_per_octave))
    spectrum = rfft(generator.standard_normal(BANK_SAMPLES, dtype=np.float32))
    # 6.02 dB of power an octave are a factor of 2 in amplitude.
    steepness = slope_db_per_octave / (20 * math.log10(2))
    spectrum[1:] *= np.arange(1, len(spectrum), dtype=np.float32) ** np.float32(steepness)
    spectrum[0] = 0
    bank: Waveform = irfft(spectrum, BANK_SAMPLES).astype(np.float32)
    return bank / np.float32(rms(bank))


def stretch_of(bank: Waveform, start: int, length: int) -> Waveform:
    """Returns `length` samples of a bank from `start` on, beginning anew where it ends."""
    if start + length <= len(bank):
        return bank[start : start + length]
    return np.resize(np.roll(bank, -start), length)


def rms(samples: Waveform) -> float:
    """Returns the root of the mean square."""
    return math.sqrt(float(samples @ samples) / max(1, len(samples)))


OWN = {transform.__name__: transform for transform in (AddNoise, Equalizer, RoomResponse)}
"""By the name that a config gives them."""
