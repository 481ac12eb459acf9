"""Shards that are damaged or removed while runs fill, open or read them: that costs time, never a clip or a sample."""

import shutil

import numpy as np
import pytest

import emoclr.corpus.decoded.checksums
import emoclr.corpus.decoded.decode_clip
import emoclr.corpus.decoded.fill_cache
import emoclr.corpus.decoded.shard_reader
import emoclr.corpus.decoded.shard_writer
from emoclr.corpus.audio.decoder import Recording
from emoclr.corpus.decoded.cache import ClipFacts, clear_cache, read_entries, used_bytes
from emoclr.corpus.decoded.shard_writer import ShardWriter
from emoclr.corpus.decoded.waveforms import open_waveforms

SECOND = 2 * 16_000
"""Bytes."""

pytestmark = pytest.mark.usefixtures("in_this_process")


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def expected(tones, tmp_path):
    store = open_waveforms(tones, tmp_path / "undisturbed")
    return [store.waveform(clip) for clip in range(6)]


@pytest.mark.parametrize("byte", [0, SECOND, 3 * SECOND + 1_001, 6 * SECOND - 1])
def test_a_flipped_byte_is_never_heard(tones, cache, expected, byte, capsys):
    open_waveforms(tones, cache)
    (samples,) = cache.glob("*.int16")
    content = bytearray(samples.read_bytes())
    content[byte] ^= 1
    samples.write_bytes(content)
    store = open_waveforms(tones, cache)
    for clip in range(6):
        np.testing.assert_array_equal(store.waveform(clip), expected[clip])
    assert f"{samples.with_suffix('')}: damaged" in capsys.readouterr().err
    assert open_waveforms(tones, cache).uncached == 0 and used_bytes(cache) == 6 * SECOND
    assert not samples.exists()


def test_a_stop_between_writing_and_counting_costs_the_clip_in_progress_alone(cache):
    class Stopped:
        data = b"\1" * 100

        def __len__(self):
            raise KeyboardInterrupt

    samples = np.arange(5, dtype=np.int16)
    with pytest.raises(KeyboardInterrupt), ShardWriter(cache) as writer:
        writer.append(samples)
        writer.keep(b"a" * 16, ClipFacts(5, 4, "", "", -1, 1.0))
        writer.append(Stopped())
    assert read_entries(cache).samples.tolist() == [5]
    (shard,) = cache.glob("*.int16")
    assert shard.read_bytes() == samples.tobytes()


def test_only_what_is_read_is_checked_and_once(tones, cache, monkeypatch):
    for module in (emoclr.corpus.decoded.checksums, emoclr.corpus.decoded.shard_reader):
        monkeypatch.setattr(module, "PIECE_SAMPLES", 10_000)
    store = open_waveforms(tones, cache)
    checked = []
    real = emoclr.corpus.decoded.checksums.checksum
    monkeypatch.setattr(
        emoclr.corpus.decoded.shard_reader, "checksum", lambda piece: checked.append(len(piece)) or real(piece)
    )
    for clip, first, count, pieces in ((1, 0, 3_999, 1), (1, 100, 50, 1), (1, 0, 4_001, 2), (5, 0, 16_000, 4)):
        store.crop(clip, first, count)
        assert len(checked) == pieces
    assert checked == [10_000, 10_000, 10_000, 6_000]


def clear(cache):
    assert clear_cache(cache) > 0


def remove_samples(cache):
    for path in cache.glob("*.int16"):
        path.unlink()


def remove_folder(cache):
    shutil.rmtree(cache)


@pytest.mark.parametrize("remove", [clear, remove_samples, remove_folder])
def test_shards_that_are_removed_are_decoded_anew_when_they_are_read(tones, cache, expected, remove):
    store, read_before = (open_waveforms(tones, cache) for _ in range(2))
    read_before.waveform(0)
    remove(cache)
    for clip in range(6):
        np.testing.assert_array_equal(store.waveform(clip), expected[clip])
        np.testing.assert_array_equal(read_before.waveform(clip), expected[clip])


@pytest.mark.parametrize("remove", [clear, remove_samples, remove_folder])
@pytest.mark.parametrize("at", ["2.flac", "5.flac"])
def test_a_cache_that_is_cleared_while_it_is_filled_is_filled_again(tones, cache, expected, remove, at, monkeypatch):
    monkeypatch.setattr(emoclr.corpus.decoded.shard_writer, "SHARD_BYTES", SECOND)
    removed = []

    def read(path, *how):
        if path.name == at and not removed:
            removed.append(remove(cache))
        return Recording(path, *how)

    monkeypatch.setattr(emoclr.corpus.decoded.decode_clip, "Recording", read)
    store = open_waveforms(tones, cache)
    assert removed and len(store) == 6 and store.uncached == 0 and used_bytes(cache) == 6 * SECOND
    for clip in range(6):
        np.testing.assert_array_equal(store.waveform(clip), expected[clip])


def test_a_cache_that_is_cleared_between_its_filling_and_its_opening_is_filled_again(tones, cache, monkeypatch):
    calls = []

    def read_and_clear(folder):
        calls.append(folder)
        if len(calls) == 3:
            clear_cache(folder)
        return read_entries(folder)

    monkeypatch.setattr(emoclr.corpus.decoded.fill_cache, "read_entries", read_and_clear)
    store = open_waveforms(tones, cache)
    assert len(calls) > 3 and len(store) == 6 and used_bytes(cache) == 6 * SECOND
