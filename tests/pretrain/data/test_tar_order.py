import io
import json
import multiprocessing
import os
from collections import Counter
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch
import torch.distributed as dist

from emoclr.augment.settings import AugmentSettings
from emoclr.augment.views import ViewMaker
from emoclr.configs.errors import EmoclrError
from emoclr.corpus.audio.decoder import decode_waveform
from emoclr.corpus.clips.sources import clips_from
from emoclr.corpus.decoded.waveforms import open_waveforms
from emoclr.corpus.parallel.engines import LocalEngine
from emoclr.corpus.parallel.side_process import SideProcess
from emoclr.corpus.tars.shards import write_shards
from emoclr.corpus.tars.tar import write_tar
from emoclr.corpus.tars.tar_corpus import open_tars
from emoclr.pretrain.data.clip_readers import TarClips
from emoclr.pretrain.data.tar_order import TarOrder
from emoclr.pretrain.data.unreadable_clips import UnreadableClips
from emoclr.pretrain.data.view_loader import ViewLoader
from emoclr.pretrain.data.views import ViewDataset

CLIPS = 23
AUGMENT = {"nearby_s": 0.2, "transforms": [{"name": "Gain"}, {"name": "AddGaussianSNR"}]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Tars of 9, 1, 7 and 6 clips; each clip is 0.5 s of a level of its own, of one of five speakers."""
    folder = tmp_path_factory.mktemp("tars")
    rng = np.random.default_rng(0)
    clip = 0
    for tar, count in enumerate((9, 1, 7, 6)):
        members = []
        for number in range(clip, clip + count):
            noise = (rng.standard_normal(8_000) * 3_000).astype(np.int16)
            members.append((f"{number}.json", json.dumps({"speaker": f"s{number % 5}"}).encode()))
            members.append((f"{number}.wav", wav(noise)))
        write_tar(folder / f"c-{tar}.tar", members)
        clip += count
    return folder


def wav(samples):
    content = io.BytesIO()
    sf.write(content, samples, 16_000, format="WAV")
    return content.getvalue()


def opened(folder, **order):
    corpus = open_tars([f"{folder}/c-{{0..3}}.tar"], None, folder / "cache")
    settings = {"batch_size": 4, "per_speaker": 1, "seed": 7, "rank": 0, "ranks": 1, "buffer": 8}
    return TarOrder(corpus, **(settings | order))


def loader_of(folder, workers=0, steps=7, max_lost=0.0, **order):
    maker = ViewMaker(AugmentSettings.model_validate(AUGMENT), 4_000, 16_000, seed=7)
    return ViewLoader(
        ViewDataset(TarClips(), maker), opened(folder, **order), steps, workers, UnreadableClips(max_lost)
    )


def keys_of(order, steps, step=0):
    return [[(epoch, sample.key) for epoch, sample in batch] for batch in order.keys_from(step, steps)]


def contents(loader):
    return [(b.waveforms.numpy().tobytes(), b.masks.numpy().tobytes(), b.clips.tolist()) for b in loader]


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("buffer", [1, 8, 1000])
def test_ranks_share_an_epoch_in_step_and_without_overlap(folder, ranks, buffer):
    orders = [opened(folder, rank=rank, ranks=ranks, buffer=buffer) for rank in range(ranks)]
    batches = CLIPS // (4 * ranks)
    assert {order.batches_per_epoch for order in orders} == {batches}
    for epoch in range(2):
        parts = [keys_of(order, (epoch + 1) * batches, epoch * batches) for order in orders]
        assert [len(part) for part in parts] == [batches] * ranks
        keys = [key for part in parts for batch in part for key in batch]
        assert len(set(keys)) == len(keys) == batches * 4 * ranks
        assert {each for each, _ in keys} == {epoch}


def test_the_order_follows_from_the_seed_and_differs_between_epochs(folder):
    first = keys_of(opened(folder), 10)
    assert keys_of(opened(folder), 10) == first
    assert keys_of(opened(folder, seed=8), 10) != first
    one, two = ([key for batch in first[place : place + 5] for _, key in batch] for place in (0, 5))
    assert one != two
    # Those that filled no whole batch are others in another epoch.
    assert set(one) != set(two)


@pytest.mark.parametrize("step", range(12))
def test_the_order_continues_from_any_step(folder, step):
    assert keys_of(opened(folder), 12, step) == keys_of(opened(folder), 12)[step:]


def test_clips_of_a_speaker_stand_together_as_far_as_the_buffer_has_them(folder):
    (batch, *_) = opened(folder, batch_size=23, per_speaker=4, buffer=23).keys_from(0, 1)
    runs = [(speaker, len(list(run))) for speaker, run in groupby(sample.speaker for _, sample in batch)]
    whole = Counter(speaker for speaker, length in runs for _ in range(length // 4))
    assert whole == {f"s{number}": 1 for number in range(5)}


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_the_number_of_data_processes_changes_nothing(folder):
    alone = contents(loader_of(folder))
    assert len(alone) == 7
    assert contents(loader_of(folder, workers=2)) == alone


@pytest.mark.parametrize("workers", [0, 1])
def test_a_loader_goes_on_where_its_state_says(folder, workers):
    whole, half = loader_of(folder), loader_of(folder, workers=workers)
    batches = iter(half)
    for _ in range(3):
        next(batches)
    rest = loader_of(folder, workers=workers)
    rest.load_state_dict(half.state_dict())
    assert contents(rest) == contents(whole)[3:]


def test_views_of_a_clip_are_those_it_gets_from_a_decoded_corpus(corpus, tmp_path):
    """Where the draws start from the same number, a tar and the store beside it give the same views."""
    tars = write_shards([corpus], tmp_path, LocalEngine(), "flac", 1)
    maker = ViewMaker(AugmentSettings.model_validate(AUGMENT), 4_000, 16_000, seed=7)
    store = open_waveforms(clips_from([corpus], ["train"]), tmp_path / "store")
    row_of = {store.path(row).name: row for row in range(len(store))}
    corpus_of_tars = open_tars(list(map(str, tars)), ["train"], tmp_path)
    dataset = ViewDataset(TarClips(), maker)
    samples = list(corpus_of_tars.stretch(np.arange(1), 0, 24))
    for sample, views in zip(samples, dataset.__getitems__([(0, sample) for sample in samples]), strict=True):
        row = row_of[sample.key.partition("-")[0] + ".wav"]
        length = int(store.samples[row])
        for view in range(2):
            crop = store.crop(row, maker.crop_start(length, 0, sample.number, view), maker.crop_samples)
            expected = maker.make(crop, 0, sample.number, view)
            np.testing.assert_array_equal(views.waveforms[view], expected.waveform)
            np.testing.assert_array_equal(views.masks[view], expected.masks)


@pytest.fixture
def damaged(folder, tmp_path):
    """The tars after they were counted: clip 12 became no recording, and the tar of clips 17 to 22 breaks off at 19."""
    for path in folder.glob("*.tar"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    content = bytearray((tmp_path / "c-2.tar").read_bytes())
    place = content.index(b"RIFF", content.index(b"12.wav"))
    content[place : place + 4] = b"XXXX"
    (tmp_path / "c-2.tar").write_bytes(content)
    last = (tmp_path / "c-3.tar").read_bytes()
    (tmp_path / "c-3.tar").write_bytes(last[: last.index(b"19.wav") + 1_000])
    corpus = opened(folder).corpus
    return replace(corpus, urls=[url.replace(str(folder), str(tmp_path)) for url in corpus.urls])


@pytest.mark.parametrize("workers", [0, 1])
def test_unreadable_clips_are_counted_and_named_and_ranks_stay_in_step(folder, damaged, capsys, workers):
    loaders = [loader_of(folder, workers, steps=8, max_lost=1.0, rank=rank, ranks=2) for rank in range(2)]
    for loader in loaders:
        loader.order.corpus = damaged
    batches = [list(loader) for loader in loaders]
    assert [len(part) for part in batches] == [8, 8]
    for epoch in range(4):
        clips = torch.cat([batch.clips for part in batches for batch in part[2 * epoch : 2 * epoch + 2]])
        known = set(clips.tolist())
        assert len(clips) == 16 and min(known) >= 0
        # Clip 12 and those from 19 to 22 are unreadable; 7 of the 23 wait for another epoch.
        assert 11 <= len(known) <= 16
    unreadable = {name: reason for loader in loaders for name, reason in loader.unreadable.reasons.items()}
    # Of clip 19 its JSON is whole, and of the three after it nothing is.
    assert sorted(unreadable.values()) == [
        "cannot be decoded",
        "no recording in it, only json",
        *["unexpected end of data"] * 3,
    ]
    told = capsys.readouterr().err
    for name, reason in unreadable.items():
        assert told.count(f"unreadable: {name}: {reason}\n") >= 1
    assert any(name.endswith("c-2.tar: 12.wav") for name in unreadable)


def test_a_run_ends_where_too_many_clips_are_unreadable(folder, damaged):
    loader = loader_of(folder, steps=5, max_lost=0.04)
    loader.order.corpus = damaged
    with pytest.raises(
        EmoclrError, match=r"clips of epoch 0 are unreadable, more than the share of 0\.04 that max_lost"
    ):
        list(loader)


def see_two_epochs(folder, rank):
    """Writes the clips of each batch that two ranks see together."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    corpus = open_tars([f"{folder}/c-{{0..3}}.tar"], None, folder / "cache")
    order = TarOrder(corpus, 4, 2, 7, dist.get_rank(), dist.get_world_size(), 8)
    maker = ViewMaker(AugmentSettings(), 4_000, 16_000, seed=7)
    seen = []
    loader = ViewLoader(ViewDataset(TarClips(), maker), order, 2 * order.batches_per_epoch, 1, UnreadableClips(0.0))
    for batch in loader:
        of_all = [torch.zeros_like(batch.clips) for _ in range(2)]
        dist.all_gather(of_all, batch.clips)  # fails where the ranks are out of step
        seen.append(torch.cat(of_all).tolist())
    (folder / f"seen-{rank}.json").write_text(json.dumps(seen))


def test_two_processes_see_every_clip_once_an_epoch_where_they_fill_whole_global_batches(folder, tmp_path):
    """Of 24 clips in uneven tars, each of two ranks with batches of four sees twelve; 24 are three global batches."""
    for path in folder.glob("*.tar"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    write_tar(tmp_path / "c-1.tar", [(f"{name}.wav", wav(np.full(8_000, 50, np.int16))) for name in ("a", "b")])
    clips = {sample.number for sample in opened(tmp_path).corpus.stretch(np.arange(4), 0, 24)}
    assert len(clips) == 24
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=see_two_epochs, args=(tmp_path, rank)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
    assert [process.exitcode for process in processes] == [0, 0]
    first, second = (json.loads((tmp_path / f"seen-{rank}.json").read_text()) for rank in range(2))
    assert first == second and len(first) == 6
    for epoch in (first[:3], first[3:]):
        assert sorted(clip for batch in epoch for clip in batch) == sorted(clips)
    assert first[:3] != first[3:]


def test_with_one_rank_an_unreadable_clip_is_left_out_as_from_a_decoded_corpus(folder, damaged):
    whole = list(loader_of(folder, steps=5))
    loader = loader_of(folder, steps=5, max_lost=1.0)
    loader.order.corpus = damaged
    batches = list(loader)
    assert sum(len(batch.clips) for batch in batches) == 20 - loader.unreadable.count(0)
    for batch, before in zip(batches, whole, strict=True):
        places = [before.clips.tolist().index(clip) for clip in batch.clips.tolist()]
        assert places == sorted(set(places))
        for found, expected in zip(batch, before, strict=True):
            torch.testing.assert_close(found, expected[places], rtol=0, atol=0)


def decode_or_die(task):
    if task[1].name.endswith(": 7.wav"):
        os._exit(3)
    return decode_waveform(*task)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_clip_that_kills_its_decoder_is_left_out_and_the_run_goes_on(folder, workers, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[3])
    loader = loader_of(folder, workers, steps=5, max_lost=0.2)
    loader.dataset.reader._decoder._process = SideProcess(decode_or_die)
    plain = contents(loader_of(folder, 0, steps=5))
    batches = contents(loader)
    assert [Path(name).name for name in loader.unreadable.reasons] == ["c-0.tar: 7.wav"]
    assert len(batches) == len(plain) and sum(len(one[2]) for one in batches) == sum(len(one[2]) for one in plain) - 1
