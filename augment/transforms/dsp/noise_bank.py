"""Banks of coloured noise, made once in a process: drawing Gaussian samples costs more than using them."""

import functools

import numpy as np

from emoclr.corpus.audio.noise import coloured_noise
from emoclr.corpus.audio.samples import Waveform

BANK_SAMPLES = 1 << 18
"""Of each bank, 16 s at 16 kHz; where a stretch starts in it, and its sign, are drawn for each view."""

SLOPES_DB_PER_OCTAVE = (-6.0, -4.5, -3.0, -1.5, 0.0, 1.5, 3.0, 4.5, 6.0)
"""Brownian (-6), pink (-3), white (0), blue (3) and violet (6) noise, and between them."""


@functools.cache
def noise_bank(slope_db_per_octave: float) -> Waveform:
    """Returns Gaussian noise of RMS 1 and mean 0 whose power has this slope, (BANK_SAMPLES,); always the same."""
    generator = np.random.default_rng(round(1_000 + 10 * slope_db_per_octave))
    white = generator.standard_normal(BANK_SAMPLES, dtype=np.float32)
    return coloured_noise(white - white.mean(), slope_db_per_octave)


def bank_excerpt(bank: Waveform, start: int, length: int) -> Waveform:
    """Returns `length` samples of a bank from `start` on, beginning anew where it ends."""
    if start + length <= len(bank):
        return bank[start : start + length]
    return np.resize(np.roll(bank, -start), length)
