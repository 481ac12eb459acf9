"""A speaking voice by source and filter: glottal pulses and noise through the formants of a vocal tract.

The source is the difference of a Rosenberg glottal flow (Rosenberg 1971, J. Acoust. Soc. Am. 49, 583-590,
trigonometric pulse) taken from sample to sample, which is the flow's derivative averaged over each sample and so
aliases little; aspiration noise rides on the open phase. The filter is a cascade of digital resonators (Klatt 1980,
J. Acoust. Soc. Am. 67, 971-995) whose first three formants move from vowel to vowel (targets: the men's means of
Peterson & Barney 1952, J. Acoust. Soc. Am. 24, 175-184), applied to windowed frames that overlap and add.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.signal import butter, sosfilt

from emoclr.corpus.audio.decoder import SAMPLE_RATE

FloatArray = NDArray[np.float64]

VOWELS_HZ: dict[str, tuple[float, float, float]] = {
    "i": (270, 2290, 3010),
    "ɪ": (390, 1990, 2550),
    "ɛ": (530, 1840, 2480),
    "æ": (660, 1720, 2410),
    "ɑ": (730, 1090, 2440),
    "ɔ": (570, 840, 2410),
    "ʊ": (440, 1020, 2240),
    "u": (300, 870, 2240),
    "ʌ": (640, 1190, 2390),
}
"""First three formants of nine vowels in Hz, for a tract of scale 1."""

_BANDWIDTHS_HZ = (60.0, 90.0, 150.0)
_CONSONANT_HZ = (280.0, 1500.0, 2500.0)
_FRAME = 512
_HOP = _FRAME // 2
_FFT = 2 * _FRAME  # room for resonances that ring on after their frame
_EDGE_S = 0.03


@dataclass(frozen=True)
class Voice:
    """What a speaker's body gives, whatever the mood.

    Attributes:
        sex: "female" or "male".
        f0_hz: pitch of neutral speech.
        formant_scale: formants as a multiple of `VOWELS_HZ`; shorter tracts have higher formants.
        loudness_db: how much louder than others this speaker always talks.
        rate: speech rate as a multiple of others'.
        jitter: local jitter of neutral speech, mean absolute difference of neighbouring periods over their mean.
        aspiration_db: breath noise of neutral speech relative to the voiced source.
    """

    sex: str
    f0_hz: float
    formant_scale: float
    loudness_db: float = 0.0
    rate: float = 1.0
    jitter: float = 0.006
    aspiration_db: float = -26.0


@dataclass(frozen=True)
class Delivery:
    """How an utterance is said.

    Attributes:
        f0_hz: median pitch of what is voiced.
        f0_range_semitones: standard deviation of the syllables' pitch accents.
        f0_slope_semitones: rise of pitch from the beginning to the end of a phrase, negative where it falls.
        syllables_per_s: speech rate within phrases.
        level_dbfs: root mean square of what is spoken (pauses left out), relative to full scale.
        level_range_db: standard deviation of the syllables' levels.
        brightness_hz: corner frequency over which the source falls by 6 dB more an octave.
        jitter: local jitter, see `Voice`.
        shimmer: standard deviation of the pulses' amplitudes over their mean.
        aspiration_db: breath noise relative to the voiced source, both before the filter.
        attack_s: time a vowel takes to reach its level.
        vowels: those drawn from; one vowel gives a steady sound for measuring.
    """

    f0_hz: float
    f0_range_semitones: float = 1.5
    f0_slope_semitones: float = -2.0
    syllables_per_s: float = 4.5
    level_dbfs: float = -26.0
    level_range_db: float = 1.5
    brightness_hz: float = 2200.0
    jitter: float = 0.006
    shimmer: float = 0.03
    aspiration_db: float = -26.0
    attack_s: float = 0.03
    vowels: tuple[str, ...] = tuple(VOWELS_HZ)


@dataclass(frozen=True)
class _Syllables:
    """Every array is `(syllables,)`; `vowel` counts in `Delivery.vowels`."""

    start_s: FloatArray
    length_s: FloatArray
    phrase: NDArray[np.int64]
    vowel: NDArray[np.int64]
    voiceless: NDArray[np.bool_]
    gain: FloatArray

    @property
    def onset_s(self) -> FloatArray:
        return np.minimum(0.35 * self.length_s, 0.09)


def draw_voice(sex: str, rng: np.random.Generator) -> Voice:
    """Returns a speaker of that sex, "female" or "male"; ranges are ours, around usual means for adults."""
    female = sex == "female"
    return Voice(
        sex=sex,
        f0_hz=rng.uniform(180, 240) if female else rng.uniform(92, 145),
        formant_scale=rng.uniform(1.11, 1.22) if female else rng.uniform(0.94, 1.06),
        loudness_db=rng.normal(0, 1.5),
        rate=float(np.exp(rng.normal(0, 0.06))),
        jitter=rng.uniform(0.004, 0.010),
        aspiration_db=rng.uniform(-30, -22) + (3 if female else 0),
    )


def speak(voice: Voice, delivery: Delivery, duration_s: float, rng: np.random.Generator) -> FloatArray:
    """Returns nonsense syllables, `(samples,)` at `SAMPLE_RATE`; peaks may pass 1 for levels above about -15 dBFS."""
    n_samples = round(duration_s * SAMPLE_RATE)
    time_s = np.arange(n_samples) / SAMPLE_RATE
    syllables = _plan(delivery, duration_s, rng)
    loudness = _loudness(syllables, delivery, time_s)
    f0_hz = _pitch(syllables, delivery, time_s, loudness, rng)
    source = loudness * _source(f0_hz, delivery, rng)
    spoken = _through_tract(source, _formants(syllables, voice, delivery, n_samples), voice, delivery)
    active = loudness > 0.1 * loudness.max()
    spoken /= np.sqrt(np.mean(spoken[active] ** 2))
    spoken += _consonants(syllables, voice, time_s, rng)
    return spoken * 10 ** (delivery.level_dbfs / 20)


def _plan(delivery: Delivery, duration_s: float, rng: np.random.Generator) -> _Syllables:
    """Fills the duration with phrases of five to nine syllables and pauses between them."""
    mean_s = 1 / delivery.syllables_per_s
    room_s = max(duration_s - 2 * _EDGE_S, 0.1)
    n_most = int(room_s / mean_s) + 2
    lengths = mean_s * np.exp(rng.normal(0, 0.18, n_most))
    phrase = np.repeat(np.arange(n_most), rng.integers(5, 10, n_most))[:n_most]
    pauses = np.where(np.diff(phrase, prepend=0) > 0, rng.uniform(0.8, 1.8, n_most) * mean_s, 0.0)
    ends = np.cumsum(pauses + lengths)
    n = max(1, int(np.argmin(np.abs(ends - room_s))) + 1)
    stretch = room_s / ends[n - 1]
    lengths, pauses, phrase = stretch * lengths[:n], stretch * pauses[:n], phrase[:n]
    return _Syllables(
        start_s=_EDGE_S + np.cumsum(pauses + lengths) - lengths,
        length_s=lengths,
        phrase=phrase,
        vowel=rng.integers(0, len(delivery.vowels), n),
        voiceless=(rng.random(n) < 0.35) & (len(delivery.vowels) > 1),
        gain=10 ** (rng.normal(0, delivery.level_range_db, n) / 20),
    )


def _loudness(syllables: _Syllables, delivery: Delivery, time_s: FloatArray) -> FloatArray:
    """Returns the amplitude over time: each syllable opens, holds and closes, to nothing at a phrase's end."""
    start, length, onset = syllables.start_s, syllables.length_s, syllables.onset_s
    attack = np.minimum(delivery.attack_s, 0.4 * (length - onset))
    last = np.append(np.diff(syllables.phrase) > 0, True)
    dip = np.where(syllables.voiceless, 0.0, 0.2)
    times = [start, start + onset, start + onset + attack, start + 0.75 * length, start + length - 1e-4]
    first = np.append(True, last[:-1])
    levels = [np.where(first, 0.0, dip), dip, np.ones_like(start), np.full_like(start, 0.85), np.where(last, 0.0, 0.2)]
    gain = np.repeat(syllables.gain, len(times))
    amplitude: FloatArray = gain * np.stack(levels, 1).ravel()
    return np.interp(time_s, np.stack(times, 1).ravel(), amplitude, left=0, right=0)


