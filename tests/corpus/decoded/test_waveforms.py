import os
import pickle
import shutil

import numpy as np
import pytest

import emoclr.corpus.decoded.decode_clip
from emoclr.configs.errors import EmoclrError
from emoclr.corpus.audio.decoder import read_waveform
from emoclr.corpus.clips.clip_table import Clip
from emoclr.corpus.decoded.cache import used_bytes
from emoclr.corpus.decoded.waveforms import open_waveforms

ONE_STEP = 1 / 32_768


@pytest.fixture
def clips(write_tone, in_this_process):
    return [
        Clip(write_tone("a.flac", rate=44_100, duration_s=0.5), speaker="bob"),
        Clip(write_tone("b.ogg", rate=22_050, duration_s=1.25, channels=(1.0, 0.2))),
        Clip(write_tone("c.wav", duration_s=2), start_s=0.5, end_s=1.5, speaker="ann"),
        Clip(write_tone("d.mp3", rate=48_000, duration_s=0.75), speaker="bob"),
    ]


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def forbid_decoding(monkeypatch):
    def forbid():
        def refuse(*_):
            raise AssertionError("decoded again")

        monkeypatch.setattr(emoclr.corpus.decoded.decode_clip, "Recording", refuse)

    return forbid


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


def test_the_second_time_nothing_is_decoded(clips, cache, forbid_decoding):
    first = open_waveforms(clips, cache)
    forbid_decoding()
    second = open_waveforms(clips, cache)
    assert second.fingerprint == first.fingerprint
    np.testing.assert_array_equal(second.waveform(0), first.waveform(0))


def test_another_list_of_known_clips_needs_no_decoding(clips, cache, forbid_decoding):
    whole = open_waveforms(clips, cache)
    forbid_decoding()
    some = open_waveforms([clips[3], Clip(clips[0].path, speaker="eve")], cache)
    np.testing.assert_array_equal(some.waveform(0), whole.waveform(3))
    assert some.speaker_names == ["bob", "eve"] and some.speakers.tolist() == [0, 1]
    assert some.fingerprint != whole.fingerprint


def test_a_corpus_that_was_copied_is_the_same_corpus_whatever_its_names_and_times(
    clips, cache, tmp_path, forbid_decoding
):
    old = open_waveforms(clips, cache)
    (tmp_path / "copy").mkdir()
    copies = []
    for number, clip in enumerate(clips):
        path = shutil.copy(clip.path, tmp_path / "copy" / f"{number}{clip.path.suffix}")
        os.utime(path, ns=(0, 12_345))
        copies.append(Clip(path, clip.start_s, clip.end_s))
    forbid_decoding()
    store = open_waveforms(copies, cache)
    assert store.fingerprint == old.fingerprint
    assert store.path(2) == tmp_path / "copy" / "2.wav"
    np.testing.assert_array_equal(store.waveform(2), old.waveform(2))


