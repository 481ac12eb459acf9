"""Two clips in one: what is heard, what is labelled, and that the same seeds make the same of them."""

import numpy as np
import pytest
import torch
from torch import Tensor

from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.training.mixing import MAX_START, MIN_START, combine_clips, early_energy, join_clips

RATE, SAMPLES, CLIPS = 16_000, 8_000, 6
FADE = 160


@pytest.fixture
def noise() -> Tensor:
    levels = torch.logspace(-2, -0.5, CLIPS)[:, None]
    return torch.from_numpy(np.random.default_rng(0).normal(size=(CLIPS, SAMPLES))).float() * levels


@pytest.fixture
def targets() -> Tensor:
    return torch.from_numpy(np.random.default_rng(1).uniform(size=(CLIPS, 3))).float()


def settings_of(mix: float = 0.0, join: float = 0.0, **of_mix: float) -> FinetuneSettings:
    return FinetuneSettings.model_validate({"mix": {"p": mix, **of_mix}, "join": {"p": join}})


def combine(
    waveforms: Tensor, targets: Tensor, settings: FinetuneSettings, *seeds: int
) -> tuple[Tensor, Tensor, int | None]:
    """Returns both, and the distance at which the partners stand where all got one."""
    combined, heard = combine_clips(waveforms, targets, settings, RATE, seeds or (0, 0))
    fits = [d for d in range(1, CLIPS) if torch.equal(heard, torch.maximum(targets, targets.roll(-d, 0)))]
    return combined, heard, fits[0] if fits else None


def rms(waveforms: Tensor) -> Tensor:
    return waveforms.square().mean(1).sqrt()


def test_unless_asked_for_nothing_happens(noise: Tensor, targets: Tensor) -> None:
    combined, heard, _ = combine(noise, targets, settings_of())
    assert combined is noise and heard is targets


def test_a_mixed_clip_holds_both_and_the_other_is_at_most_so_much_quieter(noise: Tensor, targets: Tensor) -> None:
    combined, _, distance = combine(noise, targets, settings_of(mix=1, max_below_db=6))
    assert distance is not None
    others = noise.roll(-distance, 0)
    added = combined - noise
    assert torch.nn.functional.cosine_similarity(added, others).tolist() == pytest.approx([1] * CLIPS, abs=1e-4)
    below_db = 20 * torch.log10(rms(noise) / rms(added))
    assert ((below_db > -1e-3) & (below_db < 6.001)).all()
    assert below_db.std() > 0.5


def test_with_no_room_both_are_equally_loud(noise: Tensor, targets: Tensor) -> None:
    combined, _, _ = combine(noise, targets, settings_of(mix=1, max_below_db=0))
    assert rms(combined - noise).tolist() == pytest.approx(rms(noise).tolist(), rel=1e-4)


def test_a_joined_clip_is_the_beginning_of_one_and_then_of_the_other(noise: Tensor, targets: Tensor) -> None:
    combined, _, distance = combine(noise, targets, settings_of(join=1))
    assert distance is not None
    others = noise.roll(-distance, 0)
    begins = []
    for clip in range(CLIPS):
        start = next(
            s for s in range(SAMPLES) if torch.equal(combined[clip, s:], others[clip, FADE : SAMPLES - s + FADE])
        )
        assert torch.equal(combined[clip, : start - FADE], noise[clip, : start - FADE])
        begins.append(start / SAMPLES)
    assert min(begins) >= MIN_START and max(begins) <= MAX_START and len(set(begins)) == CLIPS


def test_the_targets_of_two_clips_are_the_union(noise: Tensor, targets: Tensor) -> None:
    for settings in (settings_of(mix=1), settings_of(join=1)):
        assert combine(noise, targets, settings)[2] is not None
    single = torch.eye(CLIPS)
    heard = combine(noise, single, settings_of(join=1))[1]
    assert set(heard.sum(1).tolist()) == {2.0} and (heard.diagonal() == 1).all()


def test_a_clip_that_is_left_alone_keeps_wave_and_targets(noise: Tensor, targets: Tensor) -> None:
    touched = 0
    for step in range(100):
        combined, heard, _ = combine(noise, targets, settings_of(mix=0.2, join=0.3), 0, step)
        same = (combined == noise).all(1)
        assert torch.equal(heard[same], targets[same])
        touched += int((~same).sum())
    assert touched / (100 * CLIPS) == pytest.approx(0.5, abs=0.07)


def test_no_clip_is_both_mixed_and_joined(noise: Tensor, targets: Tensor) -> None:
    """Where a clip is joined its beginning is untouched; where it is mixed all of it is another."""
    for step in range(20):
        combined, _, _ = combine(noise, targets, settings_of(mix=0.5, join=0.5), 0, step)
        same = (combined == noise).float().mean(1)
        assert ((same < 0.01) | (same > MIN_START - FADE / SAMPLES - 0.01)).all()


def test_the_same_seeds_combine_the_same_and_others_something_else(noise: Tensor, targets: Tensor) -> None:
    settings = settings_of(mix=0.5, join=0.5)
    first, again, other = (combine(noise, targets, settings, 3, step)[0] for step in (5, 5, 6))
    assert torch.equal(first, again) and not torch.equal(first, other)


@pytest.mark.parametrize("settings", [settings_of(mix=1), settings_of(join=1)])
def test_silence_brings_no_label(noise: Tensor, targets: Tensor, settings: FinetuneSettings) -> None:
    noise[2] = 0
    for step in range(5):
        combined, heard, _ = combine(noise, targets, settings, 0, step)
        alone = (combined == noise).all(1).nonzero()[:, 0].tolist()
        assert len(alone) == 2 and 2 in alone  # the silent clip, and the one whose partner it is
        assert torch.equal(heard[alone], targets[alone])


def test_a_clip_that_begins_too_late_to_be_heard_is_not_joined(noise: Tensor, targets: Tensor) -> None:
    late = noise.clone()
    late[:, : round(0.72 * SAMPLES)] = 0
    combined, heard, _ = combine(late, targets, settings_of(join=1))
    assert torch.equal(combined, late) and torch.equal(heard, targets)


def test_a_batch_of_one_has_no_partners(noise: Tensor, targets: Tensor) -> None:
    combined, _ = combine_clips(noise[:1], targets[:1], settings_of(mix=1), RATE, (0,))
    assert torch.equal(combined, noise[:1])


def test_energy_is_kept_through_the_seam() -> None:
    first, second = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 2_000, 400))).float()
    joined = join_clips(first, second, torch.full((2_000,), 250), fade=100)
    assert joined.square().mean(0).tolist() == pytest.approx([1.0] * 400, abs=0.2)
    assert joined.square().mean().item() == pytest.approx(1.0, abs=0.01)


def test_early_energy_is_a_share() -> None:
    waveforms = torch.tensor([[3.0, 4.0, 0.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    assert early_energy(waveforms, torch.tensor([1, 2, 3])).tolist() == pytest.approx([9 / 25, 0, 1])
