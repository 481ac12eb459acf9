"""What an audit measures of each clip, all from one decoding."""

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.console import track
from emoclr.corpus.audio import decoder
from emoclr.corpus.audio.decoder import SAMPLE_RATE, AudioError, AudioInfo
from emoclr.corpus.audio.samples import SILENT_PEAK_DB
from emoclr.corpus.audit.fingerprints import Fingerprint, Words
from emoclr.corpus.audit.frames import Frames
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.parallel.processes import each_in_processes

FULL_SCALE = 0.999
"""A sample of this size or more counts as clipped."""

MIN_DB = -120.0
"""The level of digital silence, which has none."""

_BANDWIDTH_DB = -60.0
_FFT_SAMPLES = 1024
_ZEROS = 1 << 16

_Part = tuple[Path, float, float | None]


@dataclass(frozen=True, eq=False)
class Recording:
    """What was measured of a clip, of its waveform at 16 kHz where nothing else is said.

    Attributes:
        duration_s: how long it is.
        sample_rate: of its file, in Hz.
        channels: of its file.
        suffix: the ending of its file.
        rms_db: level in dBFS, `MIN_DB` for digital silence.
        peak_db: largest sample in dBFS, likewise.
        offset: mean of the samples, full scale is 1.
        clipped: the part of the samples at full scale.
        bandwidth_hz: the frequency above which the mean spectrum stays 60 dB below its peak.
        digest: of the samples at 16 bits, without the zeros before and after; of copies in any lossless form it is
            the same.
        words: of the fingerprint, see `corpus.audit.fingerprints`.
    """

    duration_s: float
    sample_rate: int
    channels: int
    suffix: str
    rms_db: float
    peak_db: float
    offset: float
    clipped: float
    bandwidth_hz: float
    digest: str
    words: Words

    @property
    def silent(self) -> bool:
        """Whether nothing in it can be heard."""
        return self.peak_db <= SILENT_PEAK_DB


def measure_clips(table: LabelTable) -> list[Recording | str]:
    """Returns what was measured of every clip, or the reason why it cannot be read."""
    parts: Sequence[_Part] = [
        (path, float(start), None if math.isnan(end) else float(end))
        for path, start, end in zip(table.paths, table.start_s, table.end_s, strict=True)
    ]
    measured = each_in_processes(_measure, parts, path_of=lambda part: part[0], lost=lambda _, reason: reason)
    return list(track(measured, "listening", total=len(parts)))


def _measure(part: _Part) -> Recording | str:
    path, start_s, end_s = part
    try:
        with decoder.Recording(path, path) as recording:
            return _listen(recording.blocks(start_s, end_s), recording.info, path.suffix.lower())
    except AudioError as error:
        return error.reason


def _listen(blocks: Iterable[NDArray[np.float32]], info: AudioInfo, suffix: str) -> Recording:
    """Returns what is measured of a waveform that comes in blocks, of which none is kept."""
    samples, clipped, energy, total, peak = 0, 0, 0.0, 0.0, 0.0
    words, spectrum, digest = Fingerprint(), _Spectrum(), _Digest()
    for block in blocks:
        if not len(block):
            continue
        sizes = np.abs(block)
        samples += len(block)
        clipped += int(np.count_nonzero(sizes >= FULL_SCALE))
        energy += float(np.square(block, dtype=np.float64).sum())
        total += float(block.sum(dtype=np.float64))
        peak = max(peak, float(sizes.max()))
        words.add(block)
        spectrum.add(block)
        digest.add(block)
    return Recording(
        duration_s=samples / SAMPLE_RATE,
        sample_rate=info.sample_rate,
        channels=info.channels,
        suffix=suffix,
        rms_db=_decibels(math.sqrt(energy / samples)),
        peak_db=_decibels(peak),
        offset=total / samples,
        clipped=clipped / samples,
        bandwidth_hz=spectrum.bandwidth_hz(),
        digest=digest.hex(),
        words=words.words(),
    )


def _decibels(amplitude: float) -> float:
    return max(MIN_DB, 20 * math.log10(amplitude)) if amplitude > 0 else MIN_DB


class _Digest:
    """Of samples at 16 bits, without the zeros before and after."""

    def __init__(self) -> None:
        self._digest = hashlib.blake2b(digest_size=16)
        self._zeros = 0
        self._begun = False

    def add(self, block: NDArray[np.float32]) -> None:
        samples = np.rint(block * 32_768).astype("<i4")
        sounding = np.flatnonzero(samples)
        if not len(sounding):
            self._zeros += len(samples)
            return
        first, end = int(sounding[0]), int(sounding[-1]) + 1
        if self._begun:  # the zeros before are between sounds
            first = 0
            for begin in range(0, self._zeros, _ZEROS):
                self._digest.update(bytes(4 * min(_ZEROS, self._zeros - begin)))
        self._digest.update(samples[first:end].tobytes())
        self._begun, self._zeros = True, len(samples) - end

    def hex(self) -> str:
        return self._digest.hexdigest()


class _Spectrum:
    """The mean power spectrum."""

    def __init__(self) -> None:
        self._frames = Frames(_FFT_SAMPLES, _FFT_SAMPLES // 2)
        self._window = np.hanning(_FFT_SAMPLES).astype(np.float32)
        self._power = np.zeros(_FFT_SAMPLES // 2 + 1)

    def add(self, block: NDArray[np.float32]) -> None:
        for frames in self._frames.of(block):
            self._power += np.sum(np.abs(np.fft.rfft(frames * self._window)) ** 2, axis=0)

    def bandwidth_hz(self) -> float:
        """Returns the highest frequency within 60 dB of the spectrum's peak, 0 for digital silence."""
        if not self._power.any():  # shorter than a frame
            self.add(np.zeros(max(0, _FFT_SAMPLES - len(self._frames.rest)), dtype=np.float32))
        power = self._power.copy()
        power[0] = power[1] = 0.0  # an offset is no sound
        loud = np.flatnonzero(power > power.max() * 10 ** (_BANDWIDTH_DB / 10))
        return float(loud[-1] * SAMPLE_RATE / _FFT_SAMPLES) if len(loud) else 0.0
