import numpy as np
import pytest

from emoclr.evaluate.metrics.registry import emotion_metrics
from emoclr.evaluate.scores import EVERYBODY, PANEL
from emoclr.evaluate.studies.listeners import fit_dirichlet, listener_rows

CLIPS, LISTENERS = 4_000, 9


def scores(votes, rows):
    return {row.name: emotion_metrics(votes, row.probabilities, row.thresholds, single_label=False) for row in rows}


@pytest.fixture(scope="module")
def heard():
    """True shares, and what two panels that were drawn from them chose."""
    draw = np.random.default_rng(0)
    shares = draw.dirichlet([0.4, 0.5, 1.5, 0.2], size=CLIPS)
    return shares, *(draw.multinomial(LISTENERS, shares) / LISTENERS for _ in range(2))


def test_another_panel_and_all_listeners_score_as_they_do_where_the_truth_is_known(heard):
    shares, votes, others = heard
    found = scores(votes, listener_rows(votes, [LISTENERS] * CLIPS, 0.25, seed=1))
    for name, answers in {PANEL: others, EVERYBODY: shares}.items():
        true = emotion_metrics(votes, answers, np.full(4, 0.25), single_label=False)
        for metric in ("macro_auroc", "map"):
            assert found[name][metric] == pytest.approx(true[metric], abs=0.015), (name, metric)
    assert found[PANEL]["macro_auroc"] < found[EVERYBODY]["macro_auroc"] - 0.02


def test_the_distribution_that_votes_were_drawn_from_is_found_again(heard):
    _, votes, _ = heard
    assert fit_dirichlet(votes * LISTENERS) == pytest.approx([0.4, 0.5, 1.5, 0.2], rel=0.07)


def test_emotions_of_which_listeners_choose_several_are_drawn_each_by_itself():
    draw = np.random.default_rng(0)
    shares = draw.beta(0.5, 0.5, size=(2_000, 2))
    votes, others = (draw.binomial(LISTENERS, shares) / LISTENERS for _ in range(2))
    assert votes.sum(axis=1).max() > 1.5
    found = scores(votes, listener_rows(votes, [LISTENERS] * 2_000, 0.5, seed=1))
    true = emotion_metrics(votes, others, [0.5, 0.5], single_label=False)
    assert found[PANEL]["macro_auroc"] == pytest.approx(true["macro_auroc"], abs=0.015)


def test_votes_for_an_emotion_that_is_left_out_count_as_votes_for_none_of_the_others(heard):
    _, votes, _ = heard
    rows = listener_rows(votes[:, :2], [LISTENERS] * CLIPS, 0.25, seed=1)
    assert rows[1].probabilities.sum(axis=1).mean() == pytest.approx(votes[:, :2].sum(axis=1).mean(), abs=0.01)
