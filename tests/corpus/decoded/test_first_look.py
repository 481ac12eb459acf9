"""What is wrong with a whole table is said before PyTorch is imported."""

import subprocess
import sys
from pathlib import Path

import pytest

from emoclr.corpus.decoded.first_look import check_clips, check_labels
from emoclr.corpus.decoded.waveforms import NoReadableClips
from emoclr.corpus.labels.tables.text_table import LabelsError

ROWS = ["path,joy,speaker", "a.wav,1,anna", "b.wav,0,ben"]


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "labels.csv"
    path.write_text("\n".join(ROWS))
    return path


def test_a_table_none_of_whose_recordings_is_there_is_refused(labels: Path) -> None:
    with pytest.raises(NoReadableClips, match=r"none of 2 clips can be read(.|\n)*the nearest folder is"):
        check_labels(labels)
    with pytest.raises(NoReadableClips, match="none of 2 clips can be read"):
        check_clips([labels])
    (labels.parent / "b.wav").touch()
    check_labels(labels)
    check_clips([labels])


def test_names_of_columns_and_emotions_are_looked_at_and_other_sources(labels: Path) -> None:
    (labels.parent / "a.wav").touch()
    other = labels.parent / "other/labels.csv"
    other.parent.mkdir()
    other.write_text("\n".join(ROWS))
    with pytest.raises(NoReadableClips, match=r"other/a\.wav"):
        check_labels(other)
    with pytest.raises(LabelsError, match="'fear'"):
        check_labels(labels, emotions=["fear"])
    with pytest.raises(LabelsError, match="'voice'"):
        check_labels(labels, columns={"speaker": "voice"})
    check_labels(labels, columns={"speaker": "voice"}, lenient=True)
    check_labels(None)
    # Of several sources one may be gone, and a folder is for others to look through.
    check_clips([other, labels])
    check_clips([other, labels.parent])


REFUSED = """
import sys
from emoclr.finetune.cli import main as finetune
from emoclr.pretrain.cli import main as pretrain
from emoclr.probe.cli import main as probe
_, labels, out = sys.argv
source = ["--from", "emoclr-small", "--data", labels]
codes = [
    pretrain(["--data", labels, "--out", out]),
    pretrain(["--data", ".", "--out", out, "monitor=" + labels]),
    probe([*source, "--out", out]),
    probe(["pick", *source, "--n", "1", "--out", out + ".csv"]),
    finetune([*source, "--out", out]),
]
print(codes, "torch" in sys.modules)
"""


def test_no_command_imports_torch_for_a_table_without_recordings(labels: Path, tmp_path: Path) -> None:
    (tmp_path / "recording.wav").touch()
    command = [sys.executable, "-c", REFUSED, str(labels), str(tmp_path / "out")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == "[1, 1, 1, 1, 1] False\n", done.stderr
    assert done.stderr.count("none of 2 clips can be read") == 5
