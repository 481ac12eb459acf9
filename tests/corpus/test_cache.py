import os
import pickle
import signal
import subprocess
import sys

import numpy as np
import pytest

import corpus.cache_writing
import corpus.decoding
import corpus.waveforms
from configs.errors import ConfigError, EmoclrError
from corpus.audio import AudioError, read_waveform
from corpus.cache import allowed_bytes, clear_cache, read_entries, used_bytes
from corpus.cache_writing import ShardWriter, remove_abandoned
from corpus.cli import main
from corpus.clips import Clip
from corpus.index import table_of, write_index
from corpus.measuring import measure_recording
from corpus.waveforms import clips_from, open_waveforms

SECOND = 2 * 16_000
"""Bytes."""


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def tones(write_tone):
    """Six recordings of a second, each of its own pitch."""
    return [Clip(write_tone(f"{n}.flac", rate=22_050, hz=200 + n)) for n in range(6)]


@pytest.fixture
def decodings(monkeypatch):
    """Counts what is decoded in this process."""
    paths = []

    def counted(path, *part):
        paths.append(path.name)
        return read_waveform(path, *part)

    monkeypatch.setattr(corpus.decoding, "read_waveform", counted)
    return paths


def names(cache):
    return sorted(path.name for path in cache.iterdir())


def test_shards_are_filled_one_after_the_other(tones, cache, monkeypatch):
    monkeypatch.setattr(corpus.cache_writing, "SHARD_BYTES", 2 * SECOND)
    store = open_waveforms(tones, cache)
    assert sorted((cache / name).stat().st_size for name in names(cache) if name.endswith(".int16")) == [2 * SECOND] * 3
    assert [name for name in names(cache) if not name.endswith((".int16", ".npz"))] == []
    for number, clip in enumerate(tones):
        assert np.abs(store.waveform(number) - read_waveform(clip.path)).max() <= 1 / 32_768


def test_more_shards_than_may_be_open_can_be_read(tones, cache, monkeypatch):
    monkeypatch.setattr(corpus.cache_writing, "SHARD_BYTES", SECOND)
    monkeypatch.setattr(corpus.waveforms, "OPEN_SHARDS", 2)
    store = open_waveforms(tones, cache)
    first = [store.waveform(clip) for clip in range(6)]
    assert len(store._maps) == 2
    for clip in (3, 0, 5, 0, 1):
        np.testing.assert_array_equal(store.waveform(clip), first[clip])


def test_equal_recordings_are_kept_once(write_tone, cache):
    same = [Clip(write_tone("a.wav"), speaker="x"), Clip(write_tone("b/c.wav"), speaker="y")]
    store = open_waveforms(same, cache)
    assert used_bytes(cache) == SECOND
    np.testing.assert_array_equal(store.waveform(0), store.waveform(1))
    assert store.path(1).name == "c.wav"


def test_only_what_is_new_is_decoded(tones, cache, decodings):
    open_waveforms(tones[:4], cache)
    open_waveforms(tones, cache)
    assert decodings == [f"{n}.flac" for n in range(6)]
    assert used_bytes(cache) == 6 * SECOND


def test_parts_cost_what_they_are(write_tone, cache):
    long = write_tone("long.wav", duration_s=20)
    store = open_waveforms([Clip(long, 1, 2), Clip(long, 18.5), Clip(long, 1, 2)], cache)
    assert used_bytes(cache) == 2.5 * SECOND
    assert store.samples.tolist() == [16_000, 24_000, 16_000]
    assert np.abs(store.waveform(1) - read_waveform(long, 18.5)).max() <= 1 / 32_768


def test_what_cannot_be_decoded_is_remembered_by_content_and_ending(tmp_path, cache, tones, decodings):
    for name in ("a.wav", "b.wav", "c.mp3"):
        (tmp_path / name).write_text("no recording")
    broken = [Clip(tmp_path / name) for name in ("a.wav", "b.wav", "c.mp3")]
    stores = [open_waveforms([tones[0], *some], cache, workers=1) for some in (broken[:1], broken[:2], broken)]
    assert decodings == ["0.flac", "a.wav", "c.mp3"]
    reasons = [failure.reason for failure in stores[-1].failures]
    assert reasons[0] == reasons[1] and "MPEG" in reasons[2]


def test_a_file_that_changes_while_it_is_read_is_set_aside_this_time(tones, cache, monkeypatch):
    def read_and_touch(path, *part):
        os.utime(path, ns=(0, 99))
        return read_waveform(path, *part)

    with monkeypatch.context() as patch:
        patch.setattr(corpus.decoding, "read_waveform", read_and_touch)
        with pytest.raises(EmoclrError, match="changed while it was read"):
            open_waveforms(tones[:1], cache)
    assert len(open_waveforms(tones[:1], cache)) == 1


def test_an_index_spares_the_reading_of_files_it_knows(tones, cache, tmp_path):
    first = open_waveforms(tones, cache)
    index = tmp_path / "index.parquet"
    write_index(index, table_of([measure_recording(bytes(clip.path)) for clip in tones]))
    for clip in tones:
        clip.path.unlink()
    store = open_waveforms(clips_from([index]), cache)
    assert store.fingerprint == first.fingerprint
    np.testing.assert_array_equal(store.waveform(5), first.waveform(5))


