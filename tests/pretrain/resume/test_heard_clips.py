"""A run keeps the fingerprints of what its encoders heard, and a release makes those of a run that kept none."""

import shutil

import numpy as np
import pytest

from emoclr.configs.errors import EmoclrError
from emoclr.corpus.audit.clip_fingerprints import clip_fingerprints
from emoclr.pretrain.encoder.checkpoint import load_card
from emoclr.pretrain.encoder.folders import FINGERPRINTS, RUN
from emoclr.pretrain.resume.heard_clips import find_fingerprints, keep_fingerprints, read_fingerprints
from emoclr.pretrain.resume.history import Change
from emoclr.pretrain.resume.run_card import RunCard


class Heard:
    """A source of two clips."""

    def fingerprints(self):
        return np.array([7, 3, 3], dtype=np.uint64)


@pytest.fixture
def card(finished):
    return load_card(finished.out / RUN, RunCard)


def copied(finished, tmp_path):
    """Returns a copy of a backbone's folder without its fingerprints."""
    folder = shutil.copytree(finished.out / "test_resnet", tmp_path / "test_resnet")
    (folder / FINGERPRINTS).unlink()
    return folder


def test_all_clips_of_a_run_are_kept_and_no_others(finished, store):
    expected = np.unique(clip_fingerprints(store, range(len(store))))
    for backbone in ("test_resnet", "test_efficientnet"):
        assert np.array_equal(read_fingerprints(finished.out / backbone), expected)


def test_those_of_a_finished_run_are_made_from_its_recordings(finished, card, tmp_path, capsys):
    folder = copied(finished, tmp_path)
    kept = read_fingerprints(finished.out / "test_resnet")
    assert np.array_equal(np.unique(find_fingerprints(folder, card)), kept)
    assert find_fingerprints(folder, card.model_copy(update={"corpus_fingerprint": "of others"})) is None
    gone = card.settings.model_copy(update={"data": [tmp_path / "gone"]})
    assert find_fingerprints(folder, card.model_copy(update={"settings": gone})) is None
    told = capsys.readouterr().err
    assert "others than they were" in told and "gone" in told


def test_what_an_earlier_encoder_or_earlier_recordings_told_is_heard_too(finished, card, tmp_path):
    earlier = read_fingerprints(finished.out / "test_resnet")
    continued = card.settings.model_copy(update={"start_from": finished.out})
    run = card.model_copy(update={"settings": continued})
    folder = tmp_path / "test_resnet"
    keep_fingerprints(folder, run, Heard())
    together = read_fingerprints(folder)
    assert set(together.tolist()) == {*earlier.tolist(), 3, 7}
    changed = run.model_copy(update={"history": [Change(differences={"corpus_fingerprint": ["a", "b"]})]})
    keep_fingerprints(folder, changed, Heard())
    assert np.array_equal(read_fingerprints(folder), together)
    (folder / FINGERPRINTS).unlink()
    keep_fingerprints(folder, changed, Heard())
    assert read_fingerprints(folder) is None


def test_an_encoder_whose_start_is_not_known_keeps_none(finished, card, tmp_path):
    folder = copied(finished, tmp_path)
    run = card.model_copy(update={"settings": card.settings.model_copy(update={"start_from": folder})})
    keep_fingerprints(tmp_path / "next" / "test_resnet", run, Heard())
    assert read_fingerprints(tmp_path / "next" / "test_resnet") is None


@pytest.mark.parametrize("content", [b"", b"not numpy", b"\x93NUMPY\x01\x00"])
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / FINGERPRINTS).write_bytes(content)
    with pytest.raises(EmoclrError, match=FINGERPRINTS):
        read_fingerprints(tmp_path)
