"""`finetune --stress`: the saved models asked again for changed test clips, with nothing tuned anew."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emoclr.augment.robustness import Condition

AS_RECORDED = Condition("same", "the same", "nothing is done", lambda waveform, seed: waveform)
SOFTER = Condition("softer", "softer", "a hundredth of the level", lambda waveform, seed: waveform / 100)
MODELS = ["ensemble", "test_efficientnet", "test_resnet"]


@pytest.fixture(scope="module")
def content(
    finetuned: Any, pretrained: Path, run: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What report.json says after a finished run went on with --stress, under two conditions."""
    out = tmp_path_factory.mktemp("stress") / "emotions"
    shutil.copytree(finetuned.out, out)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("emoclr.finetune.studies.robustness.CONDITIONS", (AS_RECORDED, SOFTER))
        ran = run(out, "--from", str(pretrained), "epochs=2", "--resume", "--stress")
    assert ran.code == 0, ran.told
    assert ran.told.count("finished before") == 2
    found: dict[str, Any] = json.loads((out / "report" / "report.json").read_text())
    return found


def test_the_ensemble_and_its_members_are_asked(content: dict[str, Any]) -> None:
    assert sorted(content["stress"]["models"]) == MODELS and next(iter(content["stress"]["models"])) == "ensemble"


@pytest.mark.parametrize("model", MODELS)
def test_clips_that_nothing_is_done_to_get_the_answers_of_the_report(content: dict[str, Any], model: str) -> None:
    same = content["stress"]["models"][model]["same"]
    for name, found in content["models"][model].items():
        assert same["metrics"][name]["value"] == pytest.approx(found["value"], abs=1e-5)
        assert same["drop"][name]["value"] == pytest.approx(0, abs=1e-5)
        assert same["drop"][name]["ci95"] == pytest.approx([0, 0], abs=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_a_drop_is_what_changed_answers_cost(content: dict[str, Any], model: str) -> None:
    softer, clean = content["stress"]["models"][model]["softer"], content["models"][model]
    # Loud clips are the angry ones: what makes all of them soft moves every probability.
    assert softer["metrics"]["ece"]["value"] != pytest.approx(clean["ece"]["value"], abs=1e-3)
    for name, found in clean.items():
        lost = found["value"] - softer["metrics"][name]["value"]
        assert softer["drop"][name]["value"] == pytest.approx(lost, abs=2e-6)
