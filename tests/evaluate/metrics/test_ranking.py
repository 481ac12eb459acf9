"""AUROC and average precision equal scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from emoclr.evaluate.metrics.ranking import macro_auroc, rank_metrics, weighted_auroc


def test_rank_metrics_equal_scikit_learn_with_sample_weights() -> None:
    generator = np.random.default_rng(0)
    positive, scores = generator.random(200) < 0.3, generator.integers(0, 20, 200) / 20
    weights = generator.integers(0, 3, (5, 200)).astype(float)
    auroc, ap = rank_metrics(positive, scores, weights)
    for row, weight in enumerate(weights):
        assert auroc[row] == pytest.approx(roc_auc_score(positive, scores, sample_weight=weight))
        assert ap[row] == pytest.approx(average_precision_score(positive, scores, sample_weight=weight))
    assert weighted_auroc(positive, scores, weights).tolist() == auroc.tolist()
    assert np.isnan(rank_metrics(np.zeros(200, dtype=bool), scores, weights)).all()
    assert np.isnan(rank_metrics(np.ones(200, dtype=bool), scores, weights)).all()


def test_macro_auroc_is_the_mean_over_the_emotions_that_have_two_classes() -> None:
    generator = np.random.default_rng(0)
    targets, logits = generator.random((60, 3)), generator.normal(size=(60, 3)).round(1)  # with ties
    targets[:, 2] = 0.1
    for share in (0.25, 0.6):
        expected = roc_auc_score(targets[:, :2] >= share, logits[:, :2], average="macro")
        assert macro_auroc(targets, logits, share) == pytest.approx(expected)
    assert np.isnan(macro_auroc(targets[:, 2:], logits[:, 2:]))


def test_a_constant_emotion_has_no_part_in_macro_auroc() -> None:
    targets, logits = np.array([[1, 1], [0, 1], [1, 1]]), np.array([[2.0, 1.0], [1.0, 2.0], [0.0, 3.0]])
    assert macro_auroc(targets, logits) == 0.5
    assert np.isnan(macro_auroc(targets[:, 1:], logits[:, 1:]))
