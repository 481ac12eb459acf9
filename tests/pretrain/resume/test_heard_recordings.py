"""Which recordings a run was trained on is read from its card, and is unknown where that does not tell."""

import numpy as np
import pytest

from emoclr.configs.files import write_yaml
from emoclr.pretrain.encoder.encoder import Normalisation
from emoclr.pretrain.encoder.folders import RUN
from emoclr.pretrain.resume.heard_recordings import heard_recordings
from emoclr.pretrain.resume.run_card import RunCard
from emoclr.pretrain.settings import PretrainSettings


@pytest.fixture
def run(tmp_path):
    """Returns run(name, data=[...], **settings) -> the folder of a backbone in a run with that card."""

    def write(name, **settings):
        made = PretrainSettings.model_validate({"out": name, "backbones": ["resnet18"], **settings})
        corpus = {"corpus_fingerprint": "ab", "clips": 3, "hours": 1.0, "set_aside": 0}
        card = RunCard(settings=made, normalisation=Normalisation(), **corpus)
        folder = tmp_path / name / "resnet18"
        folder.mkdir(parents=True)
        write_yaml(folder.parent / RUN, card.model_dump(mode="json"))
        return folder

    return write


@pytest.fixture
def clips(tmp_path):
    """A table of six clips in three folds and two splits, and their paths."""
    table = tmp_path / "clips.csv"
    splits = ["train", "test", "train", "test", "train", "validation"]
    rows = [f"in/{clip}.wav,s{clip},{clip % 3},{splits[clip]}" for clip in range(6)]
    table.write_text("\n".join(["path,speaker,fold,split", *rows]))
    return table, [tmp_path / "in" / f"{clip}.wav" for clip in range(6)]


def test_rows_of_other_splits_and_of_the_fold_left_out_were_not_heard(run, clips):
    table, paths = clips
    assert list(heard_recordings(run("all", data=[table], splits=None), paths)) == [True] * 6
    assert list(np.flatnonzero(heard_recordings(run("train", data=[table]), paths))) == [0, 2, 4, 5]
    folder = run("fold", data=[table], splits=None, without_fold="1")
    assert list(np.flatnonzero(heard_recordings(folder, paths))) == [0, 2, 3, 5]


def test_recordings_in_a_folder_were_heard_and_their_paths_may_be_written_otherwise(run, clips, tmp_path):
    _, paths = clips
    (tmp_path / "in").mkdir()
    folder = run("folder", data=[tmp_path / "in"])
    asked = [tmp_path / "else" / ".." / "in" / "0.wav", tmp_path / "in2" / "0.wav", paths[0]]
    assert list(heard_recordings(folder, asked)) == [True, False, True]


def test_the_run_that_another_starts_from_was_heard_too(run, clips, tmp_path):
    table, paths = clips
    (tmp_path / "other").mkdir()
    first = run("first", data=[table], splits=["validation"])
    second = run("second", data=[tmp_path / "other"], start_from=first)
    assert list(np.flatnonzero(heard_recordings(second, paths))) == [5]
    assert not heard_recordings(run("itself", data=[tmp_path / "other"], start_from=tmp_path / "itself"), paths).any()


def test_what_is_gone_or_in_tars_is_not_known(run, clips, tmp_path):
    _, paths = clips
    assert heard_recordings(tmp_path / "nowhere" / "resnet18", paths) is None
    assert heard_recordings(run("gone", data=[tmp_path / "gone.csv"]), paths) is None
    assert heard_recordings(run("tars", data=[str(tmp_path / "a.tar")]), paths) is None
