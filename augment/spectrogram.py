"""Mel, chroma and short-time Fourier transform as the three channels of one image, from one STFT."""

import numpy as np
import torch
from torch import Tensor, nn

from emoclr.augment.settings import SpectrogramSettings


class Spectrogram(nn.Module):
    """Waveforms to three-channel spectrograms, `(batch, samples)` to `(batch, 3, bands, frames)`.

    Channel 0 is the log mel power spectrogram, channel 1 the chromagram, channel 2 the log STFT magnitude. Frames are
    centred and the ends padded with zeros, as in librosa: `frames = 1 + samples // hop_length`. `channels` gives the
    three before logarithm and resizing, equal to `librosa.feature.melspectrogram`,
    `librosa.feature.chroma_stft(tuning=0)` and `abs(librosa.stft)`.

    Differentiable, works in float32 on any device, and compiles with `torch.jit.script`.

    Examples:
        >>> spectrogram = Spectrogram(SpectrogramSettings(bands=64))
        >>> spectrogram(torch.zeros(2, 16_000)).shape  # (batch, channels, bands, frames)
        torch.Size([2, 3, 64, 51])
    """

    window: Tensor
    filters: Tensor
    chroma_rows: Tensor
    stft_rows: Tensor
    mel_axis: Tensor
    stft_axis: Tensor

    def __init__(self, settings: SpectrogramSettings) -> None:
        import librosa

        super().__init__()
        rate, n_fft, bands = settings.sample_rate, settings.n_fft, settings.bands
        self.n_fft = n_fft
        self.hop_length = settings.hop_length
        self.bands = bands
        self.log_offset = settings.log_offset
        mel = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=bands)  # (bands, bins)
        chroma = librosa.filters.chroma(sr=rate, n_fft=n_fft, tuning=0.0)  # (12, bins)
        rows = _averaging_rows(n_fft // 2 + 1, bands)  # (bands, bins)
        filters = np.concatenate([mel, chroma])  # (bands + 12, bins)
        # Constants follow from the settings: they need no place in a checkpoint.
        self.register_buffer("window", torch.hann_window(n_fft, periodic=True), persistent=False)
        self.register_buffer("filters", torch.from_numpy(filters).float(), persistent=False)
        self.register_buffer("chroma_rows", torch.arange(bands) * 12 // bands, persistent=False)
        self.register_buffer("stft_rows", torch.from_numpy(rows).float(), persistent=False)

        top_mel = librosa.hz_to_mel(rate / 2)
        mel_axis = librosa.hz_to_mel(librosa.mel_frequencies(n_mels=bands + 2, fmax=rate / 2)[1:-1]) / top_mel
        hz = librosa.fft_frequencies(sr=rate, n_fft=n_fft)
        stft_axis = librosa.hz_to_mel(rows @ hz) / top_mel
        self.register_buffer("mel_axis", torch.from_numpy(mel_axis).float(), persistent=False)
        self.register_buffer("stft_axis", torch.from_numpy(stft_axis).float(), persistent=False)

    def channels(self, waveforms: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns mel power (B, bands, N), chroma (B, 12, N) and STFT magnitude (B, n_fft / 2 + 1, N)."""
        spectrum = torch.stft(
            waveforms,
            n_fft=self.n_fft,
            hop_length=self.hop_length,
            window=self.window,
            center=True,
            pad_mode="constant",
            return_complex=True,
        )  # (B, bins, N)
        power = spectrum.real.square() + spectrum.imag.square()  # (B, bins, N)
        filtered = torch.matmul(self.filters, power)  # (B, bands + 12, N)
        mel = filtered[:, : self.bands]
        chroma = filtered[:, self.bands :]
        # librosa leaves frames alone whose largest value is below the smallest normal float.
        largest = chroma.amax(dim=1, keepdim=True)  # (B, 1, N)
        chroma = chroma / torch.where(largest < 1.1754944e-38, torch.ones_like(largest), largest)
        return mel, chroma, _magnitude(power)

    def forward(self, waveforms: Tensor) -> Tensor:
        """Returns float32 `(batch, 3, bands, frames)`; log channels are natural logarithms of power."""
        if waveforms.device.type != "cpu":
            return self._images(waveforms)
        # On a CPU a few clips at a time stay in its cache: twice as fast as the whole batch at once.
        together = max(1, 320_000 // waveforms.shape[1])
        return torch.cat([self._images(part) for part in torch.split(waveforms, together)])

    def _images(self, waveforms: Tensor) -> Tensor:
        mel, chroma, magnitude = self.channels(waveforms)
        stft = torch.matmul(self.stft_rows, magnitude)  # (B, bands, N)
        return torch.stack(
            [
                torch.log(mel + self.log_offset),
                chroma.index_select(1, self.chroma_rows),
                torch.log(stft.square() + self.log_offset),
            ],
            dim=1,
        )  # (B, 3, bands, N)


def _magnitude(power: Tensor) -> Tensor:
    # The gradient of a square root is infinite at zero, and digital silence is real.
    return torch.sqrt(power + 1e-20)


def _averaging_rows(bins: int, rows: int) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """Returns a (rows, bins) matrix that averages neighbouring bins, as area interpolation does."""
    edges = np.linspace(0, bins, rows + 1)
    position = np.arange(bins)
    overlap = np.minimum(edges[1:, None], position + 1) - np.maximum(edges[:-1, None], position)
    overlap = np.clip(overlap, 0, None)
    rows_averaged: np.ndarray[tuple[int, int], np.dtype[np.float64]] = overlap / overlap.sum(axis=1, keepdims=True)
    return rows_averaged
