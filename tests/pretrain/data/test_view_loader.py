import multiprocessing
import os
import random
import select
import signal
import subprocess
import sys
import time
from itertools import chain

import numpy as np
import pytest
import torch

from emoclr.augment.settings import AugmentSettings
from emoclr.augment.views import ViewMaker
from emoclr.configs.errors import EmoclrError
from emoclr.corpus.clips.clip_table import Clip
from emoclr.corpus.decoded.waveforms import open_waveforms
from emoclr.pretrain.data.batch_order import BatchOrder
from emoclr.pretrain.data.clip_readers import StoredClips
from emoclr.pretrain.data.unreadable_clips import UnreadableClips
from emoclr.pretrain.data.view_loader import ViewLoader, _start_worker
from emoclr.pretrain.data.views import ViewDataset


@pytest.fixture
def make_loader(store):
    augment = AugmentSettings.model_validate(
        {
            "nearby_s": 0.2,
            "transforms": [{"name": "Gain"}, {"name": "AddColorNoise"}, {"name": "RoomResponse"}, {"name": "Shift"}],
        }
    )

    def make(workers, steps=7):
        maker = ViewMaker(augment, 8_000, 16_000, seed=5)
        return ViewLoader(
            ViewDataset(StoredClips(store), maker), BatchOrder(store.speakers, 8, 2, seed=5), steps, workers
        )

    return make


def contents(loader):
    return [(b.waveforms.numpy().tobytes(), b.masks.numpy().tobytes(), b.clips.tolist()) for b in loader]


def test_a_batch_holds_two_views_of_each_clip(make_loader, store):
    batch = next(iter(make_loader(0)))
    assert batch.waveforms.shape == (8, 2, 8_000) and batch.waveforms.dtype == torch.float32
    assert batch.masks.shape == (8, 2, 3, 2)
    assert batch.clips.shape == (8,)
    # 24 clips in batches of 8: two views of the same clip are more alike than views of others are.
    assert all(not torch.equal(first, second) for first, second in batch.waveforms)


def test_a_batch_is_its_clips_one_by_one_and_leaves_the_global_generators_as_they_were(make_loader):
    dataset = make_loader(0).dataset
    keys = [(epoch, clip) for epoch in (0, 1) for clip in (3, 1, 2)]
    one_by_one = contents([dataset[key] for key in keys])
    random.seed(1)
    np.random.seed(1)
    python, numpy = random.getstate(), np.random.get_state()
    assert contents(dataset.__getitems__(keys)) == one_by_one
    assert random.getstate() == python and np.random.get_state()[2:] == numpy[2:]
    np.testing.assert_array_equal(np.random.get_state()[1], numpy[1])


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_the_number_of_data_processes_changes_nothing(make_loader):
    alone = contents(make_loader(0))
    assert len(alone) == 7
    assert contents(make_loader(1)) == alone
    assert contents(make_loader(3)) == alone


@pytest.mark.parametrize("workers", [0, 1])
def test_a_loader_goes_on_where_its_state_says(make_loader, workers):
    whole, half = make_loader(0), make_loader(workers)
    batches = iter(half)
    for _ in range(4):
        next(batches)
    assert half.state_dict() == {"consumed": 4}
    rest = make_loader(workers)
    rest.load_state_dict(half.state_dict())
    assert contents(rest) == contents(whole)[4:]
    assert len(rest) == len(whole) == 7


def test_a_view_of_another_epoch_is_another(store, make_loader):
    dataset = make_loader(0).dataset
    assert not np.array_equal(dataset[0, 3][0], dataset[1, 3][0])
    np.testing.assert_array_equal(dataset[0, 3][0], dataset[0, 3][0])
    assert dataset[0, 3][2] == 3


