"""Corpora of a few clips of what sounds like speech."""

import numpy as np
import pytest
import soundfile as sf

RATE = 16_000
HEAD = ["path", "joy", "anger", "speaker", "split"]


def voice(seed, duration_s=1.5):
    """Something like speech: harmonics that glide, in syllables, with breath; another seed is another sentence."""
    rng = np.random.default_rng(seed)
    samples = round(duration_s * RATE)
    knots = np.linspace(0, samples, 8)
    pitch_hz = np.interp(np.arange(samples), knots, rng.uniform(90, 260, 8))
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE
    loudness = np.interp(np.arange(samples), np.linspace(0, samples, 16), rng.uniform(0.05, 1, 16))
    harmonics = [
        np.interp(np.arange(samples), knots, rng.uniform(0, 1, 8)) * np.sin(number * phase) / number
        for number in range(1, 16)
    ]
    return 0.2 * loudness * (np.sum(harmonics, axis=0) + 0.05 * rng.normal(size=samples))


@pytest.fixture
def corpus(tmp_path, write_table):
    """Returns make(*rows) -> labels.csv; a row is (samples or a writer of a path, cells after the path)."""

    def make(*rows, head=HEAD, suffix=".wav"):
        lines = []
        for number, (sound, *cells) in enumerate(rows):
            path = tmp_path / f"{number:03}{suffix}"
            if callable(sound):
                path = sound(path)
            else:
                sf.write(path, sound, RATE)
            lines.append([path.name, *cells])
        return write_table(tmp_path / "labels.csv", head, lines)

    return make


def checks(found):
    return {finding.check: finding for finding in found.findings}


def four(split=("train", "train", "test", "test")):
    """Rows of four different clips of two speakers."""
    return [
        (voice(number), number % 2, 1 - number % 2, "ann" if number < 2 else "bob", split[number])
        for number in range(4)
    ]
