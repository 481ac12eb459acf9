import numpy as np
import pytest

from emoclr.corpus.clips.clip_table import Clip, ClipTable
from emoclr.pretrain.data.joint_labels import labels_of


@pytest.fixture
def labelled(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("path,joy,anger,split\na.wav,1,0,train\nb.wav,0.2,0.8,train\nc.wav,0,1,validation\n")
    return path


def test_only_the_labels_of_training_clips_are_used(labelled, tmp_path, capsys):
    clips = ClipTable.of(Clip(tmp_path / f"{name}.wav") for name in "cbxa")
    labels = labels_of(clips, labelled)
    np.testing.assert_allclose(labels[[1, 3]], [[0.2, 0.8], [1, 0]])
    assert labels[[0, 2]].isnan().all()
    assert "2 of 4 clips carry labels" in capsys.readouterr().err


def test_labels_of_other_recordings_are_refused(run, labelled, tmp_path):
    ran = run(tmp_path / "run", f"supervised={labelled}")
    assert ran.code == 2 and "none of its 2 training clips is among the recordings" in ran.told
