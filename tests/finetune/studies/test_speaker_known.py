"""What `predict --speaker` is worth: the shift of a voice's logits, against numpy and without labels."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from scipy.special import expit, logit

from emoclr.corpus.decoded.waveforms import WaveformStore
from emoclr.finetune.data.labeled_clips import Task
from emoclr.finetune.model.checkpoint import ModelCard
from emoclr.finetune.studies.speaker_known import with_speaker
from emoclr.finetune.training.member import Member

CLIPS, EMOTIONS = 40, 3
TEMPERATURES = np.array([0.5, 1.0, 3.0])
MEANS = np.array([-2.0, 0.5, 1.0])


@pytest.fixture
def task() -> Task:
    """Clips of 1 to 6 s in windows of 2 s, 1 s apart; the last of them is silent."""
    generator = np.random.default_rng(0)
    samples = generator.integers(16_000, 96_000, CLIPS)
    silent = np.zeros(CLIPS, dtype=bool)
    silent[-1] = True
    store = cast(WaveformStore, SimpleNamespace(samples=samples, silent=silent))
    targets = generator.random((CLIPS, EMOTIONS)).astype(np.float32)
    none = np.zeros(0, dtype=np.int64)
    return Task(store, ["a", "b", "c"], targets, none, none, np.arange(10, CLIPS))


@pytest.fixture
def member(task: Task) -> Member:
    logits = np.random.default_rng(1).normal(0, 3, (len(task.test), EMOTIONS))
    card = ModelCard.model_construct(
        emotions=task.emotions, temperatures=TEMPERATURES, mean_logits=MEANS.tolist(), window_s=2.0, hop_s=1.0
    )
    none = np.zeros(0)
    return Member(Path(), card, none, expit(logits / TEMPERATURES), expit(logits), none, none, none, none)


SPEAKERS = ["anna"] * 25 + ["ben"] * 13 + ["cem", "anna"]


def test_the_mean_of_a_voice_comes_towards_that_of_others_and_nothing_else_changes(task: Task, member: Member) -> None:
    found = with_speaker(member, task, SPEAKERS)
    before, after = logit(member.uncalibrated), logit(found.uncalibrated)
    for voice in ("anna", "ben", "cem"):
        rows = [row for row in task.test if SPEAKERS[row] == voice]
        own, weights = [], []
        for row in rows:
            if not task.store.silent[row]:
                seconds = task.store.samples[row] / 16_000
                own.append(before[row - 10])
                weights.append(1 + int(np.ceil(max(0.0, seconds - 2.0))))
        total = sum(weights)
        centre = (np.average(own, axis=0, weights=weights) * total + 10 * MEANS) / (total + 10)
        shift = MEANS - centre if total >= 10 else np.zeros(EMOTIONS)
        assert (total < 10) == (voice == "cem")
        for row in rows:
            assert after[row - 10] - before[row - 10] == pytest.approx(shift, abs=1e-6)
    assert found.test == pytest.approx(expit(after / TEMPERATURES))
    assert found.validation is member.validation


def test_labels_change_nothing(task: Task, member: Member) -> None:
    other = replace(task, targets=np.random.default_rng(2).permutation(task.targets))
    assert np.array_equal(with_speaker(member, task, SPEAKERS).test, with_speaker(member, other, SPEAKERS).test)
