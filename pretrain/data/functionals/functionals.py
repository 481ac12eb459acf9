"""Functionals of a crop: what a listener hears of how something is said, as numbers."""

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft
from scipy.signal import find_peaks

from emoclr.pretrain.data.functionals.pitch import FFT_SAMPLES, MIN_PERIODICITY, SAMPLE_RATE, WINDOW_SAMPLES, find_pitch
from emoclr.pretrain.data.functionals.spectral_contours import NAMES, spectral_contours

Floats = NDArray[np.float32]

HOP_SAMPLES = 320
FUNCTIONALS = (
    *("pitch_median", "pitch_spread", "pitch_range", "pitch_slope", "pitch_change"),
    *("voiced_share", "voiced_runs_per_s", "voiced_run_s", "periodicity_mean", "periodicity_std"),
    *("energy_mean", "energy_spread", "energy_range", "energy_slope", "energy_rise", "energy_fall"),
    *("energy_peaks_per_s", "active_share"),
    *(f"{name}_mean" for name in NAMES),
    *(f"{name}_std" for name in NAMES),
    *(f"{name}_change" for name in NAMES if name.startswith("mfcc")),
)
"""Names of the numbers, in their order."""

_WINDOW = np.hanning(WINDOW_SAMPLES).astype(np.float32)
_FRAMES_PER_S = SAMPLE_RATE / HOP_SAMPLES
_ACTIVE_DB = -35.0
"""Frames down to here, from the loudest one, are described; what is softer is pause."""
_FLOOR_DB = -60.0
_MIN_FRAMES = 3
_PEAK_DB = 3.0
_MFCC = slice(-sum(name.startswith("mfcc") for name in NAMES), None)


def functionals(waveform: Floats) -> Floats:
    """Returns `FUNCTIONALS` of a waveform (samples,) at 16 kHz: float32 (functionals,), NaN where one does not exist.

    Pitch is in semitones over 100 Hz, over voiced frames; energy in dB under the loudest frame; spectral shape over
    frames that are no pause. The same waveform at another level has the same numbers. A silent one has none, and an
    unvoiced one no pitch.

    - spread, range: from the 20th to the 80th percentile, and from the 5th to the 95th;
    - slope: of a regression over time, per s;
    - change: mean absolute difference of neighbouring frames; rise and fall: mean of those up, and of those down;
    - voiced runs: stretches of voiced frames; energy peaks: maxima that stand out by 3 dB.

    Examples:
        >>> time_s = np.arange(16_000) / 16_000
        >>> tone = np.sin(2 * np.pi * 200 * time_s).astype(np.float32)
        >>> found = dict(zip(FUNCTIONALS, functionals(tone), strict=True))
        >>> float(found["pitch_median"].round(2)), float(found["voiced_share"])
        (12.0, 1.0)
    """
    found = np.full(len(FUNCTIONALS), np.nan, dtype=np.float32)
    power = power_spectra(waveform)
    energy = power.sum(axis=1)
    if not np.isfinite(energy).all() or energy.max() < np.finfo(np.float32).eps ** 2:
        return found
    energy_db = np.maximum(10 * np.log10(np.maximum(energy / energy.max(), 1e-12)), _FLOOR_DB)
    active = energy_db >= _ACTIVE_DB
    pitch = find_pitch(power)
    voiced = active & (pitch.periodicity >= MIN_PERIODICITY)
    runs = max(int((np.diff(voiced.astype(np.int8), prepend=0) > 0).sum()), 0)
    described = [
        *_pitch(12 * np.log2(pitch.hz / 100), voiced),
        voiced.sum() / active.sum(),
        runs * _FRAMES_PER_S / len(voiced),
        voiced.sum() / runs / _FRAMES_PER_S if runs else np.nan,
        pitch.periodicity[active].mean(),
        pitch.periodicity[active].std(),
        *_energy(energy_db, active),
    ]
    found[: len(described)] = described
    contours = spectral_contours(power)[active]  # (active frames, NAMES)
    shapes = [contours.mean(axis=0), contours.std(axis=0)]
    if len(contours) > 1:
        shapes.append(np.abs(np.diff(contours[:, _MFCC], axis=0)).mean(axis=0))
    spectral = np.concatenate(shapes)
    found[len(described) : len(described) + len(spectral)] = spectral
    return found


def power_spectra(waveform: Floats) -> Floats:
    """Returns power spectra (frames, FFT_SAMPLES / 2 + 1); what is shorter than a frame is one."""
    padded = np.pad(waveform, (0, max(0, WINDOW_SAMPLES - len(waveform))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW_SAMPLES)[::HOP_SAMPLES]
    spectrum = rfft((frames - frames.mean(axis=1, keepdims=True)) * _WINDOW, FFT_SAMPLES)
    power: Floats = np.square(spectrum.real) + np.square(spectrum.imag)
    return power


def _pitch(semitones: Floats, voiced: NDArray[np.bool_]) -> list[float]:
    if voiced.sum() < _MIN_FRAMES:
        return [np.nan] * 5
    low, lower, median, upper, high = _quantiles(semitones[voiced], (0.05, 0.2, 0.5, 0.8, 0.95))
    beside = voiced[1:] & voiced[:-1]
    change = np.abs(np.diff(semitones))[beside].mean() if beside.any() else np.nan
    return [median, upper - lower, high - low, _slope(semitones, voiced), change]


def _energy(energy_db: Floats, active: NDArray[np.bool_]) -> list[float]:
    low, lower, upper, high = _quantiles(energy_db[active], (0.05, 0.2, 0.8, 0.95))
    steps = np.diff(energy_db)
    rises, falls = steps[steps > 0], steps[steps < 0]
    return [
        energy_db[active].mean(),
        upper - lower,
        high - low,
        _slope(energy_db, active) if active.sum() >= _MIN_FRAMES else np.nan,
        rises.mean() if len(rises) else 0.0,
        falls.mean() if len(falls) else 0.0,
        len(find_peaks(energy_db, prominence=_PEAK_DB)[0]) * _FRAMES_PER_S / len(energy_db),
        active.mean(),
    ]


def _quantiles(values: Floats, shares: tuple[float, ...]) -> Floats:
    """Returns what `np.quantile` does, in a tenth of its time."""
    ordered = np.sort(values)
    return np.interp(np.multiply(shares, len(values) - 1), np.arange(len(values)), ordered).astype(np.float32)


def _slope(contour: Floats, where: NDArray[np.bool_]) -> float:
    """Returns the slope per s of a regression over the frames where it counts."""
    time_s = np.flatnonzero(where) / _FRAMES_PER_S
    time_s = time_s - time_s.mean()
    return float(time_s @ contour[where] / np.square(time_s).sum())