def test_neither_the_place_of_the_cache_nor_its_order_shows_in_the_fingerprint(clips, tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    for clip in reversed(clips):
        open_waveforms([clip], there)
    assert open_waveforms(clips, here).fingerprint == open_waveforms(clips, there).fingerprint


def test_the_order_of_clips_shows_in_the_fingerprint(clips, cache):
    assert open_waveforms(clips, cache).fingerprint != open_waveforms(clips[::-1], cache).fingerprint


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


def test_what_was_not_decoded_plainly_is_told_and_remembered(clips, cache, write_tone, capsys):
    cut = write_tone("cut.wav", hz=300)
    cut.write_bytes(cut.read_bytes()[: 44 + 24_000])
    mixed = [
        clips[0],
        Clip(cut),
        Clip(write_tone("right.flac", hz=310, channels=(0.0, 0.5, 0.0))),
        Clip(write_tone("left.flac", hz=320, channels=(0.0, 0.5, 0.0))),
        Clip(write_tone("quiet.wav", level=0.000_9)),
        Clip(write_tone("soft.wav", level=0.001_1)),
    ]
    for cache_gb in (None, None, 0):
        store = open_waveforms(mixed, cache if cache_gb is None else cache / "none", cache_gb=cache_gb)
        told = capsys.readouterr().err
        assert list(store.partial) == [1] and "0.75 of 1.00 s" in store.partial[1]
        assert list(store.notes) == [2, 3] and all("channel 2 of 3" in note for note in store.notes.values())
        assert store.silent.tolist() == [False, False, False, False, True, False]
        assert "1 of 6 clips in part only" in told and f"  {cut}: " in told
        assert "2 of 6 clips where a channel" in told and "right.flac: channel 2 of 3" in told
        assert "1 of 6 clips silent" in told and "quiet.wav" in told and "soft.wav" not in told


def test_each_clip_is_told_what_is_its_own_whichever_shard_it_comes_from(cache, write_tone):
    one = [Clip(write_tone("a.flac", channels=(0.0, 0.5)))]
    other = [Clip(write_tone("b.flac", hz=300, channels=(0.5, 0.0))), Clip(write_tone("c.flac", hz=310))]
    for some in (one, other):
        open_waveforms(some, cache, workers=1)
    notes = open_waveforms([*other, *one], cache).notes
    assert list(notes) == [0, 2] and "channel 1" in notes[0] and "channel 2" in notes[2]


def test_channels_are_those_that_are_asked_for_and_cached_apart(write_tone, cache, decodings):
    stereo = Clip(write_tone("stereo.wav", channels=(0.5, 1.0)))
    mono = Clip(write_tone("mono.wav", hz=300))
    heard, fingerprints = {}, set()
    for channels in ("auto", "mean", "loudest", 1, 2):
        store = open_waveforms([stereo, mono], cache, channels=channels)
        heard[channels] = np.abs(store.waveform(0)).max()
        fingerprints.add(store.fingerprint)
        assert np.abs(store.waveform(1)).max() == pytest.approx(0.5, abs=0.001)
    assert heard == pytest.approx({"auto": 0.375, "mean": 0.375, "loudest": 0.5, 1: 0.25, 2: 0.5}, abs=0.001)
    assert len(fingerprints) == 5
    uncached = open_waveforms([stereo], cache / "none", cache_gb=0, channels=1)
    assert np.abs(uncached.waveform(0)).max() == pytest.approx(0.25, abs=0.001)
    decodings.clear()
    third = open_waveforms([stereo, mono], cache, channels=3)
    assert third.source_rows.tolist() == [1] and "has 2 channels, where channels=3" in third.failures[0].reason
    assert np.abs(open_waveforms([stereo], cache, channels=1).waveform(0)).max() == pytest.approx(0.25, abs=0.001)
    assert decodings == ["stereo.wav", "mono.wav"]


def test_opposite_channels_are_mixed_where_the_mean_is_asked_for(write_tone, cache):
    opposite = Clip(write_tone("opposite.wav", channels=(1.0, -1.0)))
    assert open_waveforms([opposite], cache, channels="mean").silent.tolist() == [True]
    assert open_waveforms([opposite], cache).silent.tolist() == [False]


def test_nothing_to_decode_is_an_error(cache, tmp_path):
    with pytest.raises(EmoclrError, match="no clips"):
        open_waveforms([], cache)
    with pytest.raises(EmoclrError, match=r"none of 1 clip can be read:\n.*gone\.wav: no such file"):
        open_waveforms([Clip(tmp_path / "gone.wav")], cache)


def test_processes_give_the_same_as_none(write_tone, cache, tmp_path):
    many = [Clip(write_tone(f"{n}.flac", rate=22_050, hz=200 + n, duration_s=0.05)) for n in range(70)]
    (tmp_path / "text.mp3").write_text("no recording")
    many.insert(33, Clip(tmp_path / "text.mp3"))
    alone, together = (open_waveforms(many, cache / str(n), workers=n) for n in (1, 2))
    assert alone.fingerprint == together.fingerprint
    assert alone.source_rows.tolist() == together.source_rows.tolist() == [n for n in range(71) if n != 33]
    assert alone.failures == together.failures
    for clip in range(70):
        np.testing.assert_array_equal(alone.waveform(clip), together.waveform(clip))


def test_a_cache_that_cannot_be_written_is_named(clips, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(EmoclrError, match="cannot be written"):
        open_waveforms(clips, tmp_path / "file" / "cache")


def test_the_cache_goes_where_the_environment_says(clips, tmp_path, monkeypatch):
    monkeypatch.setenv("EMOCLR_CACHE", str(tmp_path / "mine"))
    open_waveforms(clips)
    assert used_bytes(tmp_path / "mine") == 2 * (8_000 + 20_000 + 16_000 + 12_000)
