"""What a report says of calibration before and after is what a closed form and its own bins say."""

import numpy as np
import pytest

from emoclr.evaluate.figures.render import figure_png, figure_svg
from emoclr.evaluate.metrics.calibration import calibration_floor
from emoclr.evaluate.metrics.registry import emotion_metrics
from emoclr.evaluate.paired import paired_differences
from emoclr.evaluate.report.section import Section
from emoclr.evaluate.scores import Prediction, Truth
from emoclr.evaluate.studies.calibration import calibration_section

N = 4000


@pytest.fixture(scope="module")
def made() -> tuple[Truth, np.ndarray, np.ndarray, Section]:
    generator = np.random.default_rng(0)
    honest = generator.uniform(0.05, 0.95, (N, 2))
    targets = (generator.random((N, 2)) < honest).astype(np.float64)
    # Squares of honest probabilities: off by p - p², 1/6 of the mean over a uniform p.
    overdone = honest**2
    speakers = [f"s{number}" for number in np.arange(N) % 40]
    truth = Truth(["joy", "fear"], targets, speakers, n_resamples=200)
    return truth, overdone, honest, calibration_section(truth, overdone, honest, "A made model.")


def test_the_error_before_is_the_closed_form_and_after_is_near_none(
    made: tuple[Truth, np.ndarray, np.ndarray, Section],
) -> None:
    found = made[3].data["ece"]
    assert found["before"]["value"] == pytest.approx(1 / 6, abs=0.015)
    assert found["after"]["value"] < 0.03
    assert found["change"]["value"] == pytest.approx(found["after"]["value"] - found["before"]["value"], abs=2e-6)


def test_errors_are_those_of_the_headline_metric(made: tuple[Truth, np.ndarray, np.ndarray, Section]) -> None:
    truth, before, after, section = made
    for kind, probabilities in (("before", before), ("after", after)):
        expected = emotion_metrics(truth.targets, probabilities, [0.5, 0.5], single_label=False)["ece"]
        assert section.data["ece"][kind]["value"] == pytest.approx(expected, abs=1e-6)


def test_intervals_hold_their_values_and_a_real_change_is_told_from_none(
    made: tuple[Truth, np.ndarray, np.ndarray, Section],
) -> None:
    rows = [made[3].data["ece"], *made[3].data["emotions"].values()]
    assert len(rows) == 3
    for row in rows:
        for kind in ("before", "after"):
            low, high = row[kind]["ci95"]
            assert 0 <= low <= row[kind]["value"] <= high
        assert row["change"]["ci95"][1] < 0


def test_a_model_that_was_not_calibrated_shows_no_change() -> None:
    generator = np.random.default_rng(1)
    targets, probabilities = generator.random((200, 2)), generator.random((200, 2))
    truth = Truth(["joy", "fear"], targets, [str(clip % 10) for clip in range(200)], n_resamples=20)
    section = calibration_section(truth, probabilities, probabilities, "Nothing was done.")
    assert section.data["ece"]["change"] == {"value": 0.0, "ci95": [0.0, 0.0]}
    assert section.data["ece"]["floor"]["value"] > 0
    assert section.text.startswith("Nothing was done.")
    (figure,) = section.figures
    assert figure_png(figure).startswith(b"\x89PNG") and "var(--accent)" in figure_svg(figure)


def test_the_floor_is_what_honest_probabilities_show_and_shrinks_with_clips() -> None:
    generator = np.random.default_rng(2)
    found = []
    for n in (100, 400, 1600):
        honest = generator.uniform(0.05, 0.95, (n, 2))
        targets = (generator.random((n, 2)) < honest).astype(np.float64)
        floor = calibration_floor(targets, honest, seed=0)
        error = emotion_metrics(targets, honest, [0.5, 0.5], single_label=False)["ece"]
        low, high = np.percentile(floor.mean(axis=1), [0.5, 99.5])
        assert low < error < high
        found.append(float(floor.mean()))
    # The square root of four times as many clips.
    assert found[0] / found[1] == pytest.approx(2, rel=0.15) and found[1] / found[2] == pytest.approx(2, rel=0.15)


def test_the_floor_of_vote_shares_is_that_of_their_own_scatter() -> None:
    generator = np.random.default_rng(3)
    honest = generator.uniform(0.05, 0.95, (2000, 1))
    votes = generator.binomial(10, honest) / 10
    error = emotion_metrics(votes, honest, [0.5], single_label=False)["ece"]
    yes_or_no = calibration_floor(np.round(votes), honest, seed=0).mean()
    floor = calibration_floor(votes, honest, seed=0).mean()
    assert floor == pytest.approx(yes_or_no / np.sqrt(10), rel=0.05)
    assert floor / 2 < error < 2 * floor


def test_the_interval_of_a_difference_of_errors_is_around_it() -> None:
    """An honest model against a bad one: resampling inflates the small error and hardly the large one."""
    generator = np.random.default_rng(4)
    honest = generator.uniform(0.05, 0.95, (150, 2))
    targets = (generator.random((150, 2)) < honest).astype(np.float64)
    truth = Truth(["joy", "fear"], targets, [str(clip % 15) for clip in range(150)], n_resamples=200)
    halves = np.array([0.5, 0.5])
    models = Prediction("honest", honest, halves), Prediction("bad", honest**4, halves)
    found = paired_differences(truth, *models)["ece"]
    assert found.low < found.value < found.high < 0
    assert found.value - found.low == pytest.approx(found.high - found.value)
    section = calibration_section(truth, honest**4, honest, "Made.")
    low, high = section.data["ece"]["change"]["ci95"]
    assert (low + high) / 2 == pytest.approx(section.data["ece"]["change"]["value"], abs=2e-6)
