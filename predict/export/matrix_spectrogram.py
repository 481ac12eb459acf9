"""Three-channel spectrograms from matrix products alone, which every runtime has and computes quickly."""

import math

import torch
from torch import Tensor, nn

from emoclr.augment.spectrogram import Spectrogram


class MatrixSpectrogram(nn.Module):
    """What a `Spectrogram` gives, by a discrete Fourier transform that is a matrix product over frames.

    Runtimes compute ONNX's STFT slowly, and some refuse it for waveforms of any length. A frame x of n samples is
    folded first: cosines take x[t] + x[n - t], sines take x[t] - x[n - t], which halves the products. Window and sign
    are part of the matrices; a periodic Hann window is zero at t = 0, so that sample is left out.

    Args:
        spectrogram: of which filters and sizes are taken.

    Examples:
        >>> from emoclr.augment import SpectrogramSettings
        >>> spectrogram, waveforms = Spectrogram(SpectrogramSettings(bands=64)), torch.randn(2, 16_000)
        >>> found = MatrixSpectrogram(spectrogram)(waveforms)
        >>> found.shape, bool((found - spectrogram(waveforms)).abs().max() < 1e-4)
        (torch.Size([2, 3, 64, 51]), True)
    """

    cosines: Tensor
    sines: Tensor
    filters: Tensor
    averages: Tensor
    chroma_rows: Tensor

    def __init__(self, spectrogram: Spectrogram) -> None:
        super().__init__()
        self.n_fft, self.hop_length = spectrogram.n_fft, spectrogram.hop_length
        self.bands, self.log_offset = spectrogram.bands, spectrogram.log_offset
        self.chroma_peak = spectrogram.chroma_peak
        half = self.n_fft // 2
        times = torch.arange(1, half + 1)[:, None]  # (half, 1)
        angles = (times * torch.arange(half + 1) % self.n_fft).double() * (2 * math.pi / self.n_fft)  # (half, bins)
        window = spectrogram.window.double()[1 : half + 1, None]
        once = torch.where(times == half, 0.5, 1.0)  # the sample in the middle is folded onto itself
        self.register_buffer("cosines", (window * once * angles.cos()).float())
        self.register_buffer("sines", (window * angles.sin()).float())
        self.register_buffer("filters", spectrogram.filters.t().contiguous())  # (bins, bands + 12)
        self.register_buffer("averages", spectrogram.stft_rows.t().contiguous())  # (bins, bands)
        self.register_buffer("chroma_rows", spectrogram.chroma_rows)

    def forward(self, waveforms: Tensor) -> Tensor:
        """Returns float32 (B, 3, bands, N) of waveforms (B, samples)."""
        half = self.n_fft // 2
        frames = self._frames(waveforms)  # (B, N, n_fft)
        first, second = frames[..., 1 : half + 1], frames[..., half:].flip(2)  # (B, N, half) each
        real, imaginary = torch.matmul(first + second, self.cosines), torch.matmul(first - second, self.sines)
        power = real * real + imaginary * imaginary  # (B, N, bins)
        filtered = torch.matmul(power, self.filters).transpose(1, 2)  # (B, bands + 12, N)
        mel, chroma = filtered[:, : self.bands], filtered[:, self.bands :]
        if self.chroma_peak:
            largest = chroma.amax(dim=1, keepdim=True)  # (B, 1, N)
            chroma = chroma / torch.where(largest < torch.finfo(torch.float32).tiny, torch.ones_like(largest), largest)
        else:
            chroma = (chroma + self.log_offset).log()
        stft = torch.matmul((power + 1e-20).sqrt(), self.averages).transpose(1, 2)  # (B, bands, N)
        log_mel, log_stft = ((channel + self.log_offset).log() for channel in (mel, stft * stft))
        return torch.stack([log_mel, chroma.index_select(1, self.chroma_rows), log_stft], dim=1)

    def _frames(self, waveforms: Tensor) -> Tensor:
        """Returns frames (B, N, n_fft), centred, with zeros beyond the ends: side by side lie pieces of a hop each."""
        hop, pieces = self.hop_length, -(-self.n_fft // self.hop_length)
        count = 1 + waveforms.shape[1] // hop
        rows = count + pieces - 1
        padded = nn.functional.pad(waveforms, (self.n_fft // 2, pieces * hop))[:, : rows * hop]
        hops = padded.reshape(-1, rows, hop)  # (B, N + pieces - 1, hop)
        return torch.cat([hops[:, piece : piece + count] for piece in range(pieces)], dim=2)[..., : self.n_fft]
