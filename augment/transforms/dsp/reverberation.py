"""Synthetic rooms: an impulse response of decaying noise (Polack 1988), and its convolution with a sound."""

import math

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from emoclr.corpus.audio.samples import Waveform, rms


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
    """Returns samples convolved with a response, of the same length and level (RMS)."""
    size = next_fast_len(len(samples) + len(response) - 1, real=True)
    # What rings on after the end is cut off with the padding.
    wet: Waveform = irfft(rfft(samples, size) * rfft(response, size), size)[: len(samples)]
    wet *= np.float32(rms(samples) / max(rms(wet), 1e-10))
    return wet
