"""Each rule speaks where an interval does, on scores made up for it, and is silent where none does."""

from collections.abc import Mapping

import numpy as np
import pytest

from emoclr.evaluate.paired import kind_of, paired_differences, paired_rows, rivals_of
from emoclr.evaluate.report.sentence import Caution, NextSteps, Sentence
from emoclr.evaluate.report.verdict import verdict_of
from emoclr.evaluate.scores import CHANCE, Prediction, Scores, Truth, score_all

STEPS = NextSteps(
    use="USE",
    certain="CERTAIN",
    improve="IMPROVE",
    speakers="SPEAKERS",
    label="LABEL",
    head="HEAD",
    alone={"a": "ALONE a", "b": "ALONE b"},
    combination="COMBINE {how}",
)
EMOTIONS = ("joy", "fear", "awe")
FAR, NEAR = 2.0, 0.5
"""Skills of which the one is better beyond any doubt."""


def made(
    models: Mapping[str, float],
    baselines: Mapping[str, float] | None = None,
    *,
    speakers: int = 12,
    clips: int = 360,
    skills: Mapping[str, float] | None = None,
    worse_for: str = "",
    threshold: float = 0.5,
) -> Scores:
    """Scores of models as good as their skill says, in the emotions of `skills` by a factor; chance has no skill."""
    generator = np.random.default_rng(3)
    targets = (generator.random((clips, len(EMOTIONS))) < 0.3).astype(np.float64)
    who = np.arange(clips) % speakers
    sex = np.where(who % 2, "female", "male")
    factors = np.array([(skills or {}).get(emotion, 1.0) for emotion in EMOTIONS])

    def guess(name: str, skill: float) -> Prediction:
        if name == CHANCE:
            return Prediction(name, np.tile(targets.mean(0), (clips, 1)), targets.mean(0))
        own = skill * np.where(sex == worse_for, 0.0, 1.0)[:, None]
        logits = own * factors * (2 * targets - 1) + generator.normal(size=targets.shape)
        return Prediction(name, 1 / (1 + np.exp(-logits)), np.full(len(EMOTIONS), threshold))

    truth = Truth(
        EMOTIONS, targets, [f"s{speaker:02}" for speaker in who], {"sex": sex.tolist()}, n_resamples=200, seed=1
    )
    others = {CHANCE: 0.0} | dict(baselines or {})
    return score_all(truth, [guess(*pair) for pair in models.items()], [guess(*pair) for pair in others.items()])


def told(scores: Scores, kind: str = "", steps: NextSteps = STEPS) -> list[Sentence]:
    return [sentence for sentence in verdict_of(scores, steps) if kind in ("", sentence.kind)]


def next_of(scores: Scores) -> list[str]:
    return [sentence.text for sentence in told(scores, "next")]


def test_differences_of_rows_are_those_of_their_predictions() -> None:
    scores = made({"a": 0.8}, {"untrained a": 0.7})
    predictions = {prediction.name: prediction for prediction in scores.predictions}
    rows = {row.name: row for row in scores.rows}
    expected = paired_differences(scores.truth, predictions["a"], predictions["untrained a"])
    for metric in ("macro_auroc", "map", "ece"):
        found = paired_rows(rows["a"], rows["untrained a"], metric, scores.truth.speakers)
        assert vars(found) == pytest.approx(vars(expected[metric]))


def test_a_model_that_beats_all_that_is_simple_works_and_is_used() -> None:
    scores = made({"a": FAR}, {"untrained a": NEAR, "eGeMAPS": NEAR})
    (fit,) = told(scores, "fitness")
    assert fit.weight == "good" and "untrained a and eGeMAPS" in fit.text
    assert f"{scores.models[0].metrics['macro_auroc'].value:.3f}" in fit.text
    assert next_of(scores) == ["USE"]


def test_a_model_that_something_simple_beats_is_not_to_be_used() -> None:
    scores = made({"a": NEAR}, {"untrained a": NEAR, "log-mel": FAR})
    (fit,) = told(scores, "fitness")
    assert fit.weight == "bad" and fit.text.startswith("Do not use a") and "log-mel has 0.9" in fit.text
    (worse,) = [sentence for sentence in told(scores, "comparison") if sentence.weight == "bad"]
    found = paired_rows(scores.models[0], scores.baselines[2], "macro_auroc", scores.truth.speakers)
    assert f"Worse than log-mel ({found.value:+.3f}, {found.low:+.3f} to {found.high:+.3f})" in worse.text
    assert next_of(scores) == ["IMPROVE"]


