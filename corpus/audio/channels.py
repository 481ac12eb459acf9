"""How the channels of a recording become one waveform, so that nothing they hold is lost."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from emoclr.corpus.audio.formats.stream import Block

MIN_MEAN_SHARE = 0.5
"""Channels that have nothing in common have a mean with the sum of their energies over the square of their number. With
less than this part of that, they cancel each other out, as those of opposite phase do."""

ALONE_SHARE = 0.9
"""A channel with this part of the energy of all is the only one with something in it."""

INTEGER_PEAK = 16.0
"""Floating-point samples beyond it, 24 dB over full scale, are on the scale of integers."""

INTEGER_SCALES = (2.0**15, 2.0**23, 2.0**31)


ChannelChoice = Literal["auto", "mean", "loudest"] | int
"""Which channels of a recording are heard: `auto` is the mean, unless it loses what they hold, then the loudest one; a
number, from 1 on, is that channel. A recording with a single channel is taken as it is."""


def needs_measuring(choice: ChannelChoice) -> bool:
    """Returns whether what the channels hold decides which of them are heard."""
    return choice in ("auto", "loudest")


@dataclass(frozen=True)
class Channels:
    """What channels hold.

    Attributes:
        energies: float64 `(channels,)`, sums of squares.
        mean_energy: the same of their mean.
        peak: largest absolute sample of all.
    """

    energies: NDArray[np.float64]
    mean_energy: float
    peak: float


@dataclass(frozen=True)
class Mix:
    """How a block of channels becomes mono: their mean, or one of them, by a scale.

    Attributes:
        channel: from 0 on; None for the mean.
        scale: what samples are multiplied by.
        notes: why it is not plainly the mean, in words.
    """

    channel: int | None = None
    scale: float = 1.0
    notes: tuple[str, ...] = ()

    def __call__(self, block: Block) -> NDArray[np.float32]:
        """Returns float32 `(frames,)` of a block `(frames, channels)`."""
        if self.channel is not None:
            mono = block[:, self.channel]
        elif block.shape[1] == 1:
            mono = block[:, 0]
        else:  # along rows NumPy adds 20 times as fast as within them
            mono = np.ascontiguousarray(block.T).mean(axis=0, dtype=np.float32)
        return mono if self.scale == 1.0 else mono * np.float32(self.scale)


def measure_channels(blocks: Iterator[Block], channels: int) -> Channels:
    """Returns what the channels of a recording hold."""
    products, peak = np.zeros((channels, channels)), 0.0
    for block in blocks:
        products += block.T @ block
        peak = max(peak, float(np.abs(block).max()))
    return Channels(products.diagonal(), float(products.sum()) / channels**2, peak)


def choose_mix(found: Channels, choice: ChannelChoice = "auto") -> Mix:
    """Returns how channels become one by a choice.

    By `auto` it is their mean, or the loudest one where the mean would lose what they hold. The mean loses it where
    channels cancel each other out (opposite phase), and where one alone has something in it, which the mean would make
    quieter. Floating point on the scale of integers is brought back to full scale.
    """
    notes: list[str] = []
    scale, channel = 1.0, None
    if found.peak > INTEGER_PEAK:
        whole = next((size for size in INTEGER_SCALES if found.peak <= 1.001 * size), found.peak)
        scale = 1 / whole
        notes.append(f"floating-point samples up to {found.peak:.0f}, taken as integers of full scale {whole:.0f}")
    total, count = float(found.energies.sum()), len(found.energies)
    if isinstance(choice, int):
        channel = choice - 1 if count > 1 else None
    elif choice == "loudest" and count > 1:
        channel = int(found.energies.argmax())
    elif choice == "auto" and count > 1 and total > 0:
        loudest = int(found.energies.argmax())
        cancels = found.mean_energy < MIN_MEAN_SHARE * total / count**2
        alone = found.energies[loudest] > ALONE_SHARE * total
        if cancels or alone:
            channel = loudest
            why = "the channels cancel each other out" if cancels else "the others hold next to nothing"
            notes.append(f"channel {loudest + 1} of {count}: {why}")
    return Mix(channel, scale, tuple(notes))
