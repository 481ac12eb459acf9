import os
import pickle
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import corpus.decoding
import corpus.waveforms
from configs.errors import ConfigError, EmoclrError
from corpus.audio import read_waveform
from corpus.waveforms import Clip, clips_from, open_waveforms

ONE_STEP = 1 / 32_768


@pytest.fixture
def clips(write_tone):
    return [
        Clip(write_tone("a.flac", rate=44_100, duration_s=0.5), speaker="bob"),
        Clip(write_tone("b.ogg", rate=22_050, duration_s=1.25, channels=(1.0, 0.2))),
        Clip(write_tone("c.wav", duration_s=2), start_s=0.5, end_s=1.5, speaker="ann"),
        Clip(write_tone("d.mp3", rate=48_000, duration_s=0.75), speaker="bob"),
    ]


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def forbid_decoding(monkeypatch):
    def refuse(*_):
        raise AssertionError("decoded again")

    monkeypatch.setattr(corpus.waveforms, "decode_into", refuse)


def test_every_clip_is_what_reading_its_file_gives(clips, cache):
    store = open_waveforms(clips, cache)
    assert len(store) == len(clips)
    for number, clip in enumerate(clips):
        direct = read_waveform(clip.path, clip.start_s, clip.end_s)
        stored = store.waveform(number)
        assert stored.dtype == np.float32 and len(stored) == len(direct) == store.samples[number]
        assert np.abs(stored - direct).max() <= ONE_STEP
        assert store.path(number) == clip.path
    np.testing.assert_allclose(store.durations_s, [0.5, 1.25, 1.0, 0.75], atol=0.01)


def test_speakers_are_codes_and_unknown_is_minus_one(clips, cache):
    store = open_waveforms(clips, cache)
    assert store.speaker_names == ["ann", "bob"]
    assert store.speakers.tolist() == [1, -1, 0, 1]


def test_a_crop_is_a_slice_and_ends_with_its_clip(clips, cache):
    store = open_waveforms(clips, cache)
    whole = store.waveform(1)
    np.testing.assert_array_equal(store.crop(1, 1_000, 500), whole[1_000:1_500])
    np.testing.assert_array_equal(store.crop(1, len(whole) - 10, 500), whole[-10:])
    assert len(store.crop(1, len(whole) + 10, 500)) == 0
    with pytest.raises(IndexError):
        store.crop(4, 0, 10)


def test_a_store_travels_small_and_reads_the_same(clips, cache):
    store = open_waveforms(clips, cache)
    before = store.waveform(3)
    travelled = pickle.dumps(store)
    assert len(travelled) < 2 * before.nbytes / len(clips)
    np.testing.assert_array_equal(pickle.loads(travelled).waveform(3), before)


def test_the_second_time_nothing_is_decoded(clips, cache, monkeypatch):
    first = open_waveforms(clips, cache)
    forbid_decoding(monkeypatch)
    second = open_waveforms(clips, cache)
    assert second.fingerprint == first.fingerprint
    np.testing.assert_array_equal(second.waveform(0), first.waveform(0))


def test_speakers_learned_later_need_no_decoding(clips, cache, monkeypatch):
    open_waveforms(clips, cache)
    forbid_decoding(monkeypatch)
    renamed = [Clip(clip.path, clip.start_s, clip.end_s, "eve") for clip in clips]
    assert open_waveforms(renamed, cache).speaker_names == ["eve"]


def test_a_corpus_that_moved_with_its_times_is_still_known(clips, cache, tmp_path, monkeypatch):
    old = open_waveforms(clips, cache)
    (tmp_path / "moved").mkdir()
    moved = [Clip(shutil.copy2(clip.path, tmp_path / "moved"), clip.start_s, clip.end_s) for clip in clips]
    forbid_decoding(monkeypatch)
    store = open_waveforms(moved, cache)
    assert store.fingerprint == old.fingerprint
    assert store.path(2) == tmp_path / "moved" / "c.wav"


def test_a_file_that_changed_is_noticed(clips, cache, write_tone):
    before = open_waveforms(clips, cache)
    write_tone("c.wav", duration_s=2, level=0.1)
    os.utime(clips[2].path, ns=(0, 12_345))
    after = open_waveforms(clips, cache)
    assert after.fingerprint != before.fingerprint
    assert np.abs(after.waveform(2)).max() == pytest.approx(0.1, abs=0.01)


def test_another_part_of_a_file_is_another_clip(clips, cache):
    longer = Clip(clips[2].path, 0.5, 1.75)
    assert open_waveforms([longer], cache).samples.tolist() == [20_000]
    assert open_waveforms([clips[2]], cache).samples.tolist() == [16_000]


def test_what_cannot_be_decoded_is_listed_and_the_rest_goes_on(clips, cache, tmp_path, capsys):
    (tmp_path / "text.wav").write_text("no recording")
    mixed = [clips[0], Clip(tmp_path / "text.wav"), Clip(tmp_path / "gone.wav"), clips[2]]
    for _ in range(2):
        store = open_waveforms(mixed, cache)
        assert store.source_rows.tolist() == [0, 3]
        assert [failure.path.name for failure in store.failures] == ["text.wav", "gone.wav"]
        assert store.failures[1].reason == "no such file"
        assert store.speaker_names == ["ann", "bob"]
        assert "2 of 4 clips set aside" in capsys.readouterr().err


def test_nothing_to_decode_is_an_error(cache, tmp_path):
    with pytest.raises(EmoclrError, match="no clips"):
        open_waveforms([], cache)
    with pytest.raises(EmoclrError, match=r"none of 1 clips can be read.*gone\.wav: no such file"):
        open_waveforms([Clip(tmp_path / "gone.wav")], cache)


