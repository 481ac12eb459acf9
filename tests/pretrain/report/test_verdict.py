"""Each rule on a pretraining speaks where its records tell by an interval, and is silent where they do not."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from emoclr.evaluate.report.sentence import Sentence
from emoclr.pretrain.report.run_state import BackboneState, RunState
from emoclr.pretrain.report.verdict import verdict_of
from emoclr.pretrain.resume.run_card import RunCard
from emoclr.pretrain.settings import PretrainSettings


def run(
    step: int = 1000,
    steps: int = 1000,
    accuracy: Sequence[float] = (),
    auroc: Sequence[float] = (),
    warnings: Sequence[str] = (),
    negatives: str = "same_speaker",
) -> RunState:
    """A run of one backbone, of 20 epochs, with these records and looks of the online probe."""
    first = step - len(accuracy) + 1
    rows = [{"step": first + place, "contrastive_accuracy": value} for place, value in enumerate(accuracy)]
    monitor = [{"step": steps * place / (len(auroc) - 1), "linear_auroc": value} for place, value in enumerate(auroc)]
    settings = PretrainSettings.model_validate(
        {"data": ["recordings"], "out": "run", "backbones": ["resnet10t"], "epochs": 20, "negatives": negatives}
    )
    state = BackboneState("resnet10t", steps, rows or [{"step": step}], monitor, warnings=list(warnings))
    return RunState(Path("runs/<one>"), RunCard.model_construct(settings=settings, warnings=[]), [state], [])


def told(state: RunState, *words: str) -> list[Sentence]:
    return [sentence for sentence in verdict_of(state) if all(word in sentence.text for word in words)]


def noisy(*values: float) -> list[float]:
    """Returns values with a deviation of 0.004, the same every time."""
    return (np.array(values) + np.random.default_rng(0).normal(scale=0.004, size=len(values))).tolist()


def test_a_run_of_few_steps_is_too_early_to_judge() -> None:
    (early,) = told(run(step=44, steps=1300), "too early")
    assert "44 of 1,300 steps" in early.text and "558 to 1,302" in early.text and early.weight == "open"
    assert verdict_of(run(step=44, steps=1300))[-1].text.startswith("The same command with `--resume` goes on")
    assert "more `epochs`" in verdict_of(run(step=44, steps=44))[-1].text
    assert not told(run(step=558), "too early")


def test_the_next_step_is_the_command_with_the_folder_quoted() -> None:
    last = verdict_of(run())[-1]
    assert last.kind == "next" and "`probe --from 'runs/<one>' --data labels.csv" in last.text


def test_a_solved_contrast_is_no_reason_to_stop() -> None:
    solved = noisy(*[0.2] * 40, *[0.97] * 10)
    (found,) = told(run(accuracy=solved), "contrast is solved at 0.97")
    assert found.weight == "open" and "same_speaker" not in found.text and "may still be learned" in found.text
    assert told(run(accuracy=solved, negatives="any"), "`negatives=same_speaker`")


@pytest.mark.parametrize("accuracy", [[0.99] * 4, [0.2] * 40 + [1.0, 0.85] * 5, [0.5] * 50])
def test_a_contrast_that_may_not_be_solved_is_not_told(accuracy: list[float]) -> None:
    assert not told(run(accuracy=accuracy), "solved")


def test_a_probe_that_rises_falls_or_stays_is_told_since_when() -> None:
    flat = [0.6, 0.65, 0.7, 0.72, 0.73]
    for late, word, weight in (
        (np.linspace(0.74, 0.80, 6), "still rises since epoch 10", "good"),
        (np.linspace(0.74, 0.66, 6), "falls since epoch 10", "bad"),
        (np.full(6, 0.74), "no longer rises since epoch 10", "open"),
    ):
        (found,) = told(run(auroc=noisy(*flat, *late)), word)
        assert found.weight == weight and found.text.startswith("resnet10t: ")


def test_what_was_learned_of_emotions_is_told_against_the_first_look() -> None:
    (better,) = told(run(auroc=noisy(0.6, *[0.7] * 9)), "better than untrained")
    assert "0.70" in better.text and "0.60" in better.text
    assert told(run(auroc=noisy(*[0.7] * 10)), "no gain for emotions is shown")
    assert told(run(auroc=noisy(0.7, *[0.6] * 9)), "worse than untrained")


def test_few_looks_tell_nothing_and_none_say_how_to_have_some() -> None:
    assert not told(run(auroc=[0.5, 0.6, 0.7, 0.8, 0.9]), "probe ", "AUROC")
    assert told(run(), "`monitor=labels.csv`") and not told(run(auroc=[0.5, 0.6]), "`monitor=labels.csv`")


def test_warnings_come_first() -> None:
    first = verdict_of(run(warnings=["embeddings collapsed by step 20"]))[0]
    assert first.line == "warning: resnet10t: embeddings collapsed by step 20" and first.weight == "warning"
