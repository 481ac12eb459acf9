"""Which clips make up each batch, decided by seed and epoch alone."""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from emoclr.corpus.clips.speaker_groups import shuffled_groups


class Order(Protocol):
    """Which keys of a dataset, (epoch, clip) each, make up each batch of one rank."""

    @property
    def batch_size(self) -> int:
        """Clips of a batch."""

    @property
    def ranks(self) -> int:
        """How many processes train together."""

    @property
    def batches_per_epoch(self) -> int:
        """How many whole batches an epoch has on each rank."""

    def keys_from(self, step: int, steps: int) -> Iterator[list[Any]]:
        """Yields the keys of each batch from step `step` up to `steps`."""


class BatchOrder:
    """Which clips make up each batch of each epoch.

    Every clip comes at most once an epoch; the clips that fill no whole batch wait for the next epoch's order. With
    `per_speaker` above 1, that many clips of one speaker stand together wherever the speaker has as many left, so that
    a batch's hard negatives share the voice and differ in what it expresses; with `sentences`, clips that say the same
    words come first among them.

    Args:
        speakers: (clips,) int codes, negative where unknown.
        batch_size: clips a batch on each rank.
        per_speaker: clips of one speaker that stand together; 1 for a plain shuffle.
        seed: of the order.
        rank: this process, of `ranks`; each takes its own part of every global batch.
        ranks: how many processes train together.
        clips: (clips,) the number of each clip, where these are only some of a corpus.
        sentences: (clips,) int codes of what is said, negative where unknown.
    """

    def __init__(
        self,
        speakers: NDArray[np.int64],
        batch_size: int,
        per_speaker: int,
        seed: int,
        rank: int = 0,
        ranks: int = 1,
        clips: NDArray[np.int64] | None = None,
        sentences: NDArray[np.int64] | None = None,
    ) -> None:
        self.clips = np.arange(len(speakers)) if clips is None else clips
        self.speakers = speakers
        self.sentences = sentences
        self.batch_size = batch_size
        self.per_speaker = per_speaker
        self.seed = seed
        self.rank = rank
        self.ranks = ranks

    @property
    def batches_per_epoch(self) -> int:
        """How many whole batches an epoch has."""
        return len(self.speakers) // (self.batch_size * self.ranks)

    def epoch(self, epoch: int) -> NDArray[np.int64]:
        """Returns this rank's batches of an epoch, (batches, batch_size) clip numbers."""
        rng = np.random.default_rng((self.seed, epoch))
        order = shuffled_groups(self.speakers, self.per_speaker, rng, self.sentences)
        whole = self.batches_per_epoch * self.batch_size * self.ranks
        batches = order[:whole].reshape(-1, self.ranks, self.batch_size)
        return self.clips[batches[:, self.rank]]

    def keys_from(self, step: int, steps: int) -> Iterator[list[tuple[int, int]]]:
        """Yields the (epoch, clip) keys of each batch from step `step` up to `steps`."""
        while step < steps:
            epoch, offset = divmod(step, self.batches_per_epoch)
            for batch in self.epoch(epoch)[offset : offset + steps - step]:
                yield [(epoch, int(clip)) for clip in batch]
                step += 1
