from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

from emoclr.configs.messages import count_of
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.splits import speaker_folds, split_rows, unit_of
from emoclr.corpus.labels.tables.text_table import LabelsError


def table_of(speakers, strongest, speakers_known=True, splits=None) -> LabelTable:
    return table_with(speakers, np.eye(3, dtype=np.float32)[strongest], speakers_known, splits)


def table_with(speakers, targets, speakers_known=True, splits=None) -> LabelTable:
    clips = len(speakers)
    return LabelTable(
        source=Path("labels.csv"),
        paths=[Path(f"{speaker}.wav") for speaker in speakers],
        emotions=[f"emotion {number}" for number in range(np.shape(targets)[1])],
        targets=np.asarray(targets, dtype=np.float32),
        speakers=[f"s{speaker}" for speaker in speakers] if speakers_known else None,
        splits=splits,
        start_s=np.zeros(clips),
        end_s=np.full(clips, np.nan),
        groups={},
    )


@st.composite
def tables(draw):
    """Clips of up to twelve speakers, each with any number of emotions."""
    n_emotions = draw(st.integers(0, 4))
    shares = st.lists(st.sampled_from([0.0, 0.0, 0.3, 1.0]), min_size=n_emotions, max_size=n_emotions)
    clips = draw(st.lists(st.tuples(st.integers(0, 11), shares), min_size=3, max_size=60))
    targets = np.array([clip[1] for clip in clips]).reshape(len(clips), n_emotions)
    return table_with([clip[0] for clip in clips], targets, speakers_known=draw(st.booleans()))


def random_multilabel_table(seed):
    """Speakers who speak more or less, each prone to emotions of their own, with several emotions a clip."""
    rng = np.random.default_rng(seed)
    speakers = np.repeat(np.arange(30), rng.integers(4, 40, 30))
    prone = rng.beta(0.5, 0.5, (30, 5)) * (0.8, 0.5, 0.3, 0.15, 0.05)
    return table_with(speakers, rng.random((len(speakers), 5)) < prone[speakers])


def worst_deviation(table, test_parts):
    """How far the share of an emotion in a fold lies from its share in the corpus, at most."""
    return max(np.abs(table.targets[rows].mean(axis=0) - table.targets.mean(axis=0)).max() for rows in test_parts)


@settings(max_examples=40, deadline=None)
@given(table=tables(), n_folds=st.integers(2, 5), seed=st.integers(0, 1000))
def test_no_speaker_is_on_both_sides_of_a_fold_and_every_clip_is_tested_once(table, n_folds, seed):
    voices = np.array([path.stem for path in table.paths])
    if len(set(voices)) < n_folds:
        with pytest.raises(LabelsError, match=f"has {count_of(len(set(voices)), unit_of(table))}.*{n_folds} folds"):
            speaker_folds(table, n_folds, seed)
        return
    folds = speaker_folds(table, n_folds, seed)
    assert len(folds) == n_folds
    for train, test in folds:
        assert len(train) and len(test)
        assert not set(voices[train]) & set(voices[test])
        assert sorted([*train, *test]) == list(range(len(table)))
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(len(table)))


def test_folds_are_the_same_for_a_seed_and_others_for_another():
    rng = np.random.default_rng(0)
    table = table_of(rng.integers(0, 20, 200), rng.integers(0, 3, 200))
    first, again, other = ([test.tolist() for _, test in speaker_folds(table, 5, seed)] for seed in (1, 1, 2))
    assert first == again != other


def test_folds_hold_each_emotion_in_proportion():
    # Half of the speakers never show fear, so folds drawn by speaker alone would often lack it.
    speakers = np.repeat(np.arange(20), 10)
    table = table_of(speakers, np.where(speakers % 2, np.arange(200) % 2, 2))
    for _, test in speaker_folds(table, 5, seed=0):
        assert table.targets[test, 2].mean() == pytest.approx(0.5)