def test_processes_give_the_same_bytes_as_none(write_tone, cache, tmp_path):
    many = [Clip(write_tone(f"{n}.flac", rate=22_050, hz=200 + n, duration_s=0.05)) for n in range(70)]
    (tmp_path / "text.mp3").write_text("no recording")
    many.insert(33, Clip(tmp_path / "text.mp3"))
    alone, together = (open_waveforms(many, cache / str(n), workers=n) for n in (1, 2))
    assert alone.fingerprint == together.fingerprint
    for name in (corpus.decoding.SAMPLES, corpus.decoding.FAILURES, corpus.decoding.NAMES):
        folder = alone.fingerprint
        assert (cache / "1" / folder / name).read_bytes() == (cache / "2" / folder / name).read_bytes()
    assert alone.source_rows.tolist() == together.source_rows.tolist()


def test_two_that_decode_at_once_both_get_all(clips, cache, monkeypatch):
    # Both wait for each other after decoding, so neither finds the other's result ready-made.
    both_decoded = threading.Barrier(2, timeout=30)
    write = corpus.decoding._write

    def write_and_wait(*arguments):
        write(*arguments)
        both_decoded.wait()

    monkeypatch.setattr(corpus.decoding, "_write", write_and_wait)
    with ThreadPoolExecutor(2) as threads:
        stores = list(threads.map(lambda _: open_waveforms(clips, cache, workers=1), range(2)))
    np.testing.assert_array_equal(stores[0].waveform(1), stores[1].waveform(1))
    assert [entry.name for entry in cache.iterdir()] == [stores[0].fingerprint]


def test_a_run_that_is_stopped_leaves_nothing_half_done(clips, cache, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(corpus.decoding, "read_waveform", stop)
        with pytest.raises(KeyboardInterrupt):
            open_waveforms(clips, cache, workers=1)
    assert list(cache.iterdir()) == []
    assert len(open_waveforms(clips, cache)) == 4


def test_what_a_killed_run_left_is_removed_after_a_day_and_not_before(clips, cache):
    for name, age_s in (("old", 2 * 86_400), ("young", 60)):
        left = cache / f".{name}.1-ab"
        left.mkdir(parents=True)
        (left / corpus.decoding.SAMPLES).touch()
        for path in (left / corpus.decoding.SAMPLES, left):
            os.utime(path, (time.time() - age_s,) * 2)
    store = open_waveforms(clips, cache)
    assert {entry.name for entry in cache.iterdir()} == {store.fingerprint, ".young.1-ab"}


@pytest.mark.parametrize("name", [corpus.decoding.SAMPLES, corpus.decoding.INDEX, corpus.decoding.FAILURES])
def test_a_damaged_entry_is_made_again(clips, cache, name):
    store = open_waveforms(clips, cache)
    expected = store.waveform(3)
    damaged = cache / store.fingerprint / name
    damaged.write_bytes(damaged.read_bytes()[:-1])
    np.testing.assert_array_equal(open_waveforms(clips, cache).waveform(3), expected)


def test_a_cache_that_cannot_be_written_is_named(clips, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(EmoclrError, match="cannot be written"):
        open_waveforms(clips, tmp_path / "file" / "cache")


def test_the_cache_goes_where_the_environment_says(clips, tmp_path, monkeypatch):
    monkeypatch.setenv("EMOCLR_CACHE", str(tmp_path / "mine"))
    store = open_waveforms(clips)
    assert (tmp_path / "mine" / store.fingerprint).is_dir()


def test_sources_may_be_folders_files_and_tables(tmp_path, write_tone, write_csv):
    in_folder, alone = write_tone("folder/x.wav"), write_tone("y.flac")
    table = write_csv(
        "path,speaker,split,start_s,end_s",
        "folder/x.wav,1,train,,",
        "y.flac,2,test,,",
        "z.wav,3,validation,0.5,1.5",
        name="one/labels.csv",
    )
    paths = [clip.path for clip in clips_from([tmp_path / "folder", alone])]
    assert paths == [in_folder, alone]
    clips = clips_from([table], splits=["train", "validation"])
    assert list(clips) == [
        Clip(tmp_path / "one" / "folder" / "x.wav", speaker="1"),
        Clip(tmp_path / "one" / "z.wav", 0.5, 1.5, "3"),
    ]


def test_equal_names_in_two_corpora_are_two_speakers(write_csv):
    tables = [write_csv("path,speaker", f"{name}.wav,1", name=f"{name}/labels.csv") for name in "ab"]
    assert [clip.speaker for clip in clips_from(tables)] == ["a/labels/1", "b/labels/1"]


def test_a_clip_of_two_sources_comes_once_with_its_speaker(tmp_path, write_tone, write_csv):
    write_tone("folder/x.wav")
    table = write_csv("path,speaker", "folder/x.wav,ann")
    (clip,) = clips_from([tmp_path / "folder", table])
    assert clip.speaker is not None and clip.speaker.endswith("/ann")


def test_sources_that_give_nothing_are_errors(tmp_path, write_csv):
    with pytest.raises(ConfigError, match="nowhere"):
        clips_from([tmp_path / "nowhere"])
    with pytest.raises(ConfigError, match=r"none\.csv"):
        clips_from([tmp_path / "none.csv"])
    table = write_csv("path,split", "x.wav,test")
    with pytest.raises(ConfigError, match="no recordings in the splits train"):
        clips_from([table], splits=["train"])
    with pytest.raises(ConfigError, match="'dev' is no split"):
        clips_from([table], splits=["dev"])
