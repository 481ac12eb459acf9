from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

RATE = 16_000
Waveform = NDArray[np.float32]


@pytest.fixture(scope="session")
def voice() -> Callable[..., Waveform]:
    """Returns voice(f0_hz, duration_s=0.6, rate=16000) -> a steady harmonic series up to 4 kHz, -6 dB an octave."""

    def make(f0_hz: float, duration_s: float = 0.6, rate: int = RATE) -> Waveform:
        times = np.arange(round(duration_s * rate)) / rate
        harmonics = np.arange(1, int(4_000 / f0_hz) + 1)
        phases = np.random.default_rng(0).uniform(0, 2 * np.pi, len(harmonics))
        waves = np.sin(2 * np.pi * f0_hz * np.outer(harmonics, times) + phases[:, None]) / harmonics[:, None]
        total = waves.sum(axis=0)
        return (0.3 * total / np.abs(total).max()).astype(np.float32)

    return make


@pytest.fixture(scope="session")
def cents_from() -> Callable[..., float]:
    """Returns cents_from(waveform, f0_hz, rate=16000) -> how far the period of the loudest part is from 1 / f0_hz.

    The autocorrelation's peak near four periods, found within a third of an octave of one and refined by a parabola.
    """

    def measure(waveform: Waveform, f0_hz: float, rate: int = RATE) -> float:
        n = 4_096
        starts = range(0, len(waveform) - n + 1, n // 4)
        frame = max((waveform[start : start + n].astype(np.float64) for start in starts), key=lambda part: part @ part)
        power = np.abs(np.fft.rfft(frame - frame.mean(), 2 * n)) ** 2
        correlation = np.fft.irfft(power)[:n] / np.arange(n, 0, -1)
        period = rate / f0_hz
        for periods in (1, 2, 4):
            reach = period * (0.26 if periods == 1 else 0.25 / periods)
            first, last = round(periods * period - reach), round(periods * period + reach)
            peak = first + int(np.argmax(correlation[first : last + 1]))
            left, top, right = correlation[peak - 1 : peak + 2]
            period = (peak + 0.5 * (left - right) / (left - 2 * top + right)) / periods
        return float(-1200 * np.log2(period * f0_hz / rate))

    return measure
