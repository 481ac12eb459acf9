"""A recording as columns of time, drawn while it is decoded: how loud each is, and its mel spectrum."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emoclr.augment.spectrogram import hz_to_mel, mel_filters, mel_to_hz
from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.evaluate.figures.spectrograms import BRIGHTEST, channels_png

BANDS = 64
COLUMN = SAMPLE_RATE // 100
"""Samples of the finest column: 10 ms."""

MAX_FINE_COLUMNS = 1 << 12
"""So many columns are finer than a screen: a recording of more has columns of up to `COARSE` of the finest."""
COARSE = 8
"""80 ms: at a minute across a screen, a column has one or two pixels."""
MAX_COLUMNS = 1 << 18
"""Six hours of coarse columns: those of an even longer recording are coarser."""

TILE_COLUMNS = 1 << 12
MIN_DB = -100.0
STEP_DB = 0.5
MAX_RANGE_DB = 70.0
"""What is so far below the loudest is as dark as silence."""
DARKEST_QUANTILE = 0.05
SHADE_STEP = 8
"""Shades are rounded to multiples, which spares half of a picture's bytes and is not seen."""

_FRAME = 512
_MARGIN = (_FRAME - COLUMN) // 2


@dataclass(frozen=True)
class Picture:
    """A recording as columns of time.

    Attributes:
        column_s: length of a column, s; the last one may be shorter.
        peaks: uint8 (columns,), the largest amplitude of each, 255 the loudest of all.
        levels: uint8 (bands, columns), mel power in steps of `STEP_DB` from `MIN_DB` dB on.
    """

    column_s: float
    peaks: NDArray[np.uint8]
    levels: NDArray[np.uint8]

    def tiles(self) -> list[bytes]:
        """Returns the mel spectrogram as PNG files of `TILE_COLUMNS` columns each, low frequencies below."""
        counts = np.bincount(self.levels.ravel(), minlength=256)
        heard = np.flatnonzero(counts)
        brightest = int(heard[-1]) if len(heard) else 0
        darkest = int(np.searchsorted(np.cumsum(counts), DARKEST_QUANTILE * counts.sum()))
        darkest = max(darkest, brightest - round(MAX_RANGE_DB / STEP_DB))
        scale = np.clip((np.arange(256) - darkest) / max(1, brightest - darkest), 0, 1) * BRIGHTEST
        shades = (scale // SHADE_STEP * SHADE_STEP).astype(np.uint8)[self.levels]
        return [
            channels_png(shades[None, :, begin : begin + TILE_COLUMNS])
            for begin in range(0, shades.shape[1], TILE_COLUMNS)
        ]


class SoundPicture:
    """Draws a recording of any length, block by block; what it holds does not depend on the blocks.

    Examples:
        >>> drawn = SoundPicture()
        >>> for _ in range(60):
        ...     drawn.push(np.full(16_000, 0.5, dtype=np.float32))
        >>> picture = drawn.finish()
        >>> picture.column_s, picture.peaks.shape, picture.levels.shape
        (0.02, (3000,), (64, 3000))
    """

    def __init__(self) -> None:
        edges_hz = mel_to_hz(np.linspace(0, float(hz_to_mel(SAMPLE_RATE / 2)), BANDS + 2))
        self._filters = mel_filters(np.linspace(0, SAMPLE_RATE / 2, _FRAME // 2 + 1), edges_hz).astype(np.float32)
        self._filters /= self._filters.max()  # a sine at full scale comes to about 0 dB in any band
        self._window = (np.hanning(_FRAME + 1)[:-1] / (_FRAME / 4)).astype(np.float32)
        self._waiting = np.zeros(_MARGIN, dtype=np.float32)
        self._samples = 0
        self._drawn = 0
        self._finest_in_one = 1
        self._rest = _Columns.none()
        self._columns: list[_Columns] = []
        self._count = 0

    def push(self, block: NDArray[np.float32]) -> None:
        """Draws samples at `SAMPLE_RATE`, float32 (n,) in [-1, 1]."""
        self._samples += len(block)
        self._waiting = np.concatenate([self._waiting, block])
        self._draw((len(self._waiting) - _FRAME) // COLUMN + 1)

    def finish(self) -> Picture:
        """Returns the picture of all that was pushed."""
        left = -(-self._samples // COLUMN) - self._drawn
        self._waiting = np.concatenate([self._waiting, np.zeros(_FRAME + COLUMN, dtype=np.float32)])
        self._draw(left)
        return self.so_far()

    def so_far(self) -> Picture:
        """Returns the picture of the columns that are drawn; more may be pushed afterwards."""
        columns = _joined([*self._columns, self._rest.merged(max(1, self._rest.count))])
        loudest = max(float(columns.peaks.max(initial=0.0)), 1e-9)
        peaks = np.round(columns.peaks / loudest * 255).astype(np.uint8)
        return Picture(self._finest_in_one * COLUMN / SAMPLE_RATE, peaks, columns.levels.T)

    def _draw(self, count: int) -> None:
        """Draws so many of the finest columns of what waits."""
        if count <= 0:
            return
        frames = np.lib.stride_tricks.sliding_window_view(self._waiting, _FRAME)[::COLUMN][:count]
        power = np.abs(np.fft.rfft(frames * self._window)) ** 2  # (count, bins)
        heard = self._waiting[_MARGIN : _MARGIN + count * COLUMN].reshape(count, COLUMN)
        self._take(_Columns(np.abs(heard).max(axis=1), _levels(power @ self._filters.T)))
        self._waiting = self._waiting[count * COLUMN :]
        self._drawn += count

    def _take(self, finest: "_Columns") -> None:
        """Adds columns, and makes all coarser whenever there are too many."""
        self._rest = _joined([self._rest, finest])
        while whole := self._rest.count // self._finest_in_one:
            most = MAX_FINE_COLUMNS if self._finest_in_one < COARSE else MAX_COLUMNS
            taken = min(whole, most - self._count)
            finest_taken = taken * self._finest_in_one
            self._columns.append(self._rest.first(finest_taken).merged(self._finest_in_one))
            self._rest = self._rest.after(finest_taken)
            self._count += taken
            if self._count == most:
                self._columns = [_joined(self._columns).merged(2)]
                self._count, self._finest_in_one = most // 2, self._finest_in_one * 2


@dataclass(frozen=True)
class _Columns:
    """Some columns: peaks float32 (columns,) and levels uint8 (columns, bands)."""

    peaks: NDArray[np.float32]
    levels: NDArray[np.uint8]

    @classmethod
    def none(cls) -> "_Columns":
        return cls(np.empty(0, np.float32), np.empty((0, BANDS), np.uint8))

    @property
    def count(self) -> int:
        return len(self.peaks)

    def first(self, count: int) -> "_Columns":
        return _Columns(self.peaks[:count], self.levels[:count])

    def after(self, count: int) -> "_Columns":
        return _Columns(self.peaks[count:], self.levels[count:])

    def merged(self, by: int) -> "_Columns":
        """Returns a column for so many: its loudest sample and its mean power."""
        if by == 1:
            return self
        peaks = self.peaks.reshape(-1, by).max(axis=1)
        power = _POWERS[self.levels].reshape(-1, by, BANDS).mean(axis=1)
        return _Columns(peaks, _levels(power))


def _joined(parts: list[_Columns]) -> _Columns:
    return _Columns(np.concatenate([one.peaks for one in parts]), np.concatenate([one.levels for one in parts]))


_POWERS = (10 ** ((MIN_DB + STEP_DB * np.arange(256)) / 10)).astype(np.float32)


def _levels(power: NDArray[np.float32]) -> NDArray[np.uint8]:
    db = 10 * np.log10(np.maximum(power, 1e-20))
    return np.clip(np.round((db - MIN_DB) / STEP_DB), 0, 255).astype(np.uint8)