def _pitch(
    syllables: _Syllables,
    delivery: Delivery,
    time_s: FloatArray,
    loudness: FloatArray,
    rng: np.random.Generator,
) -> FloatArray:
    """Returns the fundamental in Hz over time, its median over what is voiced equal to `delivery.f0_hz`."""
    centre_s = syllables.start_s + 0.6 * syllables.length_s
    accents = np.clip(rng.normal(0, 1, len(centre_s)), -2, 2)
    counts = np.bincount(syllables.phrase)
    position = np.concatenate([np.linspace(-0.5, 0.5, count) if count > 1 else np.zeros(1) for count in counts])
    semitones = delivery.f0_range_semitones * accents + delivery.f0_slope_semitones * position
    knots_s = np.concatenate([[-1.0], centre_s, [time_s[-1] + 1.0]])
    contour: FloatArray = PchipInterpolator(knots_s, np.pad(semitones, 1, mode="edge"))(time_s)
    contour -= np.median(contour[loudness > 0.3 * loudness.max()])
    return delivery.f0_hz * np.exp2(contour / 12)


def _source(f0_hz: FloatArray, delivery: Delivery, rng: np.random.Generator) -> FloatArray:
    """Returns glottal pulses with jitter and shimmer plus breath, of unit root mean square where voiced."""
    padding = SAMPLE_RATE // 5
    phase = np.cumsum(np.pad(f0_hz, (0, padding), mode="edge")) / SAMPLE_RATE  # periods, one value a sample
    n_periods = int(phase[-1])
    marks = np.interp(np.arange(n_periods + 1), phase, np.arange(len(phase)))
    # Neighbours' mean absolute difference is 2 / sqrt(pi) standard deviations of independent normal draws.
    spread = delivery.jitter * np.sqrt(np.pi) / 2
    periods = np.diff(marks) * (1 + spread * np.clip(rng.normal(0, 1, n_periods), -3, 3))
    marks = np.concatenate([[0.0], np.cumsum(periods)])
    phase = np.interp(np.arange(len(f0_hz) + 1), marks, np.arange(n_periods + 1))
    cycle = np.minimum(phase.astype(np.int64), n_periods - 1)
    amplitude = 1 + delivery.shimmer * np.clip(rng.normal(0, 1, n_periods), -3, 3)
    flow = _rosenberg(phase - cycle) * amplitude[cycle]
    voiced = np.diff(flow)
    voiced /= np.sqrt(np.mean(voiced**2))
    breath = rng.normal(0, 1, len(f0_hz)) * (0.3 + flow[1:])
    breath *= 10 ** (delivery.aspiration_db / 20) / np.sqrt(np.mean(breath**2))
    return voiced + breath


