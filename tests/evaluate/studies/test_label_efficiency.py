"""Parts of the labels, and the section that says what models make of them."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from emoclr.corpus.labels.label_subset import TooFewClips, label_subset
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.evaluate.figures.render import figure_png, figure_svg
from emoclr.evaluate.scores import Prediction, Truth
from emoclr.evaluate.studies.label_efficiency import Trial, efficiency_section

FRACTIONS = (0.02, 0.05, 0.1, 0.25, 0.6, 1.0)
N_SPEAKERS = 20


@pytest.fixture
def table(make_table: Callable[..., LabelTable]) -> LabelTable:
    """1,000 clips of 20 speakers: joy in half of them, fear in one of five, awe in one of twenty-five."""
    generator = np.random.default_rng(0)
    targets = generator.random((1000, 3)) < (0.5, 0.2, 0.04)
    return make_table(targets.astype(float), [f"s{clip % N_SPEAKERS}" for clip in range(1000)])


def test_the_smaller_part_lies_in_the_larger_and_the_whole_is_everything(table: LabelTable) -> None:
    rows = np.arange(100, 900)
    parts = [label_subset(table, rows, fraction, seed=3, positive_share=0.25) for fraction in FRACTIONS]
    assert [len(part) for part in parts] == [round(fraction * 800) for fraction in FRACTIONS]
    for smaller, larger in itertools.pairwise(parts):
        assert np.isin(smaller, larger).all()
    assert parts[-1].tolist() == rows.tolist()


@pytest.mark.parametrize("seed", range(5))
def test_emotions_keep_their_shares_and_voices_are_many(table: LabelTable, seed: int) -> None:
    part = label_subset(table, np.arange(1000), 0.05, seed, 0.25)
    shares, found = table.targets.mean(0), table.targets[part].mean(0)
    assert found[2] == pytest.approx(shares[2], abs=1.01 / len(part))  # the rarest has a stratum of its own
    assert np.abs(found - shares).max() < 0.16
    assert len({table.speakers[row] for row in part}) >= 15  # type: ignore[index]


def test_each_seed_draws_anew_and_the_same_seed_the_same(table: LabelTable) -> None:
    rows = np.arange(1000)
    first, again, other = (set(label_subset(table, rows, 0.1, seed, 0.25).tolist()) for seed in (0, 0, 1))
    assert first == again
    assert len(first & other) < 50


def test_what_is_too_small_is_said(make_table: Callable[..., LabelTable]) -> None:
    speakers = [f"s{clip // 10}" for clip in range(40)]
    rare = np.zeros((40, 2))
    rare[:20, 0], rare[7, 1] = 1, 1
    with pytest.raises(TooFewClips, match="of 4 clips, none is with fear"):
        label_subset(make_table(rare, speakers), np.arange(40), 0.1, 0, 0.25)
    always = np.ones((40, 1))
    always[3] = 0
    with pytest.raises(TooFewClips, match="of 2 clips, none is without joy"):
        label_subset(make_table(always, speakers), np.arange(40), 0.05, 0, 0.25)
    halves = np.tile([[1.0], [0.0]], (20, 1))
    one_of_two = ["anna"] * 39 + ["ben"]
    with pytest.raises(TooFewClips, match="all of 2 clips are of one speaker"):
        label_subset(make_table(halves, one_of_two), np.arange(40), 0.05, 0, 0.25)


def trials(truth: Truth, skills: dict[tuple[str, float], float], n_seeds: int = 3) -> list[Trial]:
    generator = np.random.default_rng(1)
    found = []
    for (name, fraction), skill in skills.items():
        for seed in range(n_seeds):
            answers = skill * truth.targets + (1 - skill) * generator.random(truth.targets.shape)
            prediction = Prediction("", answers, np.full(2, 0.5))
            found.append(Trial(name, fraction, 1000 * fraction, seed, prediction, model=name == "ours"))
    return found


@pytest.fixture
def truth() -> Truth:
    targets = (np.random.default_rng(0).random((120, 2)) < 0.4).astype(float)
    return Truth(["joy", "fear"], targets, [f"s{clip % 12}" for clip in range(120)], n_resamples=100)


def test_means_draws_and_intervals_of_every_model_and_part(truth: Truth) -> None:
    made = trials(truth, {("ours", 0.1): 0.2, ("ours", 1.0): 0.4, ("log-mel", 0.1): 0.02, ("log-mel", 1.0): 0.1})
    section = efficiency_section(truth, made, {0.01: "of 10 clips, none is with fear"}, "Drawn three times.")
    assert section.text == "Drawn three times. 0.01 of the labels is too few: of 10 clips, none is with fear."
    (table,) = section.tables
    assert [row[:4] for row in table.rows] == [
        ["ours", "0.1", "100", "3"],
        ["ours", "1", "1,000", "3"],
        ["log-mel", "0.1", "100", "3"],
        ["log-mel", "1", "1,000", "3"],
    ]
    assert all(len(row) == len(table.head) for row in table.rows)
    point = section.data["models"]["ours"][0]["metrics"]["macro_auroc"]
    expected = [roc_auc_score(truth.targets, trial.prediction.probabilities) for trial in made[:3]]
    assert point["draws"] == pytest.approx(expected, abs=1e-6)
    assert point["value"] == pytest.approx(np.mean(expected), abs=1e-6)
    low, high = point["ci95"]
    assert low < point["value"] < high
    assert table.rows[0][5] == f"{min(expected):.3f}–{max(expected):.3f}"


def test_of_parts_that_are_all_too_small_only_that_is_told(truth: Truth, capsys: pytest.CaptureFixture[str]) -> None:
    section = efficiency_section(truth, [], {0.01: "of 10 clips, none is with fear"}, "")
    assert not section.tables and not section.figures
    assert "0.01 of the labels is too few: of 10 clips, none is with fear." in capsys.readouterr().err


def test_there_is_one_figure_for_either_page(truth: Truth) -> None:
    made = trials(truth, {("ours", 0.1): 0.2, ("ours", 1.0): 0.4, ("log-mel", 1.0): 0.1}, n_seeds=1)
    (figure,) = efficiency_section(truth, made, {}, "").figures
    assert (
        figure.name == "efficiency"
        and figure_png(figure).startswith(b"\x89PNG")
        and "var(--accent)" in figure_svg(figure)
    )
