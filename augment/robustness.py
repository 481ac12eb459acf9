"""Robustness: degradations of recordings (noise, telephone, mp3, room, gain) under which models are scored again.

Every condition is the same for all models and in every process: what is random in it follows from a seed and the clip.
Nothing here is used in training.
"""

import functools
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray
from scipy.fft import next_fast_len
from scipy.signal import fftconvolve, firwin

from emoclr.augment.transforms.dsp.reverberation import impulse_response, reverberate
from emoclr.configs.console import say
from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.corpus.audio.encode import encode_mp3
from emoclr.corpus.audio.noise import PINK_DB_PER_OCTAVE, coloured_noise
from emoclr.corpus.audio.samples import Waveform, rms
from emoclr.corpus.decoded.waveforms import Waveforms

MIN_NOISE_HZ = 50.0
"""Below it pink noise would hold half of its power where no speech is, and the ratio would flatter."""
PHONE_RATE = 8_000
PHONE_BAND_HZ = (300.0, 3400.0)
PHONE_TAPS = 801
"""Of the filter at 16 kHz: 50 dB down 70 Hz outside of the band."""
MP3_KBIT_S = 32
MP3_DELAY = 1105
"""Samples by which encoder (576) and decoder (529) delay a file that does not say so: frames of 32 kbit/s at 16 kHz are
too small for the tag that would."""
RT60_S = 0.8
DIRECT_TO_REVERBERANT_DB = 0.0
ROOM_SEED = 60
MAX_KEPT_SAMPLES = 1 << 26
"""Of degraded clips in memory: 256 MiB, 70 minutes."""

Apply = Callable[[Waveform, np.random.SeedSequence], Waveform]


@dataclass(frozen=True)
class Condition:
    """A degradation of every clip.

    Attributes:
        name: its key in `report.json`.
        label: its row in tables and figures.
        description: what is done, for readers of a report.
        apply: gives a waveform of the same length, float32 (samples,) at 16 kHz, from a waveform and a seed.
    """

    name: str
    label: str
    description: str
    apply: Apply


class DegradedWaveforms:
    """Some clips of a store, each as it is under a condition; read like the store itself.

    Several models read the same clips: up to `MAX_KEPT_SAMPLES` are kept, and beside them the last clip, whose windows
    are asked for one after the other.

    Attributes:
        samples: int64 (clips,), lengths in samples.
    """

    def __init__(self, store: Waveforms, clips: NDArray[np.int64], condition: Condition, seed: int) -> None:
        """Takes those clips of the store, in that order; what is random follows from `seed` and the clip's number."""
        self.samples: NDArray[np.int64] = store.samples[clips]
        self._store, self._clips, self._condition, self._seed = store, clips, condition, seed
        self._kept: dict[int, Waveform] = {}
        self._room = MAX_KEPT_SAMPLES
        self._latest: tuple[int, Waveform] | None = None

    def __len__(self) -> int:
        return len(self.samples)

    def waveform(self, clip: int) -> Waveform:
        """Returns one clip whole, float32 (samples,)."""
        if clip in self._kept:
            return self._kept[clip]
        if self._latest is None or self._latest[0] != clip:
            self._latest = clip, self._degraded(clip)
        return self._latest[1]

    def crop(self, clip: int, start_sample: int, n_samples: int) -> Waveform:
        """Returns `n_samples` of one clip from `start_sample` on, fewer where the clip ends before."""
        return self.waveform(clip)[max(0, start_sample) : max(0, start_sample + n_samples)]

    def _degraded(self, clip: int) -> Waveform:
        number = int(self._clips[clip])
        degraded = self._condition.apply(self._store.waveform(number), np.random.SeedSequence((self._seed, number)))
        if len(degraded) <= self._room:
            self._room -= len(degraded)
            self._kept[clip] = degraded
        return degraded


def add_pink_noise(waveform: Waveform, seed: np.random.SeedSequence, snr_db: float) -> Waveform:
    """Returns the waveform with noise of equal power in each octave from 50 Hz on, at a ratio of RMS to RMS.

    The same seed gives the same noise at every ratio.
    """
    size = next_fast_len(len(waveform), real=True)
    white = np.random.default_rng(seed).standard_normal(size, dtype=np.float32)
    noise = coloured_noise(white, PINK_DB_PER_OCTAVE, len(waveform), MIN_NOISE_HZ)
    return waveform + noise * np.float32(rms(waveform) * 10 ** (-snr_db / 20))


