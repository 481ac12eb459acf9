"""Conditions of the stress test, measured: what is said of each is what happens to the sound."""

import hashlib
import io
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import correlate, welch

from emoclr.augment.robustness import CONDITIONS, MP3_KBIT_S, RT60_S, Condition, DegradedWaveforms
from emoclr.corpus.audio.encode import encode_mp3
from emoclr.corpus.audio.samples import Waveform

RATE = 16_000
NAMED = {condition.name: condition for condition in CONDITIONS}
MPEG_2_KBIT_S = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
"""Bit rates of layer III by their index in a frame's header, ISO/IEC 13818-3."""


class Held:
    """Waveforms in memory, which counts how often one was read."""

    def __init__(self, clips: list[Waveform]) -> None:
        self.clips = clips
        self.read = 0

    @property
    def samples(self) -> NDArray[np.int64]:
        return np.array([len(clip) for clip in self.clips])

    def __len__(self) -> int:
        return len(self.clips)

    def waveform(self, clip: int) -> Waveform:
        self.read += 1
        return self.clips[clip]

    def crop(self, clip: int, start_sample: int, n_samples: int) -> Waveform:
        return self.waveform(clip)[start_sample : start_sample + n_samples]


def white(samples: int = 2 * RATE, level: float = 0.05, seed: int = 0) -> Waveform:
    return (level * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def apply(name: str, waveform: Waveform, seed: int = 0) -> Waveform:
    return NAMED[name].apply(waveform, np.random.SeedSequence(seed))


def power_db(samples: Waveform) -> float:
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64))))


def bands_db(samples: Waveform) -> Callable[[float, float], float]:
    """Returns band(low_hz, high_hz) -> mean power density of the samples there in dB."""
    frequencies_hz, density = welch(samples.astype(np.float64), RATE, nperseg=2048)
    return lambda low, high: float(10 * np.log10(density[(frequencies_hz >= low) & (frequencies_hz < high)].mean()))


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: condition.name)
@settings(max_examples=10, deadline=None)
@given(samples=st.integers(1, 5000), level=st.sampled_from([0.0, 1e-3, 0.3]))
def test_any_clip_keeps_its_length_and_stays_finite(condition: Condition, samples: int, level: float) -> None:
    heard = condition.apply(white(samples, level), np.random.SeedSequence(1))
    assert heard.dtype == np.float32 and heard.shape == (samples,)
    assert np.isfinite(heard).all()


@pytest.mark.parametrize("snr_db", [20, 10, 0])
def test_noise_has_the_ratio_that_it_is_named_after(snr_db: int) -> None:
    clip = white()
    noise = apply(f"noise_{snr_db}_db", clip) - clip
    assert power_db(clip) - power_db(noise) == pytest.approx(snr_db, abs=0.05)


def test_noise_is_pink_from_50_hz_on_and_nothing_below() -> None:
    clip = white(20 * RATE)
    band = bands_db(apply("noise_0_db", clip) - clip)
    octaves = [band(low, 2 * low) for low in (125, 250, 500, 1000, 2000, 4000)]
    assert np.diff(octaves) == pytest.approx(-3.01, abs=0.6)
    assert band(0, 30) < octaves[0] - 20


def test_the_noise_of_a_clip_is_the_same_at_every_ratio_and_another_for_another_clip() -> None:
    clip = white()
    loud, soft = (apply(f"noise_{snr_db}_db", clip) - clip for snr_db in (0, 20))
    assert np.corrcoef(loud, soft)[0, 1] > 0.9999
    other = apply("noise_0_db", clip, seed=1) - clip
    assert abs(np.corrcoef(loud, other)[0, 1]) < 0.1


def test_a_telephone_passes_its_band_and_nothing_beside_it() -> None:
    clip = white(10 * RATE)
    before, after = bands_db(clip), bands_db(apply("telephone", clip))
    assert after(400, 3300) == pytest.approx(before(400, 3300), abs=0.3)
    for low, high in ((0, 220), (3500, 3900), (4100, 8000)):
        assert after(low, high) < before(low, high) - 30


