"""Fingerprints of different sounds differ."""

import numpy as np
import pytest

from emoclr.corpus.audit.fingerprints import MAX_BITS_OFF, copies, fingerprint

from .conftest import voice


def test_different_sentences_and_takes_share_no_fingerprint():
    clips = [voice(seed) for seed in range(30)]
    rng = np.random.default_rng(0)
    takes = [np.interp(np.arange(0, len(clip), rng.uniform(0.85, 0.95)), np.arange(len(clip)), clip) for clip in clips]
    assert copies([fingerprint(clip.astype(np.float32)) for clip in clips + takes]) == []


def test_half_of_the_bits_differ_between_unrelated_sounds():
    one, other = (fingerprint(voice(seed).astype(np.float32)) for seed in (1, 2))
    both = (one > 0) & (other > 0)
    assert np.bitwise_count(one[both] ^ other[both]).mean() / 32 == pytest.approx(0.5, abs=0.1)
    assert MAX_BITS_OFF < 0.35  # of the paper's false alarm analysis, for excerpts of 3 s


def test_a_clip_too_short_for_a_fingerprint_has_none():
    assert len(fingerprint(np.ones(2_000, dtype=np.float32))) == 0
    assert copies([fingerprint(np.ones(2_000, dtype=np.float32))] * 2) == []
