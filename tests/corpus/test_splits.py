from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.labels import LabelsError, LabelTable
from corpus.splits import speaker_folds, split_rows


def table_of(speakers, strongest, speakers_known=True, splits=None) -> LabelTable:
    clips = len(speakers)
    return LabelTable(
        source=Path("labels.csv"),
        paths=[Path(f"{speaker}.wav") for speaker in speakers],
        emotions=["joy", "anger", "fear"],
        targets=np.eye(3, dtype=np.float32)[strongest],
        speakers=[f"s{speaker}" for speaker in speakers] if speakers_known else None,
        splits=splits,
        start_s=np.zeros(clips),
        end_s=np.full(clips, np.nan),
        groups={},
    )


@st.composite
def tables(draw):
    clips = draw(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 2)), min_size=3, max_size=60))
    return table_of([c[0] for c in clips], [c[1] for c in clips], speakers_known=draw(st.booleans()))


@settings(max_examples=40, deadline=None)
@given(table=tables(), n_folds=st.integers(2, 5), seed=st.integers(0, 1000))
def test_no_speaker_is_on_both_sides_of_a_fold_and_every_clip_is_tested_once(table, n_folds, seed):
    voices = np.array([path.stem for path in table.paths])
    if len(set(voices)) < n_folds:
        with pytest.raises(LabelsError, match=f"do not make {n_folds} folds"):
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


def test_two_speakers_cannot_be_split_in_three():
    with pytest.raises(LabelsError, match="2 speakers"):
        split_rows(table_of([0, 0, 1, 1], [0, 1, 2, 0]))