def telephone(waveform: Waveform, seed: np.random.SeedSequence) -> Waveform:
    """Returns the waveform as a telephone line of G.711 leaves it: 300 to 3400 Hz, 8 kHz, 8 bit of mu-law."""
    band = fftconvolve(waveform, _phone_filter(), mode="same").astype(np.float32)
    coded = io.BytesIO()
    narrow = np.clip(soxr.resample(band, SAMPLE_RATE, PHONE_RATE), -1, 1)
    sf.write(coded, narrow, PHONE_RATE, format="WAV", subtype="ULAW")
    coded.seek(0)
    degraded, _ = sf.read(coded, dtype="float32")
    return _as_long(soxr.resample(degraded, PHONE_RATE, SAMPLE_RATE), len(waveform))


def through_mp3(waveform: Waveform, seed: np.random.SeedSequence) -> Waveform:
    """Returns the waveform after an mp3 encoder (LAME, by libsndfile) and decoder, where it was before them in time."""
    degraded, _ = sf.read(io.BytesIO(encode_mp3(waveform, MP3_KBIT_S)), dtype="float32")
    return _as_long(degraded if len(degraded) == len(waveform) else degraded[MP3_DELAY:], len(waveform))


def reverberation(waveform: Waveform, seed: np.random.SeedSequence) -> Waveform:
    """Returns the waveform with the reverberation of one large room; the level stays."""
    return reverberate(waveform, room())


def change_gain(waveform: Waveform, seed: np.random.SeedSequence, gain_db: float) -> Waveform:
    """Returns the waveform louder or softer, clipped at full scale as a recorder does."""
    changed: Waveform = np.clip(waveform * np.float32(10 ** (gain_db / 20)), -1, 1)
    return changed


@functools.cache
def room() -> Waveform:
    """Returns the impulse response of `reverberation`, (samples,); its first sample is the direct path."""
    noise = np.random.default_rng(ROOM_SEED).standard_normal(round(RT60_S * SAMPLE_RATE), dtype=np.float32)
    return impulse_response(noise, DIRECT_TO_REVERBERANT_DB)


@functools.cache
def _phone_filter() -> Waveform:
    taps: Waveform = firwin(PHONE_TAPS, PHONE_BAND_HZ, pass_zero=False, fs=SAMPLE_RATE).astype(np.float32)
    return taps


def _as_long(waveform: Waveform, length: int) -> Waveform:
    """Returns a waveform cut, or followed by silence, to a length."""
    fitted = np.zeros(length, dtype=np.float32)
    fitted[: len(waveform)] = waveform[:length]
    return fitted


CONDITIONS = (
    *(
        Condition(
            f"noise_{snr_db}_db",
            f"noise, {snr_db} dB",
            f"pink noise from {MIN_NOISE_HZ:g} Hz on, {snr_db} dB below the clip (RMS to RMS)",
            partial(add_pink_noise, snr_db=snr_db),
        )
        for snr_db in (20, 10, 0)
    ),
    Condition(
        "telephone",
        "telephone",
        f"{PHONE_BAND_HZ[0]:g} to {PHONE_BAND_HZ[1]:g} Hz, {PHONE_RATE // 1000} kHz, 8 bit of mu-law (G.711)",
        telephone,
    ),
    Condition("mp3", f"mp3, {MP3_KBIT_S} kbit/s", "through an mp3 encoder of constant bit rate, and back", through_mp3),
    Condition(
        "reverberation",
        "reverberation",
        f"one synthetic room, RT60 {RT60_S:g} s, as much reverberant energy as direct; the level stays",
        reverberation,
    ),
    *(
        Condition(
            f"gain_{sign}_20_db",
            f"gain {gain_db:+d} dB",
            words,
            partial(change_gain, gain_db=gain_db),
        )
        for sign, gain_db, words in (
            ("plus", 20, "ten times louder, clipped at full scale"),
            ("minus", -20, "ten times softer"),
        )
    ),
)
"""The conditions of `--stress`, in the order of reports."""


def say_cost(store: Waveforms, clips: NDArray[np.int64]) -> None:
    """Says how much audio all conditions of some clips of a store are."""
    ratio = len(CONDITIONS) * store.samples[clips].sum() / store.samples.sum()
    say(
        f"stress: {len(CONDITIONS)} conditions of {len(clips):,} clips, "
        f"{ratio:.1f} times as much sound as all clips of the labels"
    )
