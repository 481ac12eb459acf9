"""The speaker probe learns voices from some words and is asked about others."""

from collections.abc import Callable

import numpy as np
import pytest

from emoclr.corpus.labels.division import speaker_task
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.evaluate.speaker_probe import speaker_probe, voice_hits

MakeTable = Callable[..., LabelTable]


def one_hot(n: int) -> np.ndarray:
    return np.eye(3)[np.arange(n) % 3]


def test_sentences_are_on_one_side_only(make_table: MakeTable) -> None:
    speakers = [f"s{clip % 5}" for clip in range(120)]
    sentences = [f"w{clip // 10}" for clip in range(120)]
    task = speaker_task(make_table(one_hot(120), speakers, sentence=sentences), seed=0)
    assert task is not None
    said = np.array(sentences)
    assert not set(said[task.fit_rows]) & set(said[task.test_rows])
    assert len(task.fit_rows) + len(task.test_rows) == 120 and len(task.names) == 5


def test_without_sentences_each_speaker_has_half_of_the_recordings_on_either_side(make_table: MakeTable) -> None:
    task = speaker_task(make_table(one_hot(40), [f"s{clip % 4}" for clip in range(40)]), seed=0)
    assert task is not None
    assert np.bincount(task.voices[task.fit_rows]).tolist() == [5, 5, 5, 5]
    assert not set(task.fit_rows) & set(task.test_rows)


def test_speakers_of_one_recording_are_not_asked_for(make_table: MakeTable) -> None:
    speakers = ["a"] * 10 + ["b"] * 10 + ["c"]
    task = speaker_task(make_table(one_hot(21), speakers), seed=0)
    assert task is not None and task.names == ["a", "b"]


def test_unknown_or_single_speakers_have_no_probe(make_table: MakeTable) -> None:
    assert speaker_task(make_table(one_hot(20), None), seed=0) is None
    assert speaker_task(make_table(one_hot(20), ["a"] * 20), seed=0) is None


def test_voices_in_the_features_are_found_and_noise_is_chance(make_table: MakeTable) -> None:
    generator = np.random.default_rng(0)
    speakers = np.arange(400) % 8
    task = speaker_task(make_table(one_hot(400), [f"s{speaker}" for speaker in speakers]), seed=0)
    assert task is not None
    voiced = np.eye(8)[speakers] + generator.normal(size=(400, 8)) * 0.1
    asked = {"voiced": voiced, "noise": generator.normal(size=(400, 8))}
    hits = {name: voice_hits(features, task, seed=0) for name, features in asked.items()}
    found = speaker_probe(hits, task, "And so on.", 50, seed=0)
    (_, of_voiced), (_, of_noise) = found.rows
    assert [name for name, _ in found.rows] == ["voiced", "noise"] and found.speakers == 8
    assert of_voiced.value == hits["voiced"].mean() > 0.95
    assert abs(of_noise.value - 1 / 8) < 0.1 and of_noise.low <= of_noise.value <= of_noise.high
    assert found.protocol.endswith("Chance is 0.125. And so on.")


@pytest.mark.parametrize("sentences", [True, False])
def test_halves_are_drawn_by_the_seed(make_table: MakeTable, sentences: bool) -> None:
    # In alphabetical order, the recordings of one session would be learned from and those of another asked for.
    groups = {"sentence": [f"w{clip // 10:02d}" for clip in range(120)]} if sentences else {}
    table = make_table(one_hot(120), [f"s{clip % 5}" for clip in range(120)], **groups)
    halves = []
    for seed in range(8):
        task, again = speaker_task(table, seed), speaker_task(table, seed)
        assert task is not None and again is not None
        assert task.fit_rows.tolist() == again.fit_rows.tolist()
        halves.append(frozenset(task.fit_rows.tolist()))
    assert len(set(halves)) >= 7  # of 924 halves of twelve sentences, two seeds may draw the same
