"""Recordings that hold two emotions, made in the waveforms of a batch: two clips at once, or one after the other."""

import math

import numpy as np
import torch
from torch import Tensor

from emoclr.augment.background import mix_backgrounds
from emoclr.finetune.settings import FinetuneSettings

MIN_START, MAX_START = 0.3, 0.7
"""Where the second clip begins, as shares of the window."""
FADE_S = 0.01
HEARD = 0.1
"""The share of its energy that a clip must keep to be heard before or after another."""


def combine_clips(
    waveforms: Tensor, targets: Tensor, settings: FinetuneSettings, sample_rate: int, seeds: tuple[int, ...]
) -> tuple[Tensor, Tensor]:
    """Returns a batch in which some clips are mixed or joined with another one, and the targets of what is heard.

    Whatever is heard in either clip is heard in both together, so the targets are their elementwise maximum. A pair
    of which one would not be heard stays apart.

    Args:
        waveforms: (B, samples).
        targets: (B, emotions).
        settings: `mix` and `join`.
        sample_rate: Hz.
        seeds: of who gets a partner, at which distance in the batch all partners stand, levels and times.
    """
    mix, join = settings.mix, settings.join
    clips, samples = waveforms.shape
    if not settings.combines or clips < 2:
        return waveforms, targets
    rng = np.random.default_rng(seeds)
    distance = int(rng.integers(1, clips))
    draws = (rng.random(clips), rng.uniform(0, mix.max_below_db, clips), rng.uniform(MIN_START, MAX_START, clips))
    chance, below_db, start = (torch.from_numpy(draw).float().to(waveforms.device) for draw in draws)
    starts = (start * samples).long()
    others = waveforms.roll(-distance, 0)

    sounds = waveforms.abs().amax(dim=1) > 0
    mixes = (chance >= join.p) & (chance < join.p + mix.p) & sounds & sounds.roll(-distance)
    joins = (chance < join.p) & (early_energy(waveforms, starts) >= HEARD)
    joins &= early_energy(others, samples - starts) >= HEARD

    mixed = mix_backgrounds(waveforms, distance, below_db.where(mixes, torch.inf))
    joined = join_clips(waveforms, others, starts, round(FADE_S * sample_rate))
    union = torch.maximum(targets, targets.roll(-distance, 0))
    return joined.where(joins[:, None], mixed), union.where((joins | mixes)[:, None], targets)


def join_clips(first: Tensor, second: Tensor, starts: Tensor, fade: int) -> Tensor:
    """Returns the beginnings of two batches of clips (B, samples), one after the other.

    They cross-fade at equal power: clips that have nothing to do with each other keep their energy.

    Args:
        first: heard up to the start of the second.
        second: heard from its own beginning on.
        starts: (B,) where the second begins, in samples, at least `fade`.
        fade: samples in which both are heard, before `starts`.
    """
    since = torch.arange(first.shape[1], device=first.device) - (starts[:, None] - fade)  # (B, samples)
    taken = ((since + 0.5) / max(fade, 1)).clamp(0, 1)
    out, into = ((math.pi / 2 * share).sin() for share in (1 - taken, taken))
    return first * out + second.gather(1, since.clamp(min=0)) * into


def early_energy(waveforms: Tensor, samples: Tensor) -> Tensor:
    """Returns what share of the energy of each waveform (B, n) lies in its first `samples` (B,); 0 of silence."""
    power = waveforms.square()
    early = torch.arange(waveforms.shape[1], device=waveforms.device) < samples[:, None]
    return (power * early).sum(dim=1) / power.sum(dim=1).clamp(min=torch.finfo(power.dtype).tiny)