@pytest.mark.filterwarnings("ignore:The least populated class")
def test_several_emotions_a_clip_are_balanced_at_least_as_well_as_the_strongest_alone():
    ours, theirs = [], []
    for seed in range(20):
        table = random_multilabel_table(seed)
        ours.append(worst_deviation(table, [test for _, test in speaker_folds(table, 5, seed)]))
        stratified = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
        strongest = table.targets.argmax(axis=1)
        theirs.append(
            worst_deviation(table, [test for _, test in stratified.split(strongest, strongest, table.speakers)])
        )
    assert np.median(ours) <= np.median(theirs)
    assert np.mean(np.array(ours) <= theirs) > 0.9


def test_a_second_emotion_in_every_clip_counts_too():
    # The first emotion is everyone's; the second tells half of the speakers, so it alone can be out of balance.
    speakers = np.repeat(np.arange(20), 5)
    table = table_with(speakers, np.stack([np.ones(100), speakers < 10], axis=1))
    for _, test in speaker_folds(table, 5, seed=0):
        assert table.targets[test, 1].mean() == pytest.approx(0.5)


def test_an_emotion_of_one_speaker_does_not_inflate_their_fold():
    speakers = np.repeat(np.arange(40), 10)
    table = table_with(speakers, np.stack([np.arange(400) % 2, speakers == 7], axis=1))
    assert all(60 <= len(test) <= 100 for _, test in speaker_folds(table, 5, seed=0))


def test_folds_are_as_large_as_whole_speakers_allow():
    speakers = np.repeat(np.arange(10), [90, 10, 50, 50, 30, 70, 20, 80, 60, 40])
    table = table_with(speakers, np.ones((500, 1)))
    assert [len(test) for _, test in speaker_folds(table, 5, seed=0)] == [100] * 5


def test_a_split_column_is_followed():
    table = table_of([0, 1, 2, 0], [0, 1, 2, 0], splits=["train", "test", "validation", "train"])
    assert [rows.tolist() for rows in split_rows(table)] == [[0, 3], [2], [1]]


def test_without_a_split_column_speakers_are_dealt_60_20_20():
    rng = np.random.default_rng(0)
    speakers = rng.permutation(np.repeat(np.arange(50), 10))
    table = table_of(speakers, rng.integers(0, 3, 500))
    parts = split_rows(table)
    assert [len(part) / 500 for part in parts] == pytest.approx([0.6, 0.2, 0.2], abs=0.03)
    assert sorted(np.concatenate(parts)) == list(range(500))
    voices = [set(speakers[part]) for part in parts]
    assert not (voices[0] & voices[1] or voices[0] & voices[2] or voices[1] & voices[2])


def test_of_two_speakers_one_trains_and_the_other_tests():
    train, validation, test = split_rows(table_of([0, 0, 1, 1], [0, 1, 2, 0]))
    assert sorted([train.tolist(), test.tolist()]) == [[0, 1], [2, 3]] and not len(validation)


def parts_of_one_speaker(recordings):
    """Clips of one speaker, entry i a part of that recording."""
    table = table_of(recordings, np.arange(len(recordings)) % 3)
    return replace(table, speakers=["anna"] * len(recordings))


def test_of_one_speaker_recordings_are_dealt_and_their_parts_stay_together():
    recordings = np.random.default_rng(0).permutation(np.repeat(np.arange(20), 5))
    for seed in range(5):
        parts = split_rows(parts_of_one_speaker(recordings), seed)
        assert sorted(np.concatenate(parts)) == list(range(100))
        assert [len(part) for part in parts] == pytest.approx([60, 20, 20], abs=5)
        held = [set(recordings[part]) for part in parts]
        assert sum(map(len, held)) == len(set.union(*held)) == 20


def test_recordings_of_one_speaker_are_held_out_once_each_as_by_scikit_learn():
    recordings = np.repeat(np.arange(10), 4)
    ours = speaker_folds(parts_of_one_speaker(recordings), 5)
    theirs = GroupKFold(5).split(recordings, groups=recordings)
    assert [len(test) for _, test in ours] == [len(test) for _, test in theirs]
    assert sorted(len(set(recordings[test])) for _, test in ours) == [2] * 5


def test_parts_of_one_recording_of_one_speaker_make_no_folds():
    with pytest.raises(LabelsError, match="1 recording of one speaker, too few for 2 folds"):
        speaker_folds(parts_of_one_speaker([0, 0, 0]), 2)
