"""What an audit measures of each clip, all from one decoding."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.console import track
from emoclr.corpus.audio.decoder import SAMPLE_RATE, AudioError, inspect_audio, read_waveform
from emoclr.corpus.audio.samples import SILENT_PEAK_DB
from emoclr.corpus.audit.fingerprints import Words, fingerprint
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.parallel.processes import each_in_processes

FULL_SCALE = 0.999
"""A sample of this size or more counts as clipped."""

MIN_DB = -120.0
"""The level of digital silence, which has none."""

_BANDWIDTH_DB = -60.0
_FFT_SAMPLES = 1024

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
        info = inspect_audio(path)
        waveform = read_waveform(path, start_s, end_s)
    except AudioError as error:
        return error.reason
    sizes = np.abs(waveform)
    return Recording(
        duration_s=len(waveform) / SAMPLE_RATE,
        sample_rate=info.sample_rate,
        channels=info.channels,
        suffix=path.suffix.lower(),
        rms_db=_decibels(float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))))),
        peak_db=_decibels(float(sizes.max())),
        offset=float(waveform.mean(dtype=np.float64)),
        clipped=float(np.mean(sizes >= FULL_SCALE)),
        bandwidth_hz=_bandwidth_hz(waveform),
        digest=_digest(waveform),
        words=fingerprint(waveform),
    )


def _decibels(amplitude: float) -> float:
    return max(MIN_DB, 20 * math.log10(amplitude)) if amplitude > 0 else MIN_DB


def _digest(waveform: NDArray[np.float32]) -> str:
    samples = np.rint(waveform * 32_768).astype("<i4")
    sounding = np.flatnonzero(samples)
    kept = samples[sounding[0] : sounding[-1] + 1] if len(sounding) else samples[:0]
    return hashlib.blake2b(kept.tobytes(), digest_size=16).hexdigest()


def _bandwidth_hz(waveform: NDArray[np.float32]) -> float:
    """Returns the highest frequency of the mean power spectrum within 60 dB of its peak, 0 for digital silence."""
    padded = np.pad(waveform, (0, max(0, _FFT_SAMPLES - len(waveform))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT_SAMPLES)[:: _FFT_SAMPLES // 2]
    window = np.hanning(_FFT_SAMPLES).astype(np.float32)
    power = np.zeros(_FFT_SAMPLES // 2 + 1)
    for first in range(0, len(frames), 256):  # a long recording's frames at once would be many times its size
        power += np.sum(np.abs(np.fft.rfft(frames[first : first + 256] * window)) ** 2, axis=0)
    power[0] = power[1] = 0.0  # an offset is no sound
    loud = np.flatnonzero(power > power.max() * 10 ** (_BANDWIDTH_DB / 10))
    return float(loud[-1] * SAMPLE_RATE / _FFT_SAMPLES) if len(loud) else 0.0