def test_where_the_interval_holds_zero_no_gain_is_told() -> None:
    scores = made({"a": 1.0}, {"untrained a": 1.0})
    (fit,) = told(scores, "fitness")
    assert fit.weight == "open" and "cannot be told apart from untrained a" in fit.text
    (same,) = told(scores, "comparison")
    assert same.weight == "open" and "Not to be told apart from untrained a" in same.text
    assert next_of(scores) == ["CERTAIN", "IMPROVE"]


def test_a_guess_is_not_fit_to_use() -> None:
    scores = made({"a": 0.0})
    (fit,) = told(scores, "fitness")
    assert fit.weight == "bad" and "not better than chance (0.500)" in fit.text
    assert "USE" not in next_of(scores) and "IMPROVE" in next_of(scores)


def test_without_anything_simple_chance_is_what_is_beaten() -> None:
    (fit,) = told(made({"a": FAR}), "fitness")
    assert fit.weight == "good" and "better than chance (0.500)" in fit.text


def test_an_ensemble_that_loses_to_a_member_gives_way_to_it() -> None:
    scores = made({"ensemble": NEAR, "a": FAR, "b": 1.0})
    (worse,) = [sentence for sentence in told(scores, "comparison") if sentence.weight == "bad"]
    assert worse.text.startswith("Worse than a (")
    assert next_of(scores) == ["ALONE a"]


def test_an_ensemble_that_another_combination_beats_is_combined_so() -> None:
    assert next_of(made({"ensemble": NEAR, "ensemble, weighted": FAR, "a": 0.4})) == ["COMBINE weighted"]


def test_a_member_as_good_as_the_ensemble_is_told_and_nothing_is_to_be_done() -> None:
    scores = made({"ensemble": FAR, "a": FAR, "b": NEAR})
    (same,) = told(scores, "comparison")
    assert same.weight == "open" and "told apart from a (" in same.text and "b (" not in same.text
    assert next_of(scores) == ["USE"]


def test_a_head_alone_that_is_better_is_trained_alone() -> None:
    scores = made({"a": 1.0}, {"head alone, a": FAR, "untrained a": 0.0})
    (fit,) = told(scores, "fitness")
    assert fit.weight == "good"  # it is better than what takes no pretraining
    assert next_of(scores) == ["HEAD", "USE"]


def test_emotions_are_told_by_the_interval_of_their_auroc() -> None:
    scores = made({"a": FAR}, skills={"fear": 0.0})
    auroc = {row.name: row.metrics["auroc"] for row in scores.emotions}
    assert auroc["fear"].low < 0.5 < min(auroc["joy"].low, auroc["awe"].low)
    good, bad = [sentence for sentence in told(scores, "emotions") if "AUROC" in sentence.text]
    assert good.weight == "good" and "joy" in good.text and "fear" not in good.text
    assert bad.weight == "bad" and f"fear (AUROC {auroc['fear'].value:.3f}" in bad.text and "joy" not in bad.text
    assert next_of(scores) == ["USE", "LABEL"]


def test_all_emotions_found_are_counted_with_the_best_and_the_worst() -> None:
    scores = made({"a": FAR}, skills={"fear": 0.4})
    (found,) = [sentence for sentence in told(scores, "emotions") if "AUROC" in sentence.text]
    assert "all 3 emotions" in found.text and " to fear (" in found.text


@pytest.mark.parametrize(("threshold", "weight"), [(0.9, "good"), (0.05, "bad")])
def test_names_that_are_mostly_wrong_or_right_are_told(threshold: float, weight: str) -> None:
    (found,) = [
        sentence for sentence in told(made({"a": FAR}, threshold=threshold), "emotions") if "names" in sentence.text
    ]
    assert found.weight == weight


def test_names_that_may_be_either_are_not_told() -> None:
    scores = made({"a": 0.7}, threshold=0.5)
    assert any(row.metrics["precision"].low < 0.5 < row.metrics["precision"].high for row in scores.emotions)
    assert not any("right" in sentence.text for sentence in told(scores, "emotions"))


