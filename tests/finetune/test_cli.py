"""`finetune` as a user types it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emoclr.finetune.cli import main


def test_it_ends_with_a_table_of_results_and_where_things_are(finetuned: Any) -> None:
    for told in ("macro AUROC", "ensemble", "head alone, test_resnet", "chance"):
        assert told in finetuned.told
    assert f"ensemble: {finetuned.out / 'ensemble.yaml'}" in finetuned.told
    assert f"report: {finetuned.out / 'report/report.html'}" in finetuned.told


def test_progress_is_told(finetuned: Any) -> None:
    assert "test_resnet: head alone, validation macro AUROC" in finetuned.told
    assert "test_resnet: epoch 2, validation macro AUROC" in finetuned.told
    assert "test_resnet: step 6 of 6" in finetuned.told


def test_an_ensemble_is_not_overwritten(run: Callable[..., Any], finetuned: Any, pretrained: Path) -> None:
    before = (finetuned.out / "ensemble.yaml").read_bytes()
    again = run(finetuned.out, "--from", str(pretrained))
    assert again.code == 2
    assert f"{finetuned.out}: already holds an ensemble; give another --out" in again.told
    assert (finetuned.out / "ensemble.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ([], 2, "nothing to start from"),
        (["epoch=3"], 2, "perhaps 'epochs'?"),
        (["epochs=0"], 2, "epochs"),
        (["folds=1"], 2, "folds"),
        (["ensemble=median"], 2, "ensemble"),
        (["backbones=[test_resnet,test_resnet]"], 2, "test_resnet"),
        (["augment.transforms=[{name: Gain, min_gain: 3}]", "backbones=[test_resnet]"], 2, "perhaps 'min_gain_db'?"),
        (["backbones=[resnet_of_dreams]"], 2, "timm has no such model"),
        (["--config", "finetun.yaml"], 2, "perhaps 'finetune.yaml'?"),
        (["--from", "nowhere"], 2, "nowhere: no such folder"),
        (["--data", "nowhere.csv", "backbones=[test_resnet]"], 2, "nowhere.csv: no such file"),
        (["--test", "nowhere.csv", "backbones=[test_resnet]"], 2, "nowhere.csv: no such file"),
        (["emotions=[joy]", "backbones=[test_resnet]"], 1, "joy"),
        (["folds=7", "backbones=[test_resnet]"], 1, "6 speakers"),
    ],
)
def test_what_is_wrong_is_told(run: Callable[..., Any], tmp_path: Path, words: list[str], code: int, told: str) -> None:
    ran = run(tmp_path / "out", *words[2:], data=words[1]) if words[:1] == ["--data"] else run(tmp_path / "out", *words)
    assert (ran.code, told in ran.told) == (code, True), ran.told
    assert "Traceback" not in ran.told and "head alone" not in ran.told
    assert not (tmp_path / "out/ensemble.yaml").exists()


@pytest.mark.parametrize("words", [["--data", "labels.csv"], ["--out", "x"]])
def test_a_command_line_that_does_not_parse_is_two(words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2


def test_unsafe_augmentations_that_are_wanted_are_warned_of(run: Callable[..., Any], tmp_path: Path) -> None:
    unsafe = "augment={transforms: [{name: PitchShift}], allow_unsafe: true}"
    assert "unsafe augmentation: PitchShift" in run(tmp_path / "out", unsafe).told


def test_nothing_heavy_is_imported_for_the_command_line() -> None:
    heavy = "{'numpy', 'pandas', 'torch', 'sklearn', 'rich', 'timm', 'pytorch_lightning', 'pydantic'}"
    code = f"import sys, emoclr.finetune, emoclr.finetune.cli; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
