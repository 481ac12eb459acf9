"""Mel, chroma and short-time Fourier transform as the three channels of one image, from one STFT."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.jit import is_scripting, is_tracing  # type: ignore[attr-defined]

from emoclr.augment.settings import SpectrogramSettings

Floats = npt.NDArray[np.float64]

_HZ_PER_MEL = 200 / 3
_LINEAR_HZ = 1_000.0
_LINEAR_MELS = _LINEAR_HZ / _HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27

_PART_SAMPLES = 160_000
"""So many samples at a time, for each thread, stay in a CPU's cache: two clips of 5 s at 16 kHz."""
_BLOCK_ROWS = 16

Block = tuple[Tensor, int, int]
"""Some rows of a matrix, (rows, last - first), all of whose other columns are zero; `first` and `last`."""


class Spectrogram(nn.Module):
    """Waveforms to three-channel spectrograms, `(batch, samples)` to `(batch, 3, bands, frames)`.

    Channel 0 is the log mel power spectrogram, channel 1 the log power chromagram, channel 2 the log STFT magnitude.
    Frames are centred and the ends padded with zeros, as in librosa: `frames = 1 + samples // hop_length`. `channels`
    gives the three before logarithm and resizing, equal to `librosa.feature.melspectrogram`,
    `librosa.feature.chroma_stft(tuning=0, norm=None)` and `abs(librosa.stft)`. With `chroma: peak` the second has
    librosa's default norm, and no logarithm. librosa itself is not loaded: its compiler (numba) takes seconds and
    180 MB, which answers about a recording need not wait for.

    Differentiable, works in float32 on any device, and can be scripted (`torch.jit.script`), traced, compiled and
    exported (`torch.onnx.export`) with free batch and length.

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
        super().__init__()
        rate, n_fft, bands = settings.sample_rate, settings.n_fft, settings.bands
        self.n_fft = n_fft
        self.hop_length = settings.hop_length
        self.bands = bands
        self.log_offset = settings.log_offset
        self.chroma_peak = settings.chroma == "peak"
        hz = np.linspace(0, rate / 2, n_fft // 2 + 1)  # (bins,)
        edges_hz = mel_to_hz(np.linspace(0, float(hz_to_mel(rate / 2)), bands + 2))  # (bands + 2,)
        mel, chroma = mel_filters(hz, edges_hz), chroma_filters(hz)  # (bands, bins), (12, bins)
        rows = _averaging_rows(n_fft // 2 + 1, bands)  # (bands, bins)
        filters = np.concatenate([mel, chroma])  # (bands + 12, bins)
        # Constants follow from the settings: they need no place in a checkpoint.
        self.register_buffer("window", torch.hann_window(n_fft, periodic=True), persistent=False)
        self.register_buffer("filters", torch.from_numpy(filters).float(), persistent=False)
        self.register_buffer("chroma_rows", torch.arange(bands) * 12 // bands, persistent=False)
        self.register_buffer("stft_rows", torch.from_numpy(rows).float(), persistent=False)
        self.mel_blocks, self.stft_blocks = _nonzero_blocks(mel), _nonzero_blocks(rows)

        top_mel = hz_to_mel(rate / 2)
        mel_axis, stft_axis = hz_to_mel(edges_hz[1:-1]) / top_mel, hz_to_mel(rows @ hz) / top_mel
        self.register_buffer("mel_axis", torch.from_numpy(mel_axis).float(), persistent=False)
        self.register_buffer("stft_axis", torch.from_numpy(stft_axis).float(), persistent=False)

    def channels(self, waveforms: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns mel power (B, bands, N), chroma (B, 12, N) and STFT magnitude (B, n_fft / 2 + 1, N)."""
        power = self._power(waveforms)  # (B, bins, N)
        mel, chroma = torch.matmul(self.filters[: self.bands], power), self._chroma(power)
        return mel, chroma, _into_magnitude(power)

    def forward(self, waveforms: Tensor) -> Tensor:
        """Returns float32 `(batch, 3, bands, frames)`; log channels are natural logarithms of power."""
        if is_scripting() or _is_captured() or waveforms.device.type != "cpu":
            return self._whole(waveforms)
        return self._in_parts(waveforms)

    def _whole(self, waveforms: Tensor) -> Tensor:
        """Returns the images of a batch at once, in few large operations: for GPUs, and for what is exported."""
        mel, chroma, magnitude = self.channels(waveforms)
        stft = torch.matmul(self.stft_rows, magnitude)  # (B, bands, N)
        return torch.stack(
            [
                torch.log(mel + self.log_offset),
                self._chroma_image(chroma),
                torch.log(stft.square() + self.log_offset),
            ],
            dim=1,
        )  # (B, 3, bands, N)

    def _in_parts(self, waveforms: Tensor) -> Tensor:
        """Returns the images of a few clips at a time, which stay in a CPU's cache, without multiplying by zeros."""
        batch, samples = waveforms.shape
        images = waveforms.new_empty(batch, 3, self.bands, 1 + samples // self.hop_length)
        mel_blocks = [(self.filters[a:b, c:d], c, d) for a, b, c, d in self.mel_blocks]
        stft_blocks = [(self.stft_rows[a:b, c:d], c, d) for a, b, c, d in self.stft_blocks]
        together = max(1, _PART_SAMPLES * torch.get_num_threads() // samples)
        for begin in range(0, batch, together):
            power = self._power(waveforms[begin : begin + together])  # (b, bins, N)
            part = images[begin : begin + together]  # (b, 3, bands, N)
            part[:, 0] = _multiply(mel_blocks, power).add_(self.log_offset).log_()
            part[:, 1] = self._chroma_image(self._chroma(power))
            stft = _multiply(stft_blocks, _into_magnitude(power))  # (b, bands, N)
            part[:, 2] = stft.square_().add_(self.log_offset).log_()
        return images

    def _chroma(self, power: Tensor) -> Tensor:
        chroma = torch.matmul(self.filters[self.bands :], power)  # (B, 12, N)
        if not self.chroma_peak:
            return chroma
        # librosa leaves frames alone whose largest value is below the smallest normal float.
        largest = chroma.amax(dim=1, keepdim=True)  # (B, 1, N)
        return chroma / torch.where(largest < 1.1754944e-38, torch.ones_like(largest), largest)

    def _chroma_image(self, chroma: Tensor) -> Tensor:
        shown = chroma if self.chroma_peak else torch.log(chroma + self.log_offset)
        return shown.index_select(1, self.chroma_rows)  # (B, bands, N)

    def _power(self, waveforms: Tensor) -> Tensor:
        spectrum = torch.stft(
            waveforms,
            n_fft=self.n_fft,
            hop_length=self.hop_length,
            window=self.window,
            center=True,
            pad_mode="constant",
            return_complex=True,
        )  # (B, bins, N)
        squares = torch.view_as_real(spectrum).square_()  # (B, bins, N, 2)
        return squares[..., 0] + squares[..., 1]


def hz_to_mel(hz: npt.ArrayLike) -> Floats:
    """Returns frequencies on Slaney's mel scale: linear up to 1 kHz, logarithmic above (Auditory Toolbox, 1998).

    >>> hz_to_mel([200.0, 1_000.0, 6_400.0]).round(6).tolist()
    [3.0, 15.0, 42.0]
    """
    given = np.asarray(hz, dtype=np.float64)
    above = _LINEAR_MELS + np.log(np.maximum(given, _LINEAR_HZ) / _LINEAR_HZ) / _LOG_STEP
    return np.where(given >= _LINEAR_HZ, above, given / _HZ_PER_MEL)


def mel_to_hz(mel: npt.ArrayLike) -> Floats:
    """Returns what `hz_to_mel` was given.

    >>> mel_to_hz([3.0, 15.0, 42.0]).round(6).tolist()
    [200.0, 1000.0, 6400.0]
    """
    given = np.asarray(mel, dtype=np.float64)
    above = _LINEAR_HZ * np.exp(_LOG_STEP * (given - _LINEAR_MELS))
    return np.where(given >= _LINEAR_MELS, above, given * _HZ_PER_MEL)


def mel_filters(hz: Floats, edges_hz: Floats) -> Floats:
    """Returns triangles of equal area, (bands, bins).

    Args:
        hz: (bins,) frequencies of an STFT.
        edges_hz: (bands + 2,) where triangles begin, have their tip, and end.

    Examples:
        >>> mel_filters(np.linspace(0, 8_000, 513), mel_to_hz(np.linspace(0, 45.245641, 98))).shape
        (96, 513)
    """
    widths = np.diff(edges_hz)
    distances = edges_hz[:, None] - hz  # (bands + 2, bins)
    rising, falling = -distances[:-2] / widths[:-1, None], distances[2:] / widths[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return triangles.astype(np.float32) * (2.0 / (edges_hz[2:] - edges_hz[:-2]))[:, None]


def chroma_filters(hz: Floats) -> Floats:
    """Returns how much each frequency counts for each pitch class from C on, (12, bins).

    A bin is a Gaussian as wide as its distance to the next one, at least a semitone; columns have a norm of 1, and
    octaves far from the fifth count less (Ellis 2007, "Chroma feature analysis and synthesis").

    Args:
        hz: (bins,) frequencies of an STFT, from 0 on in equal steps.

    Examples:
        >>> hz = np.linspace(0, 8_000, 513)
        >>> int(chroma_filters(hz)[:, 28].argmax())  # 437.5 Hz, an A
        9
    """
    semitones = 12 * np.log2(np.arange(1, 2 * len(hz) - 2) * hz[1] / (440.0 / 16))  # above the A of 27.5 Hz
    semitones = np.concatenate([[semitones[0] - 18], semitones])
    widths = np.maximum(np.diff(semitones), 1.0)[: len(hz), None].T
    semitones = semitones[: len(hz)]
    apart = np.remainder(semitones - np.arange(12)[:, None] + 126, 12) - 6  # (12, bins), from -6 to 6
    gaussians = np.exp(-0.5 * (2 * apart / widths) ** 2)
    gaussians /= np.linalg.norm(gaussians, axis=0)
    gaussians *= np.exp(-0.5 * ((semitones / 12 - 5) / 2) ** 2)
    return np.roll(gaussians, -3, axis=0)


def _into_magnitude(power: Tensor) -> Tensor:
    """Returns magnitudes, which take the place of the power."""
    # The gradient of a square root is infinite at zero, and digital silence is real.
    return power.add_(1e-20).sqrt_()


def _multiply(blocks: list[Block], spectra: Tensor) -> Tensor:
    """Returns (B, rows, N): the matrix that consists of the blocks times each of (B, bins, N)."""
    batch = len(spectra)
    rows = [torch.bmm(block.expand(batch, -1, -1), spectra[:, first:last]) for block, first, last in blocks]
    return torch.cat(rows, dim=1)


def _nonzero_blocks(matrix: Floats) -> list[tuple[int, int, int, int]]:
    """Returns first and last row, and first and last column, of blocks that hold all of a matrix but zeros."""
    blocks = []
    for row in range(0, len(matrix), _BLOCK_ROWS):
        columns = np.flatnonzero(matrix[row : row + _BLOCK_ROWS].any(axis=0))
        first, last = (int(columns[0]), int(columns[-1]) + 1) if len(columns) else (0, 1)
        blocks.append((row, min(row + _BLOCK_ROWS, len(matrix)), first, last))
    return blocks


def _is_captured() -> bool:
    """Returns whether a graph is being made, which would keep this batch's parts for batches of any size."""
    tracing: bool = is_tracing()  # type: ignore[no-untyped-call]
    return tracing or torch.compiler.is_compiling()


def _averaging_rows(bins: int, rows: int) -> Floats:
    """Returns a (rows, bins) matrix that averages neighbouring bins, as area interpolation does."""
    edges = np.linspace(0, bins, rows + 1)
    position = np.arange(bins)
    overlap = np.minimum(edges[1:, None], position + 1) - np.maximum(edges[:-1, None], position)
    overlap = np.clip(overlap, 0, None)
    rows_averaged: Floats = overlap / overlap.sum(axis=1, keepdims=True)
    return rows_averaged