@pytest.fixture
def on_the_fly(write_clips, tmp_path):
    """Eight recordings for which the cache has no room, as clips of four speakers."""
    write_clips(tmp_path, [0.8] * 8)
    clips = [Clip(tmp_path / f"{clip:02}.wav", speaker=str(clip // 2)) for clip in range(8)]
    return open_waveforms(clips, tmp_path / "cache", workers=1, cache_gb=0)


def lossy_loader(store, workers=0, steps=4, max_lost=1.0, rank=0, ranks=1):
    maker = ViewMaker(AugmentSettings.model_validate({"transforms": [{"name": "Gain"}]}), 8_000, 16_000, seed=5)
    order = BatchOrder(store.speakers, 4, 1, 5, rank, ranks)
    return ViewLoader(ViewDataset(StoredClips(store), maker), order, steps, workers, UnreadableClips(max_lost))


@pytest.mark.parametrize("workers", [0, 2])
def test_an_unreadable_clip_is_left_out_counted_and_named_once(on_the_fly, workers, capsys):
    whole = list(lossy_loader(on_the_fly))
    on_the_fly.path(3).unlink()
    on_the_fly.path(6).write_bytes(b"no recording")
    loader = lossy_loader(on_the_fly, workers)
    batches = list(loader)
    for batch, before in zip(batches, whole, strict=True):
        good = [place for place, clip in enumerate(before.clips.tolist()) if clip not in (3, 6)]
        assert len(good) < 4 or not {3, 6} & set(batch.clips.tolist())
        for found, expected in zip(batch, before, strict=True):
            torch.testing.assert_close(found, expected[good], rtol=0, atol=0)
    assert sum(len(batch.clips) for batch in batches) == 2 * 6
    paths = [str(on_the_fly.path(clip)) for clip in (3, 6)]
    assert loader.unreadable.reasons == {paths[0]: "no such file", paths[1]: "changed since the corpus was opened"}
    told = capsys.readouterr().err
    assert all(told.count(f"unreadable: {path}: ") == 1 for path in paths)


def test_among_several_ranks_another_clip_takes_the_place_of_an_unreadable_one(on_the_fly):
    whole = [list(lossy_loader(on_the_fly, rank=rank, ranks=2)) for rank in range(2)]
    on_the_fly.path(3).unlink()
    found = [list(lossy_loader(on_the_fly, rank=rank, ranks=2)) for rank in range(2)]
    replaced = 0
    for batch, before in zip(chain(*found), chain(*whole), strict=True):
        assert batch.waveforms.shape == before.waveforms.shape and 3 not in batch.clips
        for place, clip in enumerate(before.clips.tolist()):
            if clip == 3:
                replaced += 1
                place = before.clips.tolist().index(batch.clips[place])
            torch.testing.assert_close(batch.waveforms[place], before.waveforms[place], rtol=0, atol=0)
    assert replaced == 4  # once in each of the four epochs


def test_a_run_with_too_many_unreadable_clips_of_an_epoch_ends(on_the_fly):
    on_the_fly.path(3).unlink()
    assert len(list(lossy_loader(on_the_fly, steps=8, max_lost=0.13))) == 8
    on_the_fly.path(6).unlink()
    with pytest.raises(EmoclrError, match=r"2 clips of epoch 0 are unreadable, more than the share of 0\.13"):
        list(lossy_loader(on_the_fly, max_lost=0.13))


def test_a_batch_of_which_nothing_is_left_ends_the_run(on_the_fly):
    for clip in range(8):
        on_the_fly.path(clip).unlink()
    with pytest.raises(EmoclrError, match="no clip of a batch of 4"):
        list(lossy_loader(on_the_fly))


def test_a_data_process_ends_with_the_process_that_it_works_for():
    fork = multiprocessing.get_context("fork")
    reading, writing = os.pipe()

    def work():
        _start_worker(0)
        os.write(writing, b"!")
        time.sleep(120)

    def killed():
        worker = fork.Process(target=work, daemon=True)
        worker.start()
        time.sleep(0.5)
        os._exit(0)

    parent = fork.Process(target=killed)
    parent.start()
    os.close(writing)
    parent.join()
    assert os.read(reading, 1) == b"!"
    assert select.select([reading], [], [], 30)[0] and os.read(reading, 1) == b""
    os.close(reading)


def test_a_training_process_ends_though_a_data_process_hangs():
    script = """
import time
from torch.utils.data import DataLoader
from emoclr.pretrain.data.view_loader import _start_worker
class Hanging(list):
    def __getitem__(self, item):
        return time.sleep(3_600) if item else item
next(iter(DataLoader(Hanging(range(8)), num_workers=1, worker_init_fn=_start_worker)))
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=60, check=False).returncode == 0


def test_a_data_process_outlives_the_sigterm_that_asks_its_run_to_stop():
    reading, writing = os.pipe()

    def work():
        _start_worker(0)
        os.write(writing, b"!")
        for _ in range(2):
            time.sleep(60)

    worker = multiprocessing.get_context("fork").Process(target=work, daemon=True)
    worker.start()
    assert os.read(reading, 1) == b"!"
    worker.terminate()
    worker.join(0.5)
    assert worker.is_alive()
    worker.terminate()
    worker.join(30)
    assert worker.exitcode == -signal.SIGTERM
