import random
from itertools import chain, groupby

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from emoclr.augment.settings import AugmentSettings
from emoclr.augment.views import ViewMaker
from emoclr.configs.errors import EmoclrError
from emoclr.corpus.clips.clip_table import Clip
from emoclr.corpus.decoded.waveforms import open_waveforms
from emoclr.pretrain.data.batches import BatchOrder, ViewDataset, ViewLoader
from emoclr.pretrain.data.unreadable_clips import UnreadableClips

speaker_lists = st.lists(st.integers(-1, 5), min_size=1, max_size=80).map(np.array)
some = settings(deadline=None, max_examples=100)


@some
@given(
    speakers=speaker_lists,
    batch_size=st.integers(1, 8),
    per_speaker=st.integers(1, 4),
    ranks=st.integers(1, 3),
    seed=st.integers(0, 2**31),
    epoch=st.integers(0, 10**6),
)
def test_an_epoch_is_whole_batches_of_different_clips_shared_out_among_the_ranks(
    speakers, batch_size, per_speaker, ranks, seed, epoch
):
    orders = [BatchOrder(speakers, batch_size, per_speaker, seed, rank, ranks) for rank in range(ranks)]
    parts = [order.epoch(epoch) for order in orders]
    batches = len(speakers) // (batch_size * ranks)
    assert all(part.shape == (batches, batch_size) for part in parts)
    assert all(order.batches_per_epoch == batches for order in orders)
    clips = np.concatenate(parts, axis=None)
    assert len(set(clips.tolist())) == len(clips) and set(clips.tolist()) <= set(range(len(speakers)))
    # Together the ranks see what one device with the larger batch would.
    alone = BatchOrder(speakers, batch_size * ranks, per_speaker, seed).epoch(epoch)
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), alone)


@some
@given(speakers=speaker_lists, per_speaker=st.integers(2, 5), seed=st.integers(0, 2**31))
def test_clips_of_a_speaker_stand_together_in_groups(speakers, per_speaker, seed):
    order = BatchOrder(speakers, 1, per_speaker, seed).epoch(0)[:, 0]
    assert sorted(order.tolist()) == list(range(len(speakers)))
    runs = [(speaker, len(list(run))) for speaker, run in groupby(speakers[order])]
    for speaker in set(speakers.tolist()) - {-1}:
        # Groups may meet, so a run is of one or more of them; only a speaker's last group may be smaller.
        odd = [length for owner, length in runs if owner == speaker and length % per_speaker]
        assert len(odd) <= 1


def test_every_clip_has_hard_negatives_where_the_corpus_allows_it():
    speakers = np.repeat(np.arange(12), 8)
    for batch in BatchOrder(speakers, 16, 4, seed=0).epoch(0):
        together = np.bincount(speakers[batch], minlength=12)
        assert (together % 4 == 0).all() and together.sum() == 16


def test_clips_of_unknown_speakers_are_not_taken_for_one_voice():
    speakers = np.concatenate([np.full(40, -1), np.repeat(np.arange(5), 8)])
    order = BatchOrder(speakers, 1, 8, seed=0).epoch(0)[:, 0]
    runs = [len(list(run)) for known, run in groupby(order >= 40) if not known]
    assert any(length % 8 for length in runs) and len(runs) > 1


@some
@given(clips=st.integers(30, 80), per_speaker=st.integers(1, 3), seed=st.integers(0, 2**31))
def test_orders_follow_from_the_seed_and_differ_between_epochs(clips, per_speaker, seed):
    speakers = np.arange(clips) % 7
    first, again = (BatchOrder(speakers, 2, per_speaker, seed).epoch(0) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, BatchOrder(speakers, 2, per_speaker, seed).epoch(1))
    assert not np.array_equal(first, BatchOrder(speakers, 2, per_speaker, seed + 1).epoch(0))


@some
@given(speakers=speaker_lists, batch_size=st.integers(1, 6), steps=st.integers(0, 40), start=st.integers(0, 40))
def test_the_order_continues_from_any_step(speakers, batch_size, steps, start):
    assume(len(speakers) >= batch_size)
    order = BatchOrder(speakers, batch_size, 2, seed=0)
    whole = list(order.keys_from(0, steps))
    assert len(whole) == steps
    assert list(order.keys_from(min(start, steps), steps)) == whole[start:]
    for step, keys in enumerate(whole):
        epoch, place = divmod(step, order.batches_per_epoch)
        assert keys == [(epoch, clip) for clip in order.epoch(epoch)[place]]


def test_some_clips_of_a_corpus_keep_their_numbers():
    clips = np.array([3, 5, 8, 13, 21, 34])
    order = BatchOrder(np.array([0, 0, 1, 1, 2, 2]), 2, 2, seed=0, clips=clips)
    assert sorted(order.epoch(0).ravel().tolist()) == clips.tolist()


@pytest.fixture
def make_loader(store):
    augment = AugmentSettings.model_validate(
        {
            "nearby_s": 0.2,
            "transforms": [{"name": "Gain"}, {"name": "AddColorNoise"}, {"name": "RoomResponse"}, {"name": "Shift"}],
        }
    )

    def make(workers, steps=7):
        maker = ViewMaker(augment, 8_000, 16_000, seed=5)
        return ViewLoader(ViewDataset(store, maker), BatchOrder(store.speakers, 8, 2, seed=5), steps, workers)

    return make


def contents(loader):
    return [(b.waveforms.numpy().tobytes(), b.masks.numpy().tobytes(), b.clips.tolist()) for b in loader]


