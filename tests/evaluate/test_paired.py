"""What a difference between two models is said to be."""

import numpy as np
import pytest

from emoclr.evaluate.metrics.intervals import Measure
from emoclr.evaluate.paired import paired_differences
from emoclr.evaluate.report.formatting import in_words
from emoclr.evaluate.scores import Prediction, Truth


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (0.01, 0.03, "+0.020 [0.010–0.030] macro AUROC, a real gain"),
        (-0.01, 0.05, "+0.020 [-0.010 to 0.050] macro AUROC, which may be chance"),
    ],
)
def test_a_difference_is_judged_by_its_interval(low: float, high: float, told: str) -> None:
    assert in_words(Measure(0.02, low, high), 20, "macro_auroc") == told
    assert in_words(Measure(-0.02, -high, -low), 20, "macro_auroc").endswith(told[-5:].replace("gain", "loss"))


def test_few_speakers_who_agree_by_chance_are_no_proof() -> None:
    """Two models that guess, on two speakers: every second time both speakers prefer the same one."""
    generator = np.random.default_rng(0)
    parted = 0
    for _ in range(40):
        targets = generator.integers(0, 2, (40, 1)).astype(np.float64)
        truth = Truth(["anger"], targets, ["a"] * 20 + ["b"] * 20, n_resamples=50)
        guesses = [Prediction(name, generator.random((40, 1)), np.array([0.5])) for name in ("first", "second")]
        found = paired_differences(truth, *guesses)["macro_auroc"]
        parted += found.low > 0 or found.high < 0
        assert "too few speakers (2) to tell it from chance" in in_words(found, 2, "macro_auroc")
    assert parted > 4  # of 40; at 95 % it would be two


def test_of_one_speaker_there_is_no_interval() -> None:
    assert in_words(Measure(0.02), 1, "map") == "+0.020 mAP, too few speakers (1) to tell it from chance"
