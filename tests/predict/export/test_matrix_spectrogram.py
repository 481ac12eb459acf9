"""Spectrograms by matrix products are those by the fast Fourier transform."""

from typing import Literal

import numpy as np
import pytest
import torch

from emoclr.augment.settings import SpectrogramSettings
from emoclr.augment.spectrogram import Spectrogram
from emoclr.predict.export.matrix_spectrogram import MatrixSpectrogram


@pytest.mark.parametrize(
    ("n_fft", "hop_length", "bands"), [(1024, 320, 96), (64, 32, 12), (64, 64, 16), (66, 7, 16), (512, 160, 128)]
)
@pytest.mark.parametrize("samples", [1, 63, 320, 4_001])
@pytest.mark.parametrize("chroma", ["power", "peak"])
def test_it_gives_what_the_fast_transform_gives(
    n_fft: int, hop_length: int, bands: int, samples: int, chroma: Literal["power", "peak"]
) -> None:
    settings = SpectrogramSettings(n_fft=n_fft, hop_length=hop_length, bands=bands, chroma=chroma)
    spectrogram = Spectrogram(settings)
    generator = np.random.default_rng(0)
    time = np.arange(samples) / 16_000
    rows = [generator.normal(size=samples), np.zeros(samples), np.sin(2 * np.pi * 440 * time), np.ones(samples)]
    waveforms = torch.from_numpy(np.stack(rows)).float() * torch.tensor([0.1, 1.0, 1.0, 0.01])[:, None]
    found, expected = MatrixSpectrogram(spectrogram)(waveforms), spectrogram(waveforms)
    # A chromagram with a peak of 1 is relative to it, so that what silence leaves of rounding counts in it.
    torch.testing.assert_close(found[:, [0, 2]], expected[:, [0, 2]], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found[:3, 1], expected[:3, 1], rtol=1e-3, atol=1e-3)
