"""Spectral shape of each frame, free of level."""

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

from emoclr.augment.spectrogram import hz_to_mel, mel_filters, mel_to_hz
from emoclr.pretrain.data.functionals.pitch import FFT_SAMPLES, SAMPLE_RATE

Floats = NDArray[np.float32]

MEL_BANDS = 26
CEPSTRA = 12
SHAPES = ("centroid", "bandwidth", "slope_low", "slope_high", "alpha_ratio", "hammarberg", "flatness", "flux")
NAMES = (*SHAPES, *(f"mfcc_{number}" for number in range(1, CEPSTRA + 1)))
"""Of the columns of `spectral_contours`."""

_FLOOR = 1e-8
"""Of a mel band's power, over the mean power of the loudest frame: digital silence is at -80 dB."""

_HZ = np.arange(FFT_SAMPLES // 2 + 1) * SAMPLE_RATE / FFT_SAMPLES


def _bands(*edges_hz: tuple[float, float]) -> Floats:
    """Returns a (bins, bands) matrix that sums power between edges in Hz."""
    return np.stack([(low <= _HZ) & (high > _HZ) for low, high in edges_hz], axis=1).astype(np.float32)


def _regressions(edges_hz: NDArray[np.float64], *ranges_hz: tuple[float, float]) -> Floats:
    """Returns a (mel bands, ranges) matrix that gives slopes in dB per kHz of levels in dB."""
    centres = edges_hz[1:-1] / 1_000
    columns = []
    for low, high in ranges_hz:
        inside = (centres * 1_000 >= low) & (centres * 1_000 < high)
        offsets = np.where(inside, centres - centres[inside].mean(), 0)
        columns.append(offsets / np.square(offsets).sum())
    return np.stack(columns, axis=1).astype(np.float32)


_EDGES_HZ = mel_to_hz(np.linspace(0, float(hz_to_mel(SAMPLE_RATE / 2)), MEL_BANDS + 2))
_MEL = mel_filters(_HZ, _EDGES_HZ).T.astype(np.float32)
_SLOPES = _regressions(_EDGES_HZ, (0, 500), (500, 2_500))
_RATIOS = _bands((50, 1_000), (1_000, 5_000))
_OCTAVES = np.log2(np.maximum(_HZ, 50.0) / 1_000).astype(np.float32)
_HAMMARBERG = _EDGES_HZ[1:-1] < 2_000, (_EDGES_HZ[1:-1] >= 2_000) & (_EDGES_HZ[1:-1] < 5_000)


def spectral_contours(power: Floats) -> Floats:
    """Returns the spectral shape of frames by their power spectra (frames, bins): float32 (frames, `NAMES`).

    Centroid and bandwidth are in octaves (0 is 1 kHz); slopes below 500 Hz and from there to 2.5 kHz in dB per kHz;
    alpha ratio (1 to 5 kHz over 50 Hz to 1 kHz), Hammarberg index (highest band below 2 kHz over the highest from there
    to 5 kHz) and flatness in dB (Eyben et al. 2016, eGeMAPS); flux is the distance from the frame before, of mel
    spectra of norm 1. Cepstral coefficients are of the log power of 26 mel bands; the first, level, is left out.

    Examples:
        >>> spectral_contours(np.ones((5, FFT_SAMPLES // 2 + 1), np.float32)).shape == (5, len(NAMES))
        True
    """
    total = np.maximum(power.sum(axis=1), np.finfo(np.float32).tiny)  # (frames,)
    centroid = power @ _OCTAVES / total
    bandwidth = np.sqrt(np.maximum(power @ np.square(_OCTAVES) / total - np.square(centroid), 0))
    mel = power @ _MEL + _FLOOR * total.max() / power.shape[1]  # (frames, bands)
    level_db = 10 * np.log10(mel)
    slopes = level_db @ _SLOPES
    sums = power @ _RATIOS + _FLOOR * total.max()
    alpha = 10 * np.log10(sums[:, 1] / sums[:, 0])
    low, high = (level_db[:, bands].max(axis=1) for bands in _HAMMARBERG)
    flatness = level_db.mean(axis=1) - 10 * np.log10(mel.mean(axis=1))
    unit = mel / np.sqrt(np.square(mel).sum(axis=1, keepdims=True))
    flux = np.sqrt(np.square(np.diff(unit, axis=0, prepend=unit[:1])).sum(axis=1))
    cepstra = dct(level_db, norm="ortho")[:, 1 : 1 + CEPSTRA]  # (frames, CEPSTRA)
    shapes = np.stack([centroid, bandwidth, *slopes.T, alpha, low - high, flatness, flux], axis=1)
    contours: Floats = np.concatenate([shapes, cepstra], axis=1).astype(np.float32)
    return contours
