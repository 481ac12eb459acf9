"""Which clips of sharded tars make up each batch: read in one pass, shuffled in a buffer, shared among the ranks."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from emoclr.corpus.clips.speaker_groups import shuffled_groups
from emoclr.corpus.tars.tar import TarSample
from emoclr.corpus.tars.tar_corpus import TarCorpus

Key = tuple[int, TarSample]


class TarOrder:
    """Which clips make up each batch of each epoch of a corpus in tars.

    An epoch puts the tars in an order of its own; each rank reads an equal stretch of their clips, so that all have as
    many batches however uneven the tars are. Within a stretch, as many clips as the buffer holds are shuffled together,
    in groups of one speaker where `per_speaker` asks for that. The clips that fill no whole batch wait for another
    epoch, in which others are the last.

    Args:
        corpus: the tars.
        batch_size: clips a batch on each rank.
        per_speaker: clips of one speaker that stand together where the buffer has as many; 1 for a plain shuffle.
        seed: of the order.
        rank: this process, of `ranks`.
        ranks: how many processes train together.
        buffer: clips in memory that are shuffled together, rounded down to whole batches, at least one.
    """

    def __init__(
        self, corpus: TarCorpus, batch_size: int, per_speaker: int, seed: int, rank: int, ranks: int, buffer: int
    ) -> None:
        self.corpus = corpus
        self.batch_size = batch_size
        self.per_speaker = per_speaker
        self.seed = seed
        self.rank = rank
        self.ranks = ranks
        self.batches_at_once = max(1, buffer // batch_size)

    @property
    def batches_per_epoch(self) -> int:
        """How many whole batches an epoch has on each rank."""
        return int(self.corpus.counts.sum()) // (self.batch_size * self.ranks)

    def keys_from(self, step: int, steps: int) -> Iterator[list[Key]]:
        """Yields the (epoch, sample) keys of each batch from step `step` up to `steps`.

        While the batches of one buffer are handed out, the next buffer is read. Beginning in the middle costs the
        reading of one tar up to there.
        """
        places = self._places(step, steps)
        with ThreadPoolExecutor(1) as reader:
            ahead = deque(reader.submit(self._read, *place) for place in islice(places, 1))
            while ahead:
                batches = ahead.popleft().result()
                ahead.extend(reader.submit(self._read, *place) for place in islice(places, 1))
                yield from batches

    def _places(self, step: int, steps: int) -> Iterator[tuple[int, int, int, int]]:
        """Yields epoch, buffer, and the first and last of its batches that are wanted."""
        while step < steps:
            epoch, batch = divmod(step, self.batches_per_epoch)
            buffer, first = divmod(batch, self.batches_at_once)
            held = min(self.batches_at_once, self.batches_per_epoch - buffer * self.batches_at_once)
            end = min(held, first + steps - step)
            yield epoch, buffer, first, end
            step += end - first

    def _read(self, epoch: int, buffer: int, first: int, end: int) -> list[list[Key]]:
        order = np.random.default_rng((self.seed, epoch)).permutation(len(self.corpus.urls))
        begin = (self.rank * self.batches_per_epoch + buffer * self.batches_at_once) * self.batch_size
        held = min(self.batches_at_once, self.batches_per_epoch - buffer * self.batches_at_once)
        samples = list(self.corpus.stretch(order, begin, begin + held * self.batch_size))
        rng = np.random.default_rng((self.seed, epoch, self.rank, buffer))
        shuffled = shuffled_groups(_speakers(samples), self.per_speaker, rng).reshape(held, self.batch_size)
        return [[(epoch, samples[row]) for row in batch] for batch in shuffled[first:end]]


def _speakers(samples: Sequence[TarSample]) -> NDArray[np.int64]:
    """Returns a number for each sample's speaker, int64 `(samples,)`, -1 where unknown."""
    codes: dict[str | None, int] = {None: -1}
    return np.array([codes.setdefault(sample.speaker, len(codes)) for sample in samples], dtype=np.int64)
