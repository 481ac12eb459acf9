"""Probes that are fitted to parts of the labels."""

from collections.abc import Callable

import numpy as np
import pytest

from emoclr.corpus.decoded.waveforms import Waveforms
from emoclr.corpus.labels.division import divide
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.evaluate.metrics.registry import emotion_metrics
from emoclr.evaluate.scores import Prediction
from emoclr.pretrain.encoder.embedding import Embeddings
from emoclr.probe.features.features import Features
from emoclr.probe.fitting import fit_probes, predictions_of
from emoclr.probe.settings import ProbeSettings
from emoclr.probe.studies.label_efficiency import fractions_text, part_of, probe_trials

N, SPEAKERS = 400, 20


def unheard(store: Waveforms) -> Embeddings:
    raise AssertionError("the clips are described already")


FEATURES = [
    Features("trained", unheard, trained=True),
    Features("untrained trained", unheard),
    Features("other", unheard),
]


@pytest.fixture
def table(make_table: Callable[..., LabelTable]) -> LabelTable:
    targets = (np.random.default_rng(0).random((N, 2)) < 0.4).astype(float)
    speakers = [f"s{clip % SPEAKERS}" for clip in range(N)]
    splits = ["test" if clip % SPEAKERS < 5 else "train" for clip in range(N)]
    return make_table(targets, speakers, splits)


@pytest.fixture
def matrices(table: LabelTable) -> dict[str, Embeddings]:
    """Features that hold the emotions behind noise, most of it in those that are not trained."""
    generator = np.random.default_rng(1)
    mixing = generator.normal(size=(2, 12))
    return {
        described.name: (table.targets @ mixing + noise * generator.normal(size=(N, 12))).astype(np.float32)
        for described, noise in zip(FEATURES, (2.0, 4.0, 8.0), strict=True)
    }


def test_a_part_scores_the_same_clips_and_chooses_within_itself(table: LabelTable) -> None:
    whole = divide(table, None, 0)
    part = part_of(table, whole, 0.1, 0, 0.25)
    (train, test), (all_train, all_test) = part.folds[0], whole.folds[0]
    assert len(train) == 30 and np.isin(train, all_train).all() and test.tolist() == all_test.tolist()
    held = np.sort(np.concatenate([outside for _, outside in part.inner[0]]))
    assert held.tolist() == list(range(30))


@pytest.mark.parametrize("n_folds", [None, 3])
def test_every_part_is_drawn_several_times_and_the_whole_is_what_the_report_has(
    table: LabelTable, matrices: dict[str, Embeddings], n_folds: int | None
) -> None:
    settings = ProbeSettings(fractions=[1, 0.1, 0.001], fraction_seeds=3, folds=n_folds)
    division = divide(table, n_folds, 0)
    fits = fit_probes(matrices, table, division, 0.25)
    scored = [{name: matrix[test] for name, matrix in matrices.items()} for _, test in division.folds]
    whole = predictions_of(FEATURES, fits, scored, table, division)
    trials, too_small = probe_trials(FEATURES, matrices, table, division, whole, settings)
    assert list(too_small) == [0.001]
    assert [(trial.fraction, trial.seed) for trial in trials[::3]] == [(0.1, 0), (0.1, 1), (0.1, 2), (1.0, 0)]
    assert [(trial.name, trial.model) for trial in trials[:3]] == [
        ("trained", True),
        ("untrained trained", False),
        ("other", False),
    ]
    assert trials[-3].prediction is whole[0][0]
    targets = table.targets[division.scored]

    def auroc(found: Prediction) -> float:
        return emotion_metrics(targets, found.probabilities, found.thresholds, False)["macro_auroc"]

    few = [auroc(trial.prediction) for trial in trials if trial.name == "trained" and trial.fraction < 1]
    assert len(set(few)) == 3
    assert max(few) < auroc(whole[0][0])


def test_the_text_says_how_parts_are_drawn(table: LabelTable) -> None:
    assert "drawn 4 times, the smaller within the larger" in fractions_text(table, ProbeSettings(fraction_seeds=4))