def test_a_batch_holds_two_views_of_each_clip(make_loader, store):
    batch = next(iter(make_loader(0)))
    assert batch.waveforms.shape == (8, 2, 8_000) and batch.waveforms.dtype == torch.float32
    assert batch.masks.shape == (8, 2, 3, 2)
    assert batch.clips.shape == (8,)
    # 24 clips in batches of 8: two views of the same clip are more alike than views of others are.
    assert all(not torch.equal(first, second) for first, second in batch.waveforms)


def test_a_batch_is_its_clips_one_by_one_and_leaves_the_global_generators_as_they_were(make_loader):
    dataset = make_loader(0).dataset
    keys = [(epoch, clip) for epoch in (0, 1) for clip in (3, 1, 2)]
    one_by_one = contents([dataset[key] for key in keys])
    random.seed(1)
    np.random.seed(1)
    python, numpy = random.getstate(), np.random.get_state()
    assert contents(dataset.__getitems__(keys)) == one_by_one
    assert random.getstate() == python and np.random.get_state()[2:] == numpy[2:]
    np.testing.assert_array_equal(np.random.get_state()[1], numpy[1])


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_the_number_of_data_processes_changes_nothing(make_loader):
    alone = contents(make_loader(0))
    assert len(alone) == 7
    assert contents(make_loader(1)) == alone
    assert contents(make_loader(3)) == alone


@pytest.mark.parametrize("workers", [0, 1])
def test_a_loader_goes_on_where_its_state_says(make_loader, workers):
    whole, half = make_loader(0), make_loader(workers)
    batches = iter(half)
    for _ in range(4):
        next(batches)
    assert half.state_dict() == {"consumed": 4}
    rest = make_loader(workers)
    rest.load_state_dict(half.state_dict())
    assert contents(rest) == contents(whole)[4:]
    assert len(rest) == len(whole) == 7


def test_a_view_of_another_epoch_is_another(store, make_loader):
    dataset = make_loader(0).dataset
    assert not np.array_equal(dataset[0, 3][0], dataset[1, 3][0])
    np.testing.assert_array_equal(dataset[0, 3][0], dataset[0, 3][0])
    assert dataset[0, 3][2] == 3


@pytest.fixture
def on_the_fly(write_clips, tmp_path):
    """Eight recordings for which the cache has no room, as clips of four speakers."""
    write_clips(tmp_path, [0.8] * 8)
    clips = [Clip(tmp_path / f"{clip:02}.wav", speaker=str(clip // 2)) for clip in range(8)]
    return open_waveforms(clips, tmp_path / "cache", workers=1, cache_gb=0)


def lossy_loader(store, workers=0, steps=4, max_lost=1.0, rank=0, ranks=1):
    maker = ViewMaker(AugmentSettings.model_validate({"transforms": [{"name": "Gain"}]}), 8_000, 16_000, seed=5)
    order = BatchOrder(store.speakers, 4, 1, 5, rank, ranks)
    return ViewLoader(ViewDataset(store, maker), order, steps, workers, UnreadableClips(max_lost))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_lost_clip_is_left_out_counted_and_named_once(on_the_fly, workers, capsys):
    whole = list(lossy_loader(on_the_fly))
    on_the_fly.path(3).unlink()
    on_the_fly.path(6).write_bytes(b"no recording")
    loader = lossy_loader(on_the_fly, workers)
    batches = list(loader)
    for batch, before in zip(batches, whole, strict=True):
        good = [place for place, clip in enumerate(before.clips.tolist()) if clip not in (3, 6)]
        assert len(good) < 4 or not {3, 6} & set(batch.clips.tolist())
        for found, expected in zip(batch, before, strict=True):
            torch.testing.assert_close(found, expected[good], rtol=0, atol=0)
    assert sum(len(batch.clips) for batch in batches) == 2 * 6
    paths = [str(on_the_fly.path(clip)) for clip in (3, 6)]
    assert loader.lost_clips.reasons == {paths[0]: "no such file", paths[1]: "changed since the corpus was opened"}
    told = capsys.readouterr().err
    assert all(told.count(f"lost: {path}: ") == 1 for path in paths)


def test_among_several_ranks_another_clip_takes_the_place_of_a_lost_one(on_the_fly):
    whole = [list(lossy_loader(on_the_fly, rank=rank, ranks=2)) for rank in range(2)]
    on_the_fly.path(3).unlink()
    found = [list(lossy_loader(on_the_fly, rank=rank, ranks=2)) for rank in range(2)]
    replaced = 0
    for batch, before in zip(chain(*found), chain(*whole), strict=True):
        assert batch.waveforms.shape == before.waveforms.shape and 3 not in batch.clips
        for place, clip in enumerate(before.clips.tolist()):
            if clip == 3:
                replaced += 1
                place = before.clips.tolist().index(batch.clips[place])
            torch.testing.assert_close(batch.waveforms[place], before.waveforms[place], rtol=0, atol=0)
    assert replaced == 4  # once in each of the four epochs


def test_a_run_that_loses_too_many_clips_of_an_epoch_ends(on_the_fly):
    on_the_fly.path(3).unlink()
    assert len(list(lossy_loader(on_the_fly, steps=8, max_lost=0.13))) == 8
    on_the_fly.path(6).unlink()
    with pytest.raises(EmoclrError, match=r"2 clips of epoch 0 are lost, more than the share of 0\.13"):
        list(lossy_loader(on_the_fly, max_lost=0.13))


def test_a_batch_of_which_nothing_is_left_ends_the_run(on_the_fly):
    for clip in range(8):
        on_the_fly.path(clip).unlink()
    with pytest.raises(EmoclrError, match="no clip of a batch of 4"):
        list(lossy_loader(on_the_fly))
