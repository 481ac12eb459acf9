"""Fold by fold, the numbers are scikit-learn's of each fold, and mean and deviation are theirs."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from emoclr.evaluate.scores import Prediction, Truth, score_all
from emoclr.evaluate.studies.fold_by_fold import SHARE_F1, fold_by_fold_section, share_macro_f1

SIZES = [40, 60, 50]


def scores(targets, probabilities):
    emotions = ["joy", "fear", "awe"][: targets.shape[1]]
    truth = Truth(emotions, targets, [f"s{clip // 10}" for clip in range(len(targets))], n_resamples=20)
    chance = Prediction("chance", np.tile(targets.mean(0), (len(targets), 1)), np.full(targets.shape[1], 0.5))
    return score_all(truth, [Prediction("probe", probabilities, np.full(targets.shape[1], 0.4))], [chance])


@pytest.fixture(scope="module")
def drawn():
    draw = np.random.default_rng(0)
    votes = draw.multinomial(9, draw.dirichlet([1, 1, 1], size=sum(SIZES))) / 9
    return votes.round(6), draw.dirichlet([1, 1, 1], size=sum(SIZES)) * 0.5 + votes * 0.5


def test_each_fold_is_scored_by_itself_and_mean_and_deviation_are_those_of_the_folds(drawn):
    targets, probabilities = drawn
    section = fold_by_fold_section(scores(targets, probabilities), SIZES, ["a", "b", "c"])
    there, named = targets >= 1 / 3 - 1e-6, probabilities >= 1 / 3
    ends = np.cumsum(SIZES)
    parts = [slice(end - size, end) for end, size in zip(ends, SIZES, strict=True)]
    expected = {
        SHARE_F1: [f1_score(there[part], named[part], average="macro") for part in parts],
        "macro_auroc": [roc_auc_score(targets[part] >= 0.25, probabilities[part], average="macro") for part in parts],
    }
    for metric, values in expected.items():
        found = section.data[metric]["probe"]
        assert found["folds"] == pytest.approx(values, abs=1e-6)
        assert found["mean"] == pytest.approx(np.mean(values), abs=1e-6)
        assert found["deviation"] == pytest.approx(np.std(values, ddof=1), abs=1e-6)
    table = section.tables[-1]
    assert table.head == ["", "fold a", "fold b", "fold c", "mean", "deviation"]
    assert [row[0] for row in table.rows] == ["probe", "chance"]


def test_a_share_that_six_digits_make_smaller_than_a_third_is_a_third():
    targets = np.array([[0.333333, 0.666667, 0.0], [0.333333, 0.333333, 0.333334]])
    assert share_macro_f1(targets, np.array([[0.5, 0.5, 0.0], [0.4, 0.4, 0.2]])) == 0.0  # of awe alone, never named


def test_the_benchmarks_smoothed_labels_are_there_from_the_same_clips_on(drawn):
    targets, probabilities = drawn
    smoothed = 0.94 * targets + 0.06 / 3
    assert share_macro_f1(smoothed, probabilities) == pytest.approx(share_macro_f1(targets, probabilities))


def test_shares_that_need_not_add_up_to_one_have_no_even_distribution(drawn):
    targets, probabilities = drawn
    section = fold_by_fold_section(scores(targets[:, :2], probabilities[:, :2]), SIZES, [])
    assert SHARE_F1 not in section.data and section.tables[0].head[1] == "fold 1"


def test_a_single_split_has_no_folds(drawn):
    assert fold_by_fold_section(scores(*drawn), [sum(SIZES)], []) is None
