"""The most confident mistakes are found, the worst first, and told with what clips are called."""

import numpy as np
import pytest

from emoclr.evaluate.report.predictions_csv import ScoredClips
from emoclr.evaluate.report.section import Example
from emoclr.evaluate.scores import Prediction, Truth
from emoclr.evaluate.studies.mistakes import find_mistakes, mistakes_section


def truth_of(targets: np.ndarray, single_label: bool = False) -> Truth:
    return Truth(["joy", "fear"], targets, ["a"] * len(targets), single_label=single_label)


def test_of_several_labels_the_farthest_beyond_its_threshold_comes_first() -> None:
    targets = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    probabilities = np.array([[0.9, 0.1], [0.4, 0.2], [0.9, 0.98], [0.1, 0.3]])
    found = find_mistakes(truth_of(targets), Prediction("model", probabilities, np.array([0.5, 0.5])))
    # By hand: clip 2 (0.98 - 0.5) / 0.5 * 0.98; clip 3 (0.5 - 0.1) / 0.5 * 0.9; clip 1 (0.5 - 0.4) / 0.5 * 0.6.
    assert [(mistake.clip, mistake.emotion, mistake.named) for mistake in found] == [
        (2, 1, True),
        (3, 0, False),
        (1, 0, False),
    ]
    assert [mistake.confidence for mistake in found] == pytest.approx([0.9408, 0.72, 0.12])


def test_being_sure_of_what_half_of_the_listeners_heard_is_a_smaller_mistake() -> None:
    targets = np.array([[0.2, 0.0], [0.0, 0.0]])
    answer = Prediction("model", np.array([[0.9, 0.0], [0.9, 0.0]]), np.array([0.5, 0.5]))
    assert [mistake.clip for mistake in find_mistakes(truth_of(targets), answer)] == [1, 0]


def test_each_fold_is_judged_by_its_own_thresholds() -> None:
    targets = np.array([[1.0, 0.0], [1.0, 0.0]])
    answer = Prediction("model", np.full((2, 2), 0.4), np.array([[0.3, 0.5], [0.5, 0.5]]))
    assert [mistake.clip for mistake in find_mistakes(truth_of(targets), answer)] == [1]


def test_of_one_label_the_wrong_answer_of_highest_probability_comes_first() -> None:
    targets = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    probabilities = np.array([[0.45, 0.55], [0.1, 0.9], [0.0, 1.0]])
    found = find_mistakes(truth_of(targets, True), Prediction("model", probabilities, np.array([0.5, 0.5])))
    assert [(mistake.clip, mistake.emotion, mistake.confidence) for mistake in found] == [(1, 1, 0.9), (0, 1, 0.55)]


def test_thresholds_at_the_ends_make_no_confidence_above_one() -> None:
    answer = Prediction("model", np.array([[1.0, 0.0]]), np.array([0.0, 0.0]))
    (found,) = find_mistakes(truth_of(np.array([[0.0, 1.0]])), answer)
    assert 0 <= found.confidence <= 1


def test_a_section_has_an_example_a_mistake_with_its_name_and_facts() -> None:
    truth = truth_of(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    answer = Prediction("model", np.array([[0.9, 0.1], [0.1, 0.1], [0.2, 0.2]]), np.array([0.5, 0.5]))
    clips = ScoredClips([("a.wav", "0", ""), ("b.wav", "0.5", "2"), ("c.wav", "1", "")], ["ann", "", "bob"])

    def presented(clip: int) -> Example:
        return Example(f"clip {clip}", (), 1.0, b"png", ("mel",), None)

    section = mistakes_section(truth, answer, clips, presented, players=False)
    assert [example.title for example in section.examples] == ["clip 1", "clip 2"]
    assert [dict(example.facts).get("speaker") for example in section.examples] == [None, "bob"]
    told = section.data["clips"]
    assert [(one["path"], one["start_s"], one["end_s"], one["speaker"]) for one in told] == [
        ("b.wav", 0.5, 2.0, None),
        ("c.wav", 1.0, None, "bob"),
    ]
    assert told[0]["probabilities"] == {"joy": 0.1, "fear": 0.1} and told[0]["kind"] == "missed"


@pytest.mark.parametrize(
    ("target", "probability", "single_label", "told"),
    [
        ([1, 0, 0], [0.10, 0.39, 0.05], False, "labelled joy; heard fear (39 %), joy only 10 % (needs 32 %)"),
        ([0, 0.6, 0], [0.9, 0.5, 0.1], False, "labelled fear 60 %; heard joy (90 %, needs 32 %), fear (50 %)"),
        ([0, 1, 0], [0.1, 0.02, 0.1], False, "labelled fear; heard nothing, fear only 2 % (needs 32 %)"),
        ([0, 0, 0], [0.5, 0.1, 0.1], False, "labelled nothing; heard joy (50 %, needs 32 %)"),
        ([1, 0, 0], [0.3, 0.6, 0.1], True, "labelled joy; heard fear (60 %), joy only 30 %"),
    ],
)
def test_a_mistake_is_said_in_a_sentence(
    target: list[float], probability: list[float], single_label: bool, told: str
) -> None:
    truth = Truth(["joy", "fear", "awe"], np.array([target]), ["a"], single_label=single_label)
    answer = Prediction("model", np.array([probability]), np.full(3, 0.32))
    clips = ScoredClips([("a.wav", "0", "")], ["ann"])

    def presented(clip: int) -> Example:
        return Example("a.wav", (), 1.0, None, (), None)

    (example,) = mistakes_section(truth, answer, clips, presented, players=True).examples
    assert example.sentence.replace("\u00a0", " ") == told
