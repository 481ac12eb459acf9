"""Probes of features that are standardised within speakers."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from emoclr.corpus.decoded.waveforms import Waveforms
from emoclr.corpus.labels.division import divide
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.evaluate.metrics.ranking import macro_auroc
from emoclr.pretrain.encoder.embedding import Embeddings
from emoclr.probe.features.features import Features
from emoclr.probe.fitting import fit_probes, predictions_of
from emoclr.probe.studies.speaker_known import predictions_with_speaker

N, SPEAKERS = 400, 20


def unheard(store: Waveforms) -> Embeddings:
    raise AssertionError("the clips are described already")


FEATURES = [Features("a", unheard, trained=True), Features("b", unheard, trained=True), Features("other", unheard)]


@pytest.fixture
def table(make_table: Callable[..., LabelTable]) -> LabelTable:
    targets = (np.random.default_rng(0).random((N, 2)) < 0.4).astype(float)
    voices = [clip % SPEAKERS for clip in range(N)]
    return make_table(
        targets, [f"s{voice}" for voice in voices], ["test" if voice < 5 else "train" for voice in voices]
    )


@pytest.fixture
def matrices(table: LabelTable) -> dict[str, Embeddings]:
    """Features in which a voice is louder than its emotions."""
    generator = np.random.default_rng(1)
    mixing, voices = generator.normal(size=(2, 12)), generator.normal(size=(SPEAKERS, 12))
    clean = table.targets @ mixing + 4 * voices[np.arange(N) % SPEAKERS]
    return {each.name: (clean + generator.normal(size=(N, 12))).astype(np.float32) for each in FEATURES}


@pytest.mark.parametrize("n_folds", [None, 3])
def test_a_voice_louder_than_its_emotions_no_longer_hides_them(
    table: LabelTable, matrices: dict[str, Embeddings], n_folds: int | None
) -> None:
    division = divide(table, n_folds, 0)
    fits = fit_probes(matrices, table, division, 0.25)
    scored = [{name: matrix[test] for name, matrix in matrices.items()} for _, test in division.folds]
    models, baselines = predictions_of(FEATURES, fits, scored, table, division)
    found = predictions_with_speaker(FEATURES, matrices, table, table.speakers or [], division, 0.25)
    assert [each.name for each in found] == ["ensemble", "a", "b", "other"]
    targets = table.targets[division.scored]
    for plain, known in zip([*models, baselines[0]], found, strict=True):
        assert macro_auroc(targets, known.probabilities, 0.25) > macro_auroc(targets, plain.probabilities, 0.25) + 0.01


def test_labels_of_scored_clips_change_nothing(table: LabelTable, matrices: dict[str, Embeddings]) -> None:
    division = divide(table, None, 0)
    test = division.scored
    shuffled = table.targets.copy()
    shuffled[test] = np.random.default_rng(2).permutation(shuffled[test])
    assert (shuffled != table.targets).any()
    before, after = (
        predictions_with_speaker(FEATURES, matrices, labels, table.speakers or [], division, 0.25)
        for labels in (table, replace(table, targets=shuffled))
    )
    for one, other in zip(before, after, strict=True):
        assert np.array_equal(one.probabilities, other.probabilities)
        assert np.array_equal(one.thresholds, other.thresholds)
