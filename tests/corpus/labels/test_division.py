"""No speaker is on both sides, and no head is reported that could not be trained."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emoclr.configs.errors import EmoclrError
from emoclr.corpus.labels.division import divide, learnable, train_validation_test
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.splits import Rows
from emoclr.probe.protocol import protocol_of, truth_of
from emoclr.probe.summary import few_speakers, label_notes, more_labels, more_speakers, score_notes

MakeTable = Callable[..., LabelTable]


def one_hot(n: int, n_emotions: int = 3) -> np.ndarray:
    return np.eye(n_emotions)[np.arange(n) % n_emotions]


def speakers_of(n: int, each: int = 6) -> list[str]:
    return [f"s{clip // each}" for clip in range(n)]


@pytest.mark.parametrize("known", [True, False], ids=["speakers", "recordings"])
def test_folds_keep_speakers_apart_and_score_every_clip_once(make_table: MakeTable, known: bool) -> None:
    table = make_table(one_hot(90), speakers_of(90) if known else None)
    division = divide(table, None, seed=0)
    assert len(division.folds) == 5
    assert sorted(division.scored) == list(range(90))
    names = np.array(table.speakers or [str(path) for path in table.paths])
    for (train, test), inner in zip(division.folds, division.inner, strict=True):
        assert not set(names[train]) & set(names[test])
        for inside, outside in inner:
            assert not set(names[train[inside]]) & set(names[train[outside]])
        assert sorted(np.concatenate([outside for _, outside in inner])) == list(range(len(train)))


def voices_of(table: LabelTable, rows: Rows) -> set[str]:
    return {(table.speakers or [])[row] for row in rows}


@pytest.mark.parametrize("n_speakers", [2, 3, 4])
def test_few_speakers_are_each_scored_by_others_and_choices_are_made_inside_the_others(
    make_table: MakeTable, n_speakers: int
) -> None:
    table = make_table(one_hot(12 * n_speakers), speakers_of(12 * n_speakers, each=12))
    division = divide(table, None, seed=0)
    assert sorted(division.scored) == list(range(len(table))) and len(division.folds) == n_speakers
    for (train, test), inner in zip(division.folds, division.inner, strict=True):
        assert len(voices_of(table, test)) == 1 and len(voices_of(table, train)) == n_speakers - 1
        assert not voices_of(table, train) & voices_of(table, test)
        assert sorted(np.concatenate([outside for _, outside in inner])) == list(range(len(train)))
        for inside, outside in inner:
            assert set(inside) | set(outside) == set(range(len(train))) and not set(inside) & set(outside)
            shared = voices_of(table, train[inside]) & voices_of(table, train[outside])
            assert bool(shared) is (n_speakers == 2)
    notes = few_speakers(table, division)
    assert ["2 of 2 folds" in note for note in notes] == [True] * (n_speakers == 2)


def test_one_speaker_is_scored_by_other_recordings_and_the_note_says_what_that_means(make_table: MakeTable) -> None:
    table = make_table(one_hot(30), ["anna"] * 30)
    table = replace(table, paths=[Path(f"{clip // 3}.wav") for clip in range(30)])
    division = divide(table, None, seed=0)
    recordings = np.arange(30) // 3
    assert sorted(division.scored) == list(range(30)) and len(division.folds) == 5
    for (train, test), inner in zip(division.folds, division.inner, strict=True):
        assert not set(recordings[train]) & set(recordings[test])
        for inside, outside in inner:
            assert not set(recordings[train[inside]]) & set(recordings[train[outside]])
    (note,) = few_speakers(table, division)
    assert "anna" in note and "nothing about others" in note
    assert protocol_of(table, division, [0]).speaker_disjoint is False
    assert len(set(truth_of(table, division, 0.25, 20, 0).speakers)) == 10


def test_a_step_that_reads_segments_says_what_makes_them(make_table: MakeTable) -> None:
    table = make_table(one_hot(30), ["anna"] * 30)
    for step in more_speakers(table, divide(table, None, seed=0)), more_labels(Path("run"), Path("labels.csv")):
        assert "segments.csv" in step.split("`")[1] and "`corpus segment`" in step


def test_a_split_of_one_speaker_is_kept_to_and_recordings_on_both_sides_are_told(make_table: MakeTable) -> None:
    table = make_table(one_hot(30), ["anna"] * 30, ["train"] * 20 + ["test"] * 10)
    (apart,) = few_speakers(table, divide(table, None, seed=0))
    assert "recordings are kept apart" in apart
    table = replace(table, paths=[Path(f"{clip % 15}.wav") for clip in range(30)])
    (both,) = few_speakers(table, divide(table, None, seed=0))
    assert "parts of 10 recordings are on both sides" in both and "nothing about others" in both


def test_validation_of_one_training_speaker_is_other_recordings_and_never_a_scored_voice(make_table: MakeTable) -> None:
    table = make_table(one_hot(36), speakers_of(36, each=18), ["train"] * 18 + ["test"] * 18)
    train, validation, test = train_validation_test(table, divide(table, None, seed=0), 0)
    assert len(validation) == 6 and set(test) == set(range(18, 36))
    assert set(train) | set(validation) == set(range(18)) and not set(train) & set(validation)


def test_clips_that_are_all_of_one_recording_leave_nothing_to_choose_by(make_table: MakeTable) -> None:
    table = make_table(one_hot(12), speakers_of(12, each=6), ["train"] * 6 + ["test"] * 6)
    table = replace(table, paths=[Path("one.wav")] * 6 + table.paths[6:])
    with pytest.raises(EmoclrError, match="6 clips to fit to are all of one recording, one"):
        divide(table, None, seed=0)


def test_a_given_split_is_kept_to_and_validation_takes_no_part(make_table: MakeTable) -> None:
    splits = ["train"] * 54 + ["validation"] * 18 + ["test"] * 18
    division = divide(make_table(one_hot(90), speakers_of(90), splits), None, seed=0)
    assert division.given
    assert (list(division.fitted), list(division.scored)) == (list(range(54)), list(range(72, 90)))


def test_folds_that_are_asked_for_overrule_the_split(make_table: MakeTable) -> None:
    splits = ["train"] * 54 + ["test"] * 36
    assert len(divide(make_table(one_hot(90), speakers_of(90), splits), 3, seed=0).folds) == 3


def test_a_split_without_test_clips_is_an_error_that_says_what_to_do(make_table: MakeTable) -> None:
    with pytest.raises(EmoclrError, match="test clips; folds=5 divides all clips by speaker"):
        divide(make_table(one_hot(30), speakers_of(30), ["train"] * 30), None, seed=0)


def test_an_emotion_that_no_training_clip_carries_is_left_out_and_named(make_table: MakeTable) -> None:
    targets = np.random.default_rng(0).random((60, 3)) * [1, 1, 0.2]
    table = make_table(targets, speakers_of(60), ["train"] * 30 + ["test"] * 30)
    left, rows, _, reasons = learnable(table, np.arange(60), None, 0.25, seed=0)
    assert left.emotions == ["joy", "fear"] and len(rows) == 60
    assert reasons == {"awe": "no positive clip to train on"}


def test_an_emotion_that_only_validation_speakers_carry_is_left_out_where_these_are_not_fitted_to(
    make_table: MakeTable,
) -> None:
    targets = np.random.default_rng(0).random((60, 3))
    targets[:, 2] = 0
    targets[[0, 59], 2] = 1
    table = make_table(targets, speakers_of(60), ["train"] * 48 + ["test"] * 12)
    outcomes = set()
    for seed in range(12):
        train, _, _ = train_validation_test(table, divide(table, None, seed), 0)
        left, _, _, reasons = learnable(table, np.arange(60), None, 0.25, seed, validated=True)
        assert ("awe" in left.emotions) is (0 in train) is (not reasons)
        assert "awe" in learnable(table, np.arange(60), None, 0.25, seed)[0].emotions
        outcomes.add(0 in train)
    assert outcomes == {True, False}


def test_with_one_label_a_clip_its_clips_go_with_it(make_table: MakeTable) -> None:
    targets = one_hot(60)
    targets[:30] = one_hot(30, 2) @ np.eye(2, 3)
    table = make_table(targets, speakers_of(60), ["train"] * 30 + ["test"] * 30)
    left, rows, division, reasons = learnable(table, np.arange(100, 160), None, 0.25, seed=0)
    assert left.single_label and list(reasons) == ["awe"]
    assert len(left) == len(rows) == 50 and len(division.scored) == 20
    assert rows[0] == 100 and 132 not in rows


def test_no_learnable_emotion_is_an_error_that_names_them(make_table: MakeTable) -> None:
    table = make_table(np.zeros((30, 2)), speakers_of(30))
    with pytest.raises(EmoclrError, match="joy: no positive clip to train on; fear"):
        learnable(table, np.arange(30), None, 0.25, seed=0)


def test_notes_say_what_votes_are(make_table: MakeTable) -> None:
    shares = np.random.default_rng(0).dirichlet([1, 1, 1], 90)
    table = make_table(shares, speakers_of(90))
    (note,) = label_notes(table, 0.25)
    assert "shares of listeners' votes" in note and "chose exactly one emotion" in note


def test_notes_say_synthetic_and_unknown_speakers(make_table: MakeTable) -> None:
    table = make_table(one_hot(90), None, synthetic=["yes"] * 90)
    (of_labels,), (of_scores,) = label_notes(table, 0.25), score_notes(table, divide(table, None, 0), 0.25)
    assert of_labels.startswith("Synthetic") and of_scores.startswith("Speakers are not known")


def test_notes_of_the_scores_say_who_is_missing_among_the_scored(make_table: MakeTable) -> None:
    targets = one_hot(60)
    targets[48:, 2] = 0
    splits = ["train"] * 48 + ["test"] * 12
    table = make_table(targets, speakers_of(60), splits)
    few, absent = score_notes(table, divide(table, None, 0), 0.25)
    assert few.startswith("Only 2 speakers were scored") and absent.startswith("No scored clip carries awe")


def test_plain_labels_of_many_speakers_need_no_notes(make_table: MakeTable) -> None:
    table = make_table(one_hot(90), speakers_of(90))
    assert label_notes(table, 0.25) + score_notes(table, divide(table, None, 0), 0.25) == []


def test_a_table_brings_its_own_folds_which_no_speaker_may_cross(make_table: MakeTable) -> None:
    table = make_table(one_hot(48), speakers_of(48))
    folds = [str(clip // 12) for clip in range(48)]
    division = divide(replace(table, folds=folds), None, seed=0)
    assert [test.tolist() for _, test in division.folds] == [
        list(range(start, start + 12)) for start in (0, 12, 24, 36)
    ]
    assert all(len(inner) == 3 for inner in division.inner) and not division.given
    assert len(divide(replace(table, folds=folds), 2, seed=0).folds) == 2
    with pytest.raises(EmoclrError, match=r"column 'fold'.*speaker 's1' is in fold 1 and in fold 0: a leak"):
        divide(replace(table, folds=[*folds[:11], "1", *folds[12:]]), None, seed=0)
    with pytest.raises(EmoclrError, match="names 1 fold,"):
        divide(replace(table, folds=["a"] * 48), None, seed=0)


def in_folds(table: LabelTable, folds: list[str], validates: list[str] | None = None) -> LabelTable:
    each = len(table) // len(folds)
    return replace(
        table,
        folds=[fold for fold in folds for _ in range(each)],
        validation_folds=[fold for fold in validates for _ in range(each)] if validates else None,
    )


def test_what_validates_in_a_given_fold_is_neither_fitted_to_nor_scored_there(make_table: MakeTable) -> None:
    table = in_folds(make_table(one_hot(72), speakers_of(72)), ["b", "a", "c"], ["c", "b", "a"])
    division = divide(table, None, seed=0)
    assert division.names == ["a", "b", "c"]
    parts = [train_validation_test(table, division, fold) for fold in range(3)]
    first, second, third = (set(range(24 * part, 24 * part + 24)) for part in range(3))
    assert [tuple(map(set, rows)) for rows in parts] == [
        (first, third, second),
        (third, second, first),
        (second, first, third),
    ]
    for (train, _), inner in zip(division.folds, division.inner, strict=True):
        assert max(max(outside) for _, outside in inner) == len(train) - 1


def test_without_a_column_that_says_so_all_other_folds_are_fitted_to(make_table: MakeTable) -> None:
    division = divide(in_folds(make_table(one_hot(72), speakers_of(72)), ["a", "b", "c"]), None, seed=0)
    assert [len(train) for train, _ in division.folds] == [48, 48, 48]


@pytest.mark.parametrize(
    ("validates", "told"),
    [
        (["a", "c", "b"], "validates in fold a, which scores it"),
        (["b", "c", "d"], "validates in fold d, which is none of a, b, c"),
    ],
)
def test_a_fold_that_cannot_validate_is_refused(make_table: MakeTable, validates: list[str], told: str) -> None:
    with pytest.raises(EmoclrError, match=told):
        divide(in_folds(make_table(one_hot(72), speakers_of(72)), ["a", "b", "c"], validates), None, seed=0)


def test_a_speaker_who_validates_in_two_folds_is_refused(make_table: MakeTable) -> None:
    table = in_folds(make_table(one_hot(72), speakers_of(72)), ["a", "b", "c"], ["b", "c", "a"])
    with pytest.raises(EmoclrError, match="'s0' is in fold c and in fold b"):
        divide(replace(table, validation_folds=["b", "c", *(table.validation_folds or [])[2:]]), None, seed=0)
