import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import emoclr.corpus.decoded.cache
import emoclr.corpus.decoded.decode_clip
import emoclr.corpus.decoded.shard_writer
import emoclr.corpus.decoded.waveforms
from emoclr.configs.errors import EmoclrError
from emoclr.corpus.audio.decoder import AudioError, Recording, read_waveform
from emoclr.corpus.clips.clip_table import Clip
from emoclr.corpus.clips.sources import clips_from
from emoclr.corpus.decoded.cache import SHARD_VERSION, read_entries, used_bytes
from emoclr.corpus.decoded.decode_clip import DecodeTask, lost_clip
from emoclr.corpus.decoded.shard_writer import ShardWriter, remove_unfinished
from emoclr.corpus.decoded.waveforms import open_waveforms
from emoclr.corpus.index.index_file import table_of, write_index
from emoclr.corpus.index.measure_recording import measure_recording
from emoclr.corpus.parallel import pool

SECOND = 2 * 16_000
"""Bytes."""

pytestmark = pytest.mark.usefixtures("in_this_process")


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def names(cache):
    return sorted(path.name for path in cache.iterdir())


def test_shards_are_filled_one_after_the_other(tones, cache, monkeypatch):
    monkeypatch.setattr(emoclr.corpus.decoded.shard_writer, "SHARD_BYTES", 2 * SECOND)
    store = open_waveforms(tones, cache)
    assert sorted((cache / name).stat().st_size for name in names(cache) if name.endswith(".int16")) == [2 * SECOND] * 3
    assert [name for name in names(cache) if not name.endswith((".int16", ".npz"))] == []
    for number, clip in enumerate(tones):
        assert np.abs(store.waveform(number) - read_waveform(clip.path)).max() <= 1 / 32_768


def test_more_shards_than_may_be_open_can_be_read(tones, cache, monkeypatch):
    monkeypatch.setattr(emoclr.corpus.decoded.shard_writer, "SHARD_BYTES", SECOND)
    monkeypatch.setattr(emoclr.corpus.decoded.waveforms, "OPEN_SHARDS", 2)
    store = open_waveforms(tones, cache)
    first = [store.waveform(clip) for clip in range(6)]
    assert len(store._shards_open) == 2
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
    assert all("cannot be read as audio" in reason for reason in reasons)


def test_what_an_earlier_version_could_not_read_is_tried_again(tones, cache, monkeypatch):
    def read_all_but_one(path, *source):
        if path.name == "5.flac":
            raise AudioError(path, "no decoder for it")
        return Recording(path, *source)

    with monkeypatch.context() as patch:
        for module in (emoclr.corpus.decoded.cache, emoclr.corpus.decoded.shard_writer):
            patch.setattr(module, "SHARD_VERSION", SHARD_VERSION - 1)
        patch.setattr(emoclr.corpus.decoded.decode_clip, "Recording", read_all_but_one)
        assert [failure.reason for failure in open_waveforms(tones, cache).failures] == ["no decoder for it"]
        patch.setattr(emoclr.corpus.decoded.decode_clip, "Recording", Recording)
        assert len(open_waveforms(tones, cache)) == 5
    store = open_waveforms(tones, cache)
    assert len(store) == 6 and not store.failures
    assert used_bytes(cache) == 6 * SECOND


def test_a_file_that_changes_while_it_is_read_is_set_aside_this_time(tones, cache, monkeypatch):
    def read_and_touch(path, *how):
        os.utime(path, ns=(0, 99))
        return Recording(path, *how)

    with monkeypatch.context() as patch:
        patch.setattr(emoclr.corpus.decoded.decode_clip, "Recording", read_and_touch)
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

    def read_until(path, *how):
        if path == stopped_at:
            raise KeyboardInterrupt
        return Recording(path, *how)

    with monkeypatch.context() as patch:
        patch.setattr(emoclr.corpus.decoded.decode_clip, "Recording", read_until)
        with pytest.raises(KeyboardInterrupt):
            open_waveforms(tones, cache, workers=1)
    assert used_bytes(cache) == 3 * SECOND
    assert len(open_waveforms(tones, cache)) == 6
    assert decodings == [f"{n}.flac" for n in (3, 4, 5)]


def test_a_full_disk_leaves_nothing_half_done(tones, cache, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(ShardWriter, "append", full)
        with pytest.raises(EmoclrError, match=r"cannot be written: No space left"):
            open_waveforms(tones, cache)
    assert read_entries(cache).shards == [] and used_bytes(cache) == 0
    assert len(open_waveforms(tones, cache)) == 6


KILLED = """
import sys, time
from pathlib import Path
import emoclr.corpus.decoded.shard_writer, emoclr.corpus.decoded.decode_clip
from emoclr.corpus.cli import main
from emoclr.corpus.clips.clip_table import Clip
from emoclr.corpus.decoded.waveforms import open_waveforms
emoclr.corpus.decoded.shard_writer.SHARD_BYTES = 64_000
read = emoclr.corpus.decoded.decode_clip.Recording
def read_until(path, *how):
    if path.name == "5.flac":
        print("stuck", flush=True)
        time.sleep(600)
    return read(path, *how)
emoclr.corpus.decoded.decode_clip.Recording = read_until
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
    remove_unfinished(cache)
    assert names(cache) == before
    assert len(open_waveforms(tones[3:5], cache)) == 2
    assert set(before) <= set(names(cache))


SECOND_RUN = """
import sys
from pathlib import Path
import emoclr.corpus.decoded.cache
import emoclr.corpus.decoded.decode_clip
from emoclr.corpus.cli import main
from emoclr.corpus.clips.clip_table import Clip
from emoclr.corpus.decoded.waveforms import open_waveforms
read = emoclr.corpus.decoded.decode_clip.Recording
def told(path, *how):
    print(path.name)
    return read(path, *how)
emoclr.corpus.decoded.decode_clip.Recording = told
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


@pytest.mark.parametrize(("end", "remembered"), [(pool.KILLED, False), ("SIGSEGV", True)])
def test_what_was_lost_for_want_of_memory_is_tried_again_and_a_crash_is_not(tones, end, remembered):
    task = DecodeTask(tones[0].path, 0.0, float("nan"), 0, 0, b"", wanted=True)
    clip = lost_clip(task, f"its decoder crashed: {end}")
    assert clip.reason.endswith(end)
    assert bool(clip.digest) == remembered
