"""One label a clip: unweighted average recall and accuracy wherever something is scored."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emoclr.finetune.pseudo_labels import confidence_levels as confidence

EACH, SPLITS = 4, ("train", "train", "validation", "validation", "test", "test")


@pytest.fixture(scope="module")
def sections(
    recordings: Path,
    run: Callable[..., Any],
    pretrained: Path,
    write_noise: Callable[..., Path],
    write_table: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """A run that trains with half of the labels, hears unlabeled clips, and is scored on another corpus."""
    folder = tmp_path_factory.mktemp("single")
    head = ["path", "loud", "low", "speaker"]
    rows = [[recordings / f"{clip:02}.wav", clip % 2, 1 - clip % 2, f"s{clip // EACH}"] for clip in range(24)]
    labels = write_table(
        folder / "single.csv", [*head, "split"], [[*row, SPLITS[clip // EACH]] for clip, row in enumerate(rows)]
    )
    new = [write_noise(folder / f"new/{clip}.wav", 0.6, bool(clip % 2), False, seed=400 + clip) for clip in range(16)]
    other = write_table(
        folder / "other.csv",
        head,
        [[path, clip % 2, 1 - clip % 2, f"o{clip // 4}"] for clip, path in enumerate(new[8:])],
    )
    words = ["--from", str(pretrained / "test_resnet"), "--fractions", "0.5", "fraction_seeds=1", "freeze=backbone"]
    words += ["--unlabeled", str(folder / "new"), "--test", str(other), "confidence=0.6"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(confidence, "MIN_CLIPS", 1)
        ran = run(folder / "out", *words, data=labels)
    assert ran.code == 0, ran.told
    found: dict[str, Any] = json.loads((folder / "out/report/report.json").read_text())
    return found


def test_recall_and_accuracy_are_everywhere(sections: dict[str, Any]) -> None:
    assert {"uar", "wa"} <= set(sections["metrics"])
    assert {"uar", "wa"} <= set(sections["unlabeled"]["differences"])
    for points in sections["efficiency"]["models"].values():
        assert all({"uar", "wa"} <= set(point["metrics"]) for point in points)
    for part in ("metrics", "own_metrics", "differences"):
        assert {"uar", "wa"} <= set(sections["across"][part])


def test_a_clip_is_accepted_for_one_emotion(sections: dict[str, Any]) -> None:
    found = sections["unlabeled"]
    assert (found["clips"], found["dropped_as_labelled"]) == (8, 8)  # the other corpus is scored: nothing hears it
    assert sum(emotion["accepted"] for emotion in found["emotions"].values()) == found["accepted"] > 0
