"""Pitch by autocorrelation, all frames at once."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft

Floats = NDArray[np.float32]

SAMPLE_RATE = 16_000
WINDOW_SAMPLES = 1_024
FFT_SAMPLES = 1_536
"""Room for a lag of the lowest pitch behind the window; a size that FFTs are quick at."""
MIN_PITCH_HZ, MAX_PITCH_HZ = 65.0, 700.0
MIN_PERIODICITY = 0.6
"""Share of a frame's power that repeats after a period; voiced from here on."""

_HIGHEST_HZ = 2_000.0
_LOWEST_HZ = 50.0
_OCTAVE_COST = 0.04
_LAG_RATE = SAMPLE_RATE // 2
_LAGS = np.arange(int(_LAG_RATE / MAX_PITCH_HZ) - 1, int(_LAG_RATE / MIN_PITCH_HZ) + 2)


class Pitch(NamedTuple):
    """Fundamental frequency in Hz and periodicity from 0 to 1 of each frame, float32 (frames,) each."""

    hz: Floats
    periodicity: Floats


def _autocorrelation(power: Floats) -> Floats:
    """Returns autocorrelations (frames, lags) over that at lag 0, of spectra from 50 Hz to 2 kHz."""
    bins = FFT_SAMPLES * _LAG_RATE // SAMPLE_RATE // 2 + 1
    band = power[:, :bins] * _BAND
    found: Floats = irfft(band, FFT_SAMPLES // 2)[:, : _LAGS[-1] + 1]
    return (found[:, _LAGS] / np.maximum(found[:, :1], np.finfo(np.float32).tiny)).astype(np.float32, copy=False)


def find_pitch(power: Floats) -> Pitch:
    """Returns the pitch of frames by their power spectra (frames, FFT_SAMPLES / 2 + 1).

    The autocorrelation of a Hann-windowed frame over that of the window has its highest peak at the period (Boersma
    1993); of peaks as high, the shorter period is taken.

    Examples:
        >>> time_s = np.arange(WINDOW_SAMPLES) / SAMPLE_RATE
        >>> tone = np.hanning(WINDOW_SAMPLES) * np.sign(np.sin(2 * np.pi * 220 * time_s))
        >>> pitch = find_pitch(np.abs(np.fft.rfft(tone, FFT_SAMPLES)[None]).astype(np.float32) ** 2)
        >>> int(pitch.hz[0].round()), bool(pitch.periodicity[0] > 0.9)
        (220, True)
    """
    found = _autocorrelation(power) / _OF_WINDOW  # (frames, lags)
    before, here, after = found[:, :-2], found[:, 1:-1], found[:, 2:]
    # Vertices of parabolas: between samples a short period would lose against its double.
    curvature = np.minimum(before - 2 * here + after, -np.finfo(np.float32).eps)
    shifts = 0.5 * (before - after) / curvature
    heights = here - 0.25 * (before - after) * shifts
    scores = np.where((here > before) & (here >= after), heights - _COSTS, -np.inf)
    best = scores.argmax(axis=1)
    rows = np.arange(len(found))
    peaked = np.isfinite(scores[rows, best])
    hz = _LAG_RATE / (_LAGS[1 + best] + np.where(peaked, shifts[rows, best], 0))
    periodicity = np.where(peaked, np.clip(heights[rows, best], 0, 1), 0)
    return Pitch(hz.astype(np.float32), periodicity.astype(np.float32))


def _constants() -> tuple[Floats, Floats, Floats]:
    hz = np.arange(FFT_SAMPLES * _LAG_RATE // SAMPLE_RATE // 2 + 1) * SAMPLE_RATE / FFT_SAMPLES
    band = ((hz >= _LOWEST_HZ) & (hz <= _HIGHEST_HZ)).astype(np.float32)
    window = np.hanning(WINDOW_SAMPLES)
    of_window = np.fft.irfft(np.abs(np.fft.rfft(window, 2 * WINDOW_SAMPLES)) ** 2)
    step = SAMPLE_RATE // _LAG_RATE
    costs = _OCTAVE_COST * np.log2(_LAGS[1:-1] / _LAGS[1])
    return band, (of_window[_LAGS * step] / of_window[0]).astype(np.float32), costs.astype(np.float32)


_BAND, _OF_WINDOW, _COSTS = _constants()
