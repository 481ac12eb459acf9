import numpy as np
import pytest
import torch

from emoclr.augment.background import batch_backgrounds, draw_backgrounds, mix_backgrounds
from emoclr.augment.settings import AugmentSettings, BackgroundSettings
from emoclr.configs.errors import ConfigError
from emoclr.configs.settings import validate

ALWAYS = BackgroundSettings(p=1, min_snr_db=3, max_snr_db=9)


@pytest.fixture
def waveforms():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(6, 4_000, generator=generator) * torch.linspace(0.01, 0.3, 6)[:, None]


@pytest.mark.parametrize("snr_db", [-3.0, 0.0, 12.0])
def test_the_background_is_another_clip_at_the_ratio_asked_for(waveforms, snr_db):
    mixed = mix_backgrounds(waveforms, 2, torch.full((6,), snr_db))
    for clip in range(6):
        sound, added = waveforms[clip].double(), (mixed - waveforms)[clip].double()
        assert 20 * torch.log10(sound.norm() / added.norm()).item() == pytest.approx(snr_db, abs=0.01)
        other = waveforms[(clip + 2) % 6].double()
        assert (added @ other / added.norm() / other.norm()).item() == pytest.approx(1, abs=1e-4)


def test_silence_makes_no_background_and_gets_none(waveforms):
    waveforms[3] = 0
    mixed = mix_backgrounds(waveforms, 1, torch.zeros(6))
    torch.testing.assert_close(mixed[2], waveforms[2])
    torch.testing.assert_close(mixed[3], waveforms[3])
    assert torch.isfinite(mixed).all()


def test_where_the_ratio_is_infinite_nothing_is_added(waveforms):
    snr_db = torch.tensor([np.inf, 0, np.inf, 0, np.inf, 0])
    changed = (mix_backgrounds(waveforms, 1, snr_db) != waveforms).any(dim=1)
    assert changed.tolist() == [False, True] * 3


def test_as_many_views_get_one_as_asked_for_within_the_range():
    settings = BackgroundSettings(p=0.3, min_snr_db=3, max_snr_db=9)
    rng = np.random.default_rng(0)
    drawn = [draw_backgrounds(settings, 1_000, rng) for _ in range(5)]
    ratios = np.concatenate([snr_db for _, snr_db in drawn])
    finite = ratios[np.isfinite(ratios)]
    assert len(finite) / len(ratios) == pytest.approx(0.3, abs=0.03)
    assert 3 <= finite.min() < 3.1 and 8.9 < finite.max() <= 9
    assert all(1 <= distance < 1_000 for distance, _ in drawn)


def test_views_of_a_clip_get_different_backgrounds_and_the_seeds_decide_which(waveforms):
    twins = torch.stack([waveforms, waveforms], dim=1)
    once, again, other = (batch_backgrounds(twins, ALWAYS, seeds) for seeds in ((1, 2), (1, 2), (1, 3)))
    assert torch.equal(once, again) and not torch.equal(once, other)
    assert (once[:, 0] != once[:, 1]).any(dim=1).all()


def test_none_asked_for_none_given(waveforms):
    twins = torch.stack([waveforms, waveforms], dim=1)
    assert batch_backgrounds(twins, BackgroundSettings(), (0,)) is twins
    alone = twins[:1]
    assert torch.equal(batch_backgrounds(alone, ALWAYS, (0,)), alone)


def test_a_range_upside_down_is_refused():
    with pytest.raises(ConfigError, match="min_snr_db 9"):
        validate(AugmentSettings, {"background": {"min_snr_db": 9, "max_snr_db": 3}}, "mine.yaml")