def test_the_worse_one_of_two_groups_is_told_and_none_where_chance_may_be_it() -> None:
    (worse,) = told(made({"a": FAR}, worse_for="male"), "groups")
    assert "sex male" in worse.text and "than for female" in worse.text
    assert told(made({"a": FAR}), "groups") == []


def test_of_few_speakers_nothing_is_told_but_that() -> None:
    scores = made({"a": FAR}, {"log-mel": NEAR}, speakers=9)
    (few, step) = told(scores)
    assert few.weight == "open" and few.text.startswith("9 speakers were scored") and step.text == "SPEAKERS"
    assert told(made({"a": FAR}, {"log-mel": NEAR}, speakers=1))[0].text.startswith("1 speaker was scored")


def test_cautions_come_first_and_other_notes_do_not_come() -> None:
    found = verdict_of(made({"a": FAR}), STEPS, ["One clip is silent.", Caution("Synthetic: <b>x</b>")])
    assert (found[0].text, found[0].weight) == ("Synthetic: <b>x</b>", "warning")
    assert not any("silent" in sentence.text for sentence in found)


def test_with_a_caution_a_gain_is_one_on_these_clips_and_the_next_step_lifts_it() -> None:
    steps = [Caution("Synthetic.", step="PEOPLE"), Caution("All of one voice.", step="VOICES"), "1 clip is silent."]
    for baselines, beaten in (({"log-mel": NEAR}, "log-mel"), ({}, "chance (0.500)")):
        found = verdict_of(made({"a": FAR}, baselines), STEPS, steps)
        (fit,) = [sentence for sentence in found if sentence.kind == "fitness"]
        assert fit.weight == "open" and fit.text.startswith(f"On these clips a is better than {beaten}: macro AUROC 0.")
        assert [sentence.text for sentence in found if sentence.kind == "next"] == ["PEOPLE", "VOICES"]
    worse = verdict_of(made({"a": NEAR}, {"log-mel": FAR}), STEPS, steps)
    assert [sentence.text for sentence in worse if sentence.kind == "next"] == ["IMPROVE"]
    assert any(sentence.text.startswith("Do not use a") for sentence in worse)


def test_shares_of_names_that_are_wrong_are_told_as_such_once() -> None:
    (names,) = [s for s in told(made({"a": 0.3}, threshold=0.1), "emotions") if "more often than right" in s.text]
    assert names.text.count("of the cases") == names.text.count("(right in ") == 1
    assert all(f"{emotion} (" in names.text for emotion in EMOTIONS)


def test_guesses_are_seldom_told_apart() -> None:
    """Of two models that are equally good, rules speak of a difference about as often as a 95 % interval errs."""
    generator = np.random.default_rng(0)
    targets = (generator.random((150, 1)) < 0.5).astype(np.float64)
    spoke = 0
    for _ in range(40):
        truth = Truth(["joy"], targets, [f"s{clip % 15:02}" for clip in range(150)], n_resamples=100)
        guesses = [Prediction(name, generator.random((150, 1)) + targets, np.array([1.0])) for name in ("a", "eGeMAPS")]
        verdict = verdict_of(score_all(truth, guesses[:1], guesses[1:]), STEPS)
        spoke += any(sentence.kind == "comparison" and sentence.weight != "open" for sentence in verdict)
    assert spoke <= 6


def test_rows_are_known_by_their_names() -> None:
    kinds = {
        "untrained ensemble": "untrained",
        "head alone, a": "head alone",
        "a, from scratch": "from scratch",
        "log-mel mean and deviation": "features",
        CHANCE: "chance",
        "as many other listeners": "listeners",
    }
    assert {name: kind_of(name, baseline=True) for name in kinds} == kinds
    assert kind_of("ensemble, vote", baseline=False) == "combination"
    assert kind_of("ensemble", baseline=False) == kind_of("a", baseline=False) == "model"


def test_the_best_of_each_kind_is_the_rival() -> None:
    scores = made({"a": 1.0}, {"untrained a": 0.3, "untrained b": FAR, "x": 0.1, "y": 0.2, "a, from scratch": 0.1})
    assert [row.name for row in rivals_of(scores)] == ["untrained b", "x", "y", "a, from scratch"]
