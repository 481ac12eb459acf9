"""Clips that the cache does not hold, long ones above all."""

import numpy as np
import pytest
import soundfile as sf

import emoclr.corpus.decoded.uncached
from emoclr.corpus.audio.channels import Mix
from emoclr.corpus.audio.decoder import AudioError, Recording, read_waveform
from emoclr.corpus.audio.samples import to_int16
from emoclr.corpus.decoded.uncached import UncachedClip

RATE = 16_000


@pytest.fixture(autouse=True)
def short_is_long(monkeypatch):
    monkeypatch.setattr(emoclr.corpus.decoded.uncached, "MAX_HELD_SAMPLES", 4 * RATE)
    monkeypatch.setattr(emoclr.corpus.decoded.uncached, "_MAX_SKIPPED_SAMPLES", 3 * RATE)


@pytest.fixture
def opened(monkeypatch):
    """The parts of recordings that are opened, as (start_s, end_s)."""
    parts = []

    class Told(Recording):
        def blocks(self, start_s=0.0, end_s=None, mix=None):
            parts.append((start_s, end_s))
            return super().blocks(start_s, end_s, mix)

    monkeypatch.setattr(emoclr.corpus.decoded.uncached, "Recording", Told)
    return parts


@pytest.fixture
def noise(tmp_path):
    def write(name, rate, seconds=20, **how):
        path = tmp_path / name
        made = np.random.default_rng(0).normal(0, 0.1, (seconds * rate, 2)) * (1, 0.01)
        sf.write(path, made, rate, **how)
        return path

    return write


@pytest.mark.parametrize(
    ("name", "rate"), [("a.wav", 16_000), ("a.flac", 44_100), ("a.wav", 8_000), ("a.wav", 22_050), ("a.mp3", 48_000)]
)
def test_a_part_is_that_of_the_whole_wherever_reading_begins(noise, name, rate, opened):
    path = noise(name, rate)
    for start_s, end_s in ((0.0, np.nan), (1.234_5, 18.3)):
        with Recording(path, path) as recording:
            whole = to_int16(recording.waveform(start_s, None if np.isnan(end_s) else end_s))
            assert recording.mix.channel == 0
        clip = UncachedClip(path, start_s, end_s, len(whole), Mix(channel=0))
        for first, last in ((9 * RATE + 77, 10 * RATE), (100, 200), (16 * RATE + 5, len(whole)), (RATE, RATE + 9)):
            found = clip.crop(first, last)
            assert len(found) == last - first
            assert np.abs(found.astype(int) - whole[first:last]).max() <= (1 if name != "a.mp3" else 2)
    assert [start for start, _ in opened[:2]] == [8.0, 0.0]


def test_windows_one_after_the_other_decode_a_recording_once_and_little_is_held(noise, opened):
    path = noise("a.wav", 22_050)
    whole = to_int16(read_waveform(path))
    clip = UncachedClip(path, 0.0, np.nan, len(whole), Mix(channel=0))
    for first in range(0, len(whole) - 2 * RATE, RATE // 2):
        np.testing.assert_array_equal(clip.crop(first, first + 2 * RATE), whole[first : first + 2 * RATE])
        assert sum(map(len, clip._held)) <= 4 * RATE + 10 * RATE
    assert opened == [(0.0, None)]


def test_a_recording_that_has_other_samples_than_it_had_is_an_error(noise):
    path = noise("a.wav", 16_000, seconds=3)
    for samples, reason in ((3 * RATE + 1, "decodes to 48000 samples"), (3 * RATE - 1, "more than")):
        with pytest.raises(AudioError, match=reason):
            UncachedClip(path, 0.0, np.nan, samples, Mix(channel=0)).crop(0, 10)