def _rosenberg(position: FloatArray, opening: float = 0.40, closing: float = 0.16) -> FloatArray:
    """Returns the glottal flow, 0 to 1, at positions 0 to 1 in the period (Rosenberg 1971, pulse C).

    The glottis is closed first and closes again at 1: that moment excites the tract, so periods are measured from
    one to the next.
    """
    opened = position - (1 - opening - closing)
    rise = 0.5 * (1 - np.cos(np.pi * opened / opening))
    fall = np.cos(np.pi / 2 * (opened - opening) / closing)
    return np.where(opened < 0, 0.0, np.where(opened < opening, rise, fall))


def _formants(syllables: _Syllables, voice: Voice, delivery: Delivery, n_samples: int) -> FloatArray:
    """Returns the first three formants in Hz for each frame, `(frames, 3)`: vowels, and consonants between."""
    frame_s = np.arange(n_samples // _HOP + 2) * _HOP / SAMPLE_RATE
    targets = np.array([VOWELS_HZ[vowel] for vowel in delivery.vowels])[syllables.vowel]  # (syllables, 3)
    # A single vowel is held, so that its formants can be measured.
    closing = 0.5 if len(delivery.vowels) > 1 else 0.0
    edges = (1 - closing) * targets + closing * np.array(_CONSONANT_HZ)
    start, length = syllables.start_s, syllables.length_s
    times = np.stack([start, start + 0.45 * length, start + 0.8 * length, start + length - 1e-4], 1).ravel()
    path = np.stack([edges, targets, targets, edges], 1).reshape(-1, 3)
    return voice.formant_scale * np.stack([np.interp(frame_s, times, path[:, i]) for i in range(3)], 1)


def _through_tract(source: FloatArray, formants_hz: FloatArray, voice: Voice, delivery: Delivery) -> FloatArray:
    """Filters the source, `(samples,)`, with resonances that are constant within each frame.

    Frames overlap by half; their centres, where `formants_hz` `(frames, 3)` holds, are one hop apart from 0 s on.
    """
    n_frames = len(formants_hz)
    padded = np.pad(source, (_HOP, (n_frames + 1) * _HOP - len(source)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::_HOP][:n_frames]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_FRAME) / _FRAME)  # sums to 1 at half overlap
    spectra = np.fft.rfft(frames * window, _FFT)  # (frames, bins)
    delay = np.exp(-2j * np.pi * np.arange(_FFT // 2 + 1) / _FFT)  # (bins,)
    fixed = _lowpass(delay, delivery.brightness_hz)
    # Above the third, a uniform tube: one resonance a kilohertz for a tract of scale 1.
    for upper_hz in voice.formant_scale * np.arange(3500, 7700, 1000):
        if upper_hz < 0.48 * SAMPLE_RATE:
            fixed = fixed * _resonance(np.array([upper_hz]), 0.05 * upper_hz, delay)[0]
    response = _resonance(formants_hz[:, 0], _BANDWIDTHS_HZ[0], delay)
    for index in (1, 2):
        response *= _resonance(formants_hz[:, index], _BANDWIDTHS_HZ[index], delay)
    filtered = np.fft.irfft(spectra * response * fixed, _FFT)  # (frames, _FFT)
    summed = np.zeros((n_frames + _FFT // _HOP, _HOP))
    for part in range(_FFT // _HOP):
        summed[part : part + n_frames] += filtered[:, part * _HOP : (part + 1) * _HOP]
    return summed.ravel()[_HOP : _HOP + len(source)]


def _resonance(frequency_hz: FloatArray, bandwidth_hz: float, delay: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Returns the response of a Klatt resonator, 1 at 0 Hz, `(frequencies, bins)`; `delay` is 1/z in each bin."""
    radius = np.exp(-np.pi * bandwidth_hz / SAMPLE_RATE)
    first = 2 * radius * np.cos(2 * np.pi * frequency_hz / SAMPLE_RATE)[:, None]
    second = -(radius**2)
    response: NDArray[np.complex128] = (1 - first - second) / (1 - first * delay - second * delay**2)
    return response


def _lowpass(delay: NDArray[np.complex128], corner_hz: float) -> NDArray[np.complex128]:
    """Returns the response of a one-pole low-pass, `(bins,)`: the rounding of the glottis's closure."""
    pole = np.exp(-2 * np.pi * corner_hz / SAMPLE_RATE)
    response: NDArray[np.complex128] = (1 - pole) / (1 - pole * delay)
    return response


def _consonants(syllables: _Syllables, voice: Voice, time_s: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Returns the hiss of voiceless onsets, relative to voiced speech of unit root mean square."""
    if not syllables.voiceless.any():
        return np.zeros_like(time_s)
    start, onset = syllables.start_s[syllables.voiceless], syllables.onset_s[syllables.voiceless]
    peak = syllables.gain[syllables.voiceless] * rng.uniform(0.15, 0.45, len(start))
    nothing = np.zeros_like(peak)
    times = np.stack([start, start + 0.5 * onset, start + onset], 1).ravel()
    envelope = np.interp(time_s, times, np.stack([nothing, peak, nothing], 1).ravel(), left=0, right=0)
    sections = butter(2, min(2600 * voice.formant_scale, 0.4 * SAMPLE_RATE), "highpass", fs=SAMPLE_RATE, output="sos")
    noise: FloatArray = sosfilt(sections, rng.normal(0, 1, len(time_s)))
    return envelope * noise