def test_a_file_that_changed_after_its_scan_is_decoded_as_it_is(write_tone, cache, tmp_path):
    path = write_tone("a.wav", level=0.5)
    index = tmp_path / "index.parquet"
    write_index(index, table_of([measure_recording(bytes(path))]))
    write_tone("a.wav", level=0.1, duration_s=0.5)
    store = open_waveforms(clips_from([index]), cache)
    assert store.samples.tolist() == [8_000]
    assert store.fingerprint == open_waveforms([Clip(path)], cache).fingerprint


def test_a_run_that_is_stopped_keeps_what_it_decoded(tones, cache, monkeypatch, decodings):
    stopped_at = tones[3].path

    def read_until(path, *part):
        if path == stopped_at:
            raise KeyboardInterrupt
        return read_waveform(path, *part)

    with monkeypatch.context() as patch:
        patch.setattr(corpus.decoding, "read_waveform", read_until)
        with pytest.raises(KeyboardInterrupt):
            open_waveforms(tones, cache, workers=1)
    assert used_bytes(cache) == 3 * SECOND
    assert len(open_waveforms(tones, cache)) == 6
    assert decodings == [f"{n}.flac" for n in (3, 4, 5)]


def test_a_full_disk_leaves_nothing_half_done(tones, cache, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(ShardWriter, "add", full)
        with pytest.raises(EmoclrError, match=r"cannot be written: No space left"):
            open_waveforms(tones, cache)
    assert read_entries(cache).shards == [] and used_bytes(cache) == 0
    assert len(open_waveforms(tones, cache)) == 6


KILLED = """
import sys, time
from pathlib import Path
import corpus.cache_writing, corpus.decoding
from corpus.cli import main
from corpus.clips import Clip
from corpus.waveforms import open_waveforms
corpus.cache_writing.SHARD_BYTES = 64_000
read = corpus.decoding.read_waveform
def read_until(path, *part):
    if path.name == "5.flac":
        print("stuck", flush=True)
        time.sleep(600)
    return read(path, *part)
corpus.decoding.read_waveform = read_until
open_waveforms([Clip(Path(p)) for p in sys.argv[2:]], Path(sys.argv[1]), workers=1)
"""


@pytest.fixture
def filling(tones, cache):
    """A process that fills the cache: two shards are finished, the third has a clip, and there it stays."""
    command = [sys.executable, "-c", KILLED, str(cache), *(str(clip.path) for clip in tones)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "stuck\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_killed_run_leaves_its_finished_shards_and_the_next_goes_on(tones, cache, filling, decodings):
    assert used_bytes(cache) >= 4 * SECOND and len(read_entries(cache).shards) == 2
    filling.send_signal(signal.SIGKILL)
    filling.wait()
    store = open_waveforms(tones, cache)
    assert decodings == ["4.flac", "5.flac"]
    assert len(store) == 6 and used_bytes(cache) == 6 * SECOND
    assert [name for name in names(cache) if not name.endswith((".int16", ".npz"))] == []


def test_what_a_running_process_writes_is_left_alone(tones, cache, filling):
    before = names(cache)
    remove_abandoned(cache)
    assert names(cache) == before
    assert len(open_waveforms(tones[3:5], cache)) == 2
    assert set(before) <= set(names(cache))


SECOND_RUN = """
import sys
from pathlib import Path
import corpus.decoding
from corpus.cli import main
from corpus.clips import Clip
from corpus.waveforms import open_waveforms
read = corpus.decoding.read_waveform
def told(path, *part):
    print(path.name)
    return read(path, *part)
corpus.decoding.read_waveform = told
print(len(open_waveforms([Clip(Path(p)) for p in sys.argv[2:]], Path(sys.argv[1]), workers=1)))
"""


def test_two_that_open_the_same_at_once_decode_it_once(tones, cache):
    command = [sys.executable, "-c", SECOND_RUN, str(cache), *(str(clip.path) for clip in tones)]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = "".join(run.communicate()[0] for run in runs).split()
    assert sorted(told) == sorted(["6", "6", *(clip.path.name for clip in tones)])
    assert used_bytes(cache) == 6 * SECOND


def test_two_with_different_lists_do_not_wait_for_each_other(tones, cache, filling):
    assert len(open_waveforms(tones[:5], cache)) == 5


@pytest.mark.parametrize("ending", [".int16", ".npz"])
@pytest.mark.parametrize("left", [0, 100])
def test_a_damaged_shard_is_made_again(tones, cache, ending, left):
    expected = open_waveforms(tones, cache).waveform(3)
    (damaged,) = cache.glob(f"*{ending}")
    damaged.write_bytes(damaged.read_bytes()[:left])
    np.testing.assert_array_equal(open_waveforms(tones, cache).waveform(3), expected)
    assert used_bytes(cache) == 6 * SECOND


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
