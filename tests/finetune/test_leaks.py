"""A leak planted in the given split is refused, by `probe` and by `finetune`, before anything is trained."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from emoclr.finetune.cli import main as finetune
from emoclr.probe.cli import main as probe

COMMANDS = {"probe": probe, "finetune": finetune}
HEAD = ["path", "anger", "sadness", "speaker", "split"]


@pytest.fixture(scope="module")
def refuse(pretrained: Path, call: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Returns refuse(command, labels) -> what it told, when it ended as work that failed and wrote nothing."""

    def run(command: str, labels: Path) -> str:
        out = tmp_path_factory.mktemp(command) / "out"
        ran = call(COMMANDS[command], ["--from", pretrained / "test_resnet", "--data", labels, "--out", out], out)
        assert ran.code == 1 and not out.exists()
        told: str = ran.told
        return told

    return run


@pytest.fixture
def planted(recordings: Path, tmp_path: Path, write_table: Callable[..., Path]) -> Callable[..., Path]:
    """Returns planted(files, speakers, splits) -> labels.csv of 12 clips, four of each split."""

    def write(files: Sequence[Path], speakers: Sequence[str], splits: Sequence[str]) -> Path:
        rows = [
            [path, clip % 2, clip // 2 % 2, speaker, split]
            for clip, (path, speaker, split) in enumerate(zip(files, speakers, splits, strict=True))
        ]
        return write_table(tmp_path / "labels.csv", HEAD, rows)

    return write


SPEAKERS = [f"s{clip // 2}" for clip in range(12)]
SPLITS = ["train"] * 4 + ["validation"] * 4 + ["test"] * 4


@pytest.mark.parametrize("command", COMMANDS)
def test_a_speaker_in_train_and_in_test(
    command: str, refuse: Callable[..., str], planted: Callable[..., Path], recordings: Path
) -> None:
    files = [recordings / f"{clip:02}.wav" for clip in range(12)]
    told = refuse(command, planted(files, [*SPEAKERS[:-1], "s0"], SPLITS))
    assert "row 13, column 'split': speaker 's0' is in test here, in train in row 2: a leak" in told


@pytest.mark.parametrize(
    ("command", "place", "split"), [("probe", 1, "train"), ("finetune", 1, "train"), ("finetune", 5, "validation")]
)
def test_the_same_sound_under_another_name_and_of_another_speaker(
    command: str,
    place: int,
    split: str,
    refuse: Callable[..., str],
    planted: Callable[..., Path],
    recordings: Path,
    tmp_path: Path,
) -> None:
    files = [recordings / f"{clip:02}.wav" for clip in range(12)]
    copied = Path(shutil.copy(files[place], tmp_path / "another-name.wav"))
    told = refuse(command, planted([*files[:-1], copied], SPEAKERS, SPLITS))
    assert f"the same sound is in {split} and in test: {files[place]} and {copied.name}: a leak" in told