def test_a_telephone_adds_the_noise_of_8_bit_mu_law() -> None:
    # A tone of half of full scale: mu-law's steps there allow about 38 dB (ITU-T G.711, G.712).
    tone = (0.5 * np.sin(2 * np.pi * 1015 * np.arange(RATE) / RATE)).astype(np.float32)
    heard = apply("telephone", tone)
    middle = slice(RATE // 4, -RATE // 4)
    ratio_db = power_db(tone[middle]) - power_db((heard - tone)[middle])
    assert 33 < ratio_db < 42


def test_an_mp3_is_one_of_32_kbit_s_in_every_frame() -> None:
    content = encode_mp3(white(), MP3_KBIT_S)
    with sf.SoundFile(io.BytesIO(content)) as file:
        assert (file.format, file.samplerate) == ("MP3", RATE)
    frame = 72 * MP3_KBIT_S * 1000 // RATE  # bytes, of 576 samples
    headers = [content[start : start + 3] for start in range(0, len(content) - 3, frame)]
    assert len(headers) > 2 * RATE // 576
    assert {header[:2] for header in headers} == {b"\xff\xf3"}  # MPEG-2, layer III, no checksum
    assert {MPEG_2_KBIT_S[header[2] >> 4] for header in headers} == {32}


def test_an_mp3_comes_back_changed_but_in_time() -> None:
    clip = np.convolve(white(RATE), np.ones(8) / 8, mode="same").astype(np.float32)
    heard = apply("mp3", clip)
    assert int(correlate(heard, clip).argmax()) == len(clip) - 1
    assert -30 < power_db(heard - clip) - power_db(clip) < -6


def test_a_room_rings_as_long_as_it_says() -> None:
    click = np.zeros(2 * RATE, dtype=np.float32)
    click[0] = 0.5
    energy = np.square(apply("reverberation", click), dtype=np.float64)
    left_db = 10 * np.log10(np.cumsum(energy[::-1])[::-1][: round(0.7 * RT60_S * RATE)])  # Schroeder 1965
    left_db -= left_db[0]
    fitted = np.flatnonzero((left_db < -5) & (left_db > -35))
    slope_db_per_s = np.polyfit(fitted / RATE, left_db[fitted], 1)[0]
    assert -60 / slope_db_per_s == pytest.approx(RT60_S, rel=0.05)
    assert energy[0] == pytest.approx(energy[1:].sum(), rel=1e-3)


def test_a_room_leaves_the_level_as_it_is() -> None:
    clip = white()
    assert power_db(apply("reverberation", clip)) == pytest.approx(power_db(clip), abs=0.01)


def test_gain_is_exact_and_clips_at_full_scale() -> None:
    clip = np.array([0.0, 0.05, -0.09, 0.1, 0.5, -1.0], dtype=np.float32)
    assert apply("gain_plus_20_db", clip) == pytest.approx([0, 0.5, -0.9, 1, 1, -1])
    assert apply("gain_minus_20_db", clip) == pytest.approx(clip / 10)


def test_a_stressed_store_gives_the_clips_asked_for_under_their_own_numbers() -> None:
    held = Held([white(500 + clip, seed=clip) for clip in range(4)])
    stressed = DegradedWaveforms(held, np.array([3, 1]), NAMED["noise_10_db"], seed=7)
    assert len(stressed) == 2 and stressed.samples.tolist() == [503, 501]
    for place, clip in enumerate((3, 1)):
        expected = NAMED["noise_10_db"].apply(held.clips[clip], np.random.SeedSequence((7, clip)))
        assert np.array_equal(stressed.waveform(place), expected)
        assert np.array_equal(stressed.crop(place, 100, 50), expected[100:150])
        assert np.array_equal(stressed.crop(place, 480, 50), expected[480:])


@pytest.mark.parametrize("kept", [0, 600, 10_000])
def test_a_clip_is_stressed_once_for_all_of_its_windows(monkeypatch: pytest.MonkeyPatch, kept: int) -> None:
    monkeypatch.setattr("emoclr.augment.robustness.MAX_KEPT_SAMPLES", kept)
    held = Held([white(500, seed=clip) for clip in range(3)])
    stressed = DegradedWaveforms(held, np.arange(3), NAMED["mp3"], seed=0)
    first, again = (
        [np.concatenate([stressed.crop(clip, start, 100) for start in range(0, 500, 100)]) for clip in range(3)]
        for _ in range(2)
    )
    assert np.array_equal(first, again)
    # The second round costs those clips that there was no room for.
    assert held.read == 3 + (3 - min(3, kept // 500))


def test_another_process_hears_the_same() -> None:
    script = (
        "import hashlib, numpy as np; from emoclr.augment.robustness import CONDITIONS;"
        "clip = (0.05 * np.random.default_rng(0).standard_normal(3000)).astype(np.float32);"
        "print(*(hashlib.sha256(c.apply(clip, np.random.SeedSequence((3, 5))).tobytes()).hexdigest()"
        " for c in CONDITIONS))"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout.split()
    here = [condition.apply(white(3000), np.random.SeedSequence((3, 5))) for condition in CONDITIONS]
    assert told == [hashlib.sha256(heard.tobytes()).hexdigest() for heard in here]
    assert len(set(told)) == len(CONDITIONS)
