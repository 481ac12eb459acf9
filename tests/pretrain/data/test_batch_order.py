from itertools import groupby

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from emoclr.pretrain.data.batch_order import BatchOrder

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


def test_clips_that_say_the_same_words_stand_together_among_those_of_a_speaker():
    speakers = np.repeat(np.arange(6), 12)
    sentences = np.tile(np.repeat(np.arange(4), 3), 6)
    order = BatchOrder(speakers, 12, 6, seed=0, sentences=sentences)
    epochs = [order.epoch(epoch) for epoch in (0, 1)]
    for groups in (epoch.reshape(-1, 6) for epoch in epochs):
        assert sorted(groups.ravel().tolist()) == list(range(72))
        for group in groups:
            assert len(set(speakers[group])) == 1
            assert np.bincount(sentences[group]).max() == 3 and len(set(sentences[group])) == 2
    # Which sentences meet differs between epochs, and so does the order of each one's clips.
    first, second = (
        {(speakers[group[0]], *sorted(set(sentences[group]))) for group in epoch.reshape(-1, 6)} for epoch in epochs
    )
    assert first != second


def test_clips_whose_words_are_unknown_are_not_taken_for_one_sentence():
    sentences = np.concatenate([np.full(40, -1), np.repeat(7, 40)])
    order = BatchOrder(np.zeros(80, dtype=int), 1, 80, seed=0, sentences=sentences).epoch(0)[:, 0]
    runs = [len(list(run)) for known, run in groupby(order >= 40) if known]
    assert runs == [40]
    assert 1 < len([1 for known, _ in groupby(order >= 40) if not known]) <= 2
