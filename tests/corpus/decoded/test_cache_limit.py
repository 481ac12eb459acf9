import os
import pickle

import numpy as np
import pytest

from emoclr.configs.errors import ConfigError
from emoclr.corpus.audio.decoder import AudioError, read_waveform
from emoclr.corpus.cli import main
from emoclr.corpus.decoded.cache import allowed_bytes, clear_cache, used_bytes
from emoclr.corpus.decoded.waveforms import open_waveforms

SECOND = 2 * 16_000
"""Bytes."""

pytestmark = pytest.mark.usefixtures("in_this_process")


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def test_clips_beyond_the_limit_are_decoded_when_they_are_read(tones, cache, capsys):
    whole = open_waveforms(tones, cache / "whole")
    capsys.readouterr()
    store = open_waveforms(tones, cache / "small", cache_gb=2.5 * SECOND / 1e9)
    told = capsys.readouterr().err
    assert "0.2 MB" in told and "0.1 MB" in told and "4 of 6 clips" in told and "cache_gb" in told
    assert store.uncached == 4 and used_bytes(cache / "small") == 2 * SECOND
    assert store.fingerprint == whole.fingerprint
    np.testing.assert_array_equal(store.samples, whole.samples)
    for clip in range(6):
        np.testing.assert_array_equal(store.waveform(clip), whole.waveform(clip))
        np.testing.assert_array_equal(store.crop(clip, 300, 50), whole.crop(clip, 300, 50))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(store)).waveform(5), whole.waveform(5))


def test_what_did_not_fit_is_kept_once_there_is_room(tones, cache, decodings):
    small = 2.5 * SECOND / 1e9
    open_waveforms(tones, cache, cache_gb=small)
    assert len(decodings) == 6
    assert open_waveforms(tones, cache, cache_gb=small).uncached == 4
    assert len(decodings) == 6
    assert open_waveforms(tones, cache).uncached == 0
    assert len(decodings) == 10 and used_bytes(cache) == 6 * SECOND


def test_without_a_cache_all_is_decoded_when_read(tones, cache):
    store = open_waveforms(tones, cache, cache_gb=0)
    assert store.uncached == 6 and used_bytes(cache) == 0
    assert np.abs(store.waveform(4) - read_waveform(tones[4].path)).max() <= 1 / 32_768


def test_views_of_one_clip_decode_it_once(tones, cache, decodings):
    store = open_waveforms(tones, cache, cache_gb=0)
    decodings.clear()
    for clip in (2, 2, 3, 3):
        store.crop(clip, 0, 100)
    assert decodings == ["2.flac", "3.flac"]


def test_an_uncached_recording_that_is_lost_is_an_error_that_names_it(tones, cache, write_tone):
    store = open_waveforms(tones, cache, cache_gb=0)
    tones[0].path.unlink()
    write_tone("1.flac", level=0.1, rate=22_050)
    os.utime(tones[2].path, ns=(0, 99))
    for clip, reason in ((0, "no such file"), (1, "changed")):
        with pytest.raises(AudioError, match=reason) as caught:
            store.crop(clip, 0, 100)
        assert caught.value.path == tones[clip].path
    assert len(store.crop(2, 0, 100)) == 100  # only its time changed


def test_a_cleared_cache_costs_the_runs_that_use_it_time_alone(tones, cache):
    store, expected = (open_waveforms(tones, cache) for _ in range(2))
    first = expected.waveform(0)
    assert clear_cache(cache) == 6 * SECOND
    assert used_bytes(cache) == 0
    np.testing.assert_array_equal(expected.waveform(0), first)
    np.testing.assert_array_equal(store.waveform(0), first)
    assert len(open_waveforms(tones, cache)) == 6 and used_bytes(cache) == 6 * SECOND


def test_the_limit_is_a_setting_or_the_environment_or_half_of_what_is_free(cache, monkeypatch):
    free = allowed_bytes(cache, None)
    cache.mkdir()
    (cache / "x.int16").write_bytes(bytes(10_000_000))
    assert allowed_bytes(cache, None) == pytest.approx(free, rel=0.2)
    monkeypatch.setenv("EMOCLR_CACHE_GB", "1.5")
    assert allowed_bytes(cache, None) == 1_500_000_000
    assert allowed_bytes(cache, 0.25) == 250_000_000
    monkeypatch.setenv("EMOCLR_CACHE_GB", "much")
    with pytest.raises(ConfigError, match="EMOCLR_CACHE_GB: 'much' is not a number"):
        allowed_bytes(cache, None)


def test_the_command_says_how_much_is_kept_and_removes_it(tones, cache, capsys):
    open_waveforms(tones, cache)
    assert main(["cache", "--dir", str(cache)]) == 0
    assert capsys.readouterr().out.startswith(f"{cache}: 6 clips, 0.2 MB of the ")
    assert main(["cache", "--dir", str(cache), "--clear"]) == 0
    assert f"removed 0.2 MB from {cache}" in capsys.readouterr().err
    assert used_bytes(cache) == 0
    assert main(["cache", "--dir", str(cache / "nowhere")]) == 0
    assert "0 clips, 0.0 MB" in capsys.readouterr().out
