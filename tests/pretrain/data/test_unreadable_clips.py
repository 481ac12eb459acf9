import pytest

from emoclr.pretrain.data.unreadable_clips import SET_ASIDE
from emoclr.pretrain.encoder.checkpoint import load_encoder


@pytest.fixture
def recordings(write_clips, tmp_path):
    write_clips(tmp_path / "recordings", [0.6] * 24)
    return tmp_path / "recordings"


@pytest.fixture
def uncached(run, recordings, tmp_path):
    """Returns uncached(*more): six steps over recordings for which the cache has no room."""
    words = [f"data={recordings}", f"cache={tmp_path / 'cache'}", "cache_gb=0", "save_every_steps=1"]
    return lambda *more: run(tmp_path / "run", *words, *more)


def test_a_run_goes_on_without_the_clips_it_loses_and_names_them(uncached, at_step, recordings):
    with at_step(1, (recordings / "07.wav").unlink):
        ran = uncached("max_lost=0.05")
    assert ran.code == 0
    assert "24 of 24 clips will be decoded each time" in ran.told
    assert ran.told.count(f"unreadable: {recordings / '07.wav'}: no such file") == 1
    lines = (ran.out / SET_ASIDE).read_text().splitlines()
    assert lines == [f"{recordings / '07.wav'}: unreadable in training: no such file"]
    assert load_encoder(ran.out / "test_resnet")[1].finished


def test_a_run_that_loses_too_many_stops_and_keeps_its_last_checkpoint(uncached, at_step, recordings):
    with at_step(1, (recordings / "07.wav").unlink):
        ran = uncached()
    assert ran.code == 1
    assert "1 clips of epoch" in ran.told and "max_lost" in ran.told and "--resume" in ran.told
    assert str(recordings / "07.wav") in (ran.out / SET_ASIDE).read_text()
    assert 1 <= load_encoder(ran.out / "test_resnet")[1].step < 6
