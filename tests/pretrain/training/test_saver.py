import errno
import pickle
import resource
import signal

import pytest
import torch

from emoclr.configs.errors import EmoclrError
from emoclr.pretrain.encoder.checkpoint import load_encoder
from emoclr.pretrain.encoder.folders import CheckpointError
from emoclr.pretrain.training.saver import RESUME, AtomicCheckpointIO, writing_into

CHECKPOINT = {"weights": torch.arange(20_000.0), "step": 3}


@pytest.mark.parametrize(("named", "place"), [(None, "run"), ("run/events", "run/events")])
def test_an_error_of_the_system_names_the_file_or_else_the_folder(tmp_path, named, place):
    (tmp_path / "run").mkdir()
    given = (errno.EFBIG, "File too large", *([str(tmp_path / named)] if named else []))
    with pytest.raises(EmoclrError) as caught, writing_into(tmp_path / "run"):
        raise OSError(*given)
    first, _, second = str(caught.value).partition("; ")
    assert first == f"{tmp_path / place}: cannot be written: File too large"
    assert second.startswith("the checkpoint saved before it is untouched")


def test_a_resume_file_is_replaced_whole_and_reads_the_same(tmp_path):
    path = tmp_path / RESUME
    path.write_text("old")
    AtomicCheckpointIO().save_checkpoint(CHECKPOINT, path)
    loaded = AtomicCheckpointIO().load_checkpoint(path)
    assert torch.equal(loaded["weights"], CHECKPOINT["weights"]) and loaded["step"] == 3
    assert [path.name for path in tmp_path.iterdir()] == [RESUME]


def test_a_full_disk_leaves_the_old_resume_file_and_says_so(tmp_path):
    path = tmp_path / RESUME
    AtomicCheckpointIO().save_checkpoint({"step": 1}, path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(EmoclrError, match=rf"{RESUME}: cannot be written: File too large"):
            AtomicCheckpointIO().save_checkpoint(CHECKPOINT, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert AtomicCheckpointIO().load_checkpoint(path) == {"step": 1}
    assert [path.name for path in tmp_path.iterdir()] == [RESUME]


def test_a_flipped_bit_anywhere_in_a_resume_file_is_told(tmp_path):
    path = tmp_path / RESUME
    AtomicCheckpointIO().save_checkpoint({"weights": torch.arange(200.0), "step": 3}, path)
    whole = path.read_bytes()
    assert torch.load(path, weights_only=True)["step"] == 3
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        with pytest.raises(CheckpointError, match=r"was truncated or changed.*put it back, or remove it"):
            AtomicCheckpointIO().load_checkpoint(path)


def test_a_resume_file_of_an_earlier_version_without_a_seal_is_read(tmp_path):
    torch.save(CHECKPOINT, tmp_path / RESUME)
    assert AtomicCheckpointIO().load_checkpoint(tmp_path / RESUME)["step"] == 3


class Burglar:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("content", ["truncated", "empty", "foreign", "pickle", "torch file with code"])
def test_a_resume_file_that_is_none_is_named_and_nothing_in_it_is_run(tmp_path, content):
    path = tmp_path / RESUME
    AtomicCheckpointIO().save_checkpoint(CHECKPOINT, path)
    if content == "torch file with code":
        torch.save({"weights": Burglar(tmp_path / "stolen")}, path)
    else:
        whole = path.read_bytes()
        path.write_bytes(
            {
                "truncated": whole[:-100],
                "empty": b"",
                "foreign": b"something else",
                "pickle": pickle.dumps(Burglar(tmp_path / "stolen")),
            }[content]
        )
    with pytest.raises(CheckpointError, match=rf"{RESUME}: is not the resume file .*--resume starts .* anew"):
        AtomicCheckpointIO().load_checkpoint(path, weights_only=False)
    assert not (tmp_path / "stolen").exists()


def handlers():
    return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (lambda: signal.raise_signal(signal.SIGINT), 130),
        (lambda: [signal.raise_signal(signal.SIGINT) for _ in range(2)], 130),
        (lambda: torch.zeros(2) @ torch.zeros(3), RuntimeError),
    ],
    ids=["stopped", "stopped twice", "failed"],
)
def test_signals_are_given_back_however_a_run_ends(run, at_step, tmp_path, act, code):
    before = handlers()
    with at_step(1, act):
        if isinstance(code, int):
            assert run(tmp_path / "run").code == code
        else:
            with pytest.raises(code):
                run(tmp_path / "run")
    assert handlers() == before


def test_a_second_signal_does_not_wait_for_the_save(run, at_step, tmp_path):
    with at_step(1, lambda: [signal.raise_signal(number) for number in (signal.SIGTERM, signal.SIGINT)]):
        ran = run(tmp_path / "run")
    assert ran.code == 130
    assert "SIGTERM: saving after this step (again to stop at once)" in ran.told
    assert ran.told.endswith("interrupted\n")
    assert not (tmp_path / "run" / "test_resnet" / RESUME).exists()


def test_weights_that_are_not_finite_are_not_saved(run, tmp_path):
    options = ("learning_rate=1e30", "save_every_steps=1", "log_every_steps=100", "warmup=0")
    ran = run(tmp_path / "run", *options)
    assert ran.code == 1
    assert ran.told.endswith("start anew in another --out with a lower learning_rate or precision=fp32\n")
    folder = ran.out / "test_resnet"
    saved = [*(load_encoder(folder)[0].state_dict().values() if (folder / RESUME).exists() else [])]
    assert all(torch.isfinite(tensor).all() for tensor in saved)


def test_a_save_that_fails_says_that_the_one_before_is_good(run, tmp_path, monkeypatch):
    def full(self, checkpoint, path, storage_options=None):
        raise EmoclrError(f"{path}: cannot be written: No space left on device")

    monkeypatch.setattr(AtomicCheckpointIO, "save_checkpoint", full)
    ran = run(tmp_path / "run", "epochs=1")
    assert ran.code == 1
    assert "No space left on device" in ran.told and "go on with --resume" in ran.told
