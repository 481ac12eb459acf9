"""From sharded tars to batches of views: read in one pass, shuffled in a buffer, shared out among the ranks."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from emoclr.augment.views import ViewMaker
from emoclr.configs.errors import EmoclrError
from emoclr.corpus.audio.decoder import AudioError, decode_waveform
from emoclr.corpus.clips.speaker_groups import shuffled_groups
from emoclr.corpus.tars.tar import TarSample
from emoclr.corpus.tars.tar_corpus import TarCorpus
from emoclr.pretrain.data.batches import VIEWS, ViewBatch, ViewLoader
from emoclr.pretrain.data.unreadable_clips import UnreadableClips

LOST = -1
"""In the place of the number of a clip that could not be read."""

Key = tuple[int, TarSample]


class StreamOrder:
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


class StreamDataset(Dataset[ViewBatch]):
    """The views of a batch's clips, decoded from memory.

    A clip that cannot be decoded gives its place to the next one of the batch that can, under the number `LOST`: all
    ranks stay in step, and the loader counts it.
    """

    def __init__(self, maker: ViewMaker, views: int = VIEWS) -> None:
        self.maker = maker
        self.views = views

    def __getitems__(self, keys: list[Key]) -> list[ViewBatch]:
        """Returns the views of each clip: a `ViewBatch` each, without its first axis."""
        made = [self._views(epoch, sample) for epoch, sample in keys]
        good = [place for place, views in enumerate(made) if views is not None]
        if not good:
            raise EmoclrError(f"no clip of a batch of {len(keys)} can be read; the first: {keys[0][1].name}")
        filled = []
        for place, views in enumerate(made):
            if views is None:
                views = made[next((other for other in good if other > place), good[0])]
                assert views is not None
                views = views._replace(clips=torch.tensor(LOST))
            filled.append(views)
        return filled

    def _views(self, epoch: int, sample: TarSample) -> ViewBatch | None:
        try:
            waveform = decode_waveform(sample.audio, Path(sample.name))
        except AudioError:
            return None
        views = []
        for view in range(self.views):
            start = self.maker.crop_start(len(waveform), epoch, sample.number, view)
            crop = waveform[start : start + self.maker.crop_samples]
            views.append(self.maker.make(crop, epoch, sample.number, view))
        waveforms, masks = (torch.from_numpy(np.stack(parts)) for parts in zip(*views, strict=True))
        return ViewBatch(waveforms, masks, torch.tensor(sample.number))


class StreamLoader(ViewLoader):
    """All batches of a run over tars; names the clips that are lost on the way, once each.

    Args:
        order: of the clips.
        maker: of the views.
        steps: batches of the whole run.
        workers: processes that decode and make views; this one only reads.
        max_lost: the share of an epoch's clips that may be lost before the run ends.
        lost: why clips that were named already are lost, by name; completed here.
    """

    def __init__(
        self,
        order: StreamOrder,
        maker: ViewMaker,
        steps: int,
        workers: int,
        max_lost: float,
        lost: dict[str, str] | None = None,
    ) -> None:
        super().__init__(StreamDataset(maker), order, steps, workers, UnreadableClips(max_lost, lost))
        self.stream = order
        self.lost = self.lost_clips.reasons

    def batches(self) -> Iterator[ViewBatch]:
        """Yields the batches that are left; see `ViewLoader`."""
        named = _Named(self.stream)
        self.order = named
        per_epoch = self.stream.batches_per_epoch * self.stream.batch_size
        for batch in super().batches():
            names = named.handed_out.popleft()
            for place in (batch.clips == LOST).nonzero()[:, 0].tolist():
                epoch, name, problem = names[place]
                self.lost_clips.add(epoch, name, problem or "cannot be decoded")
                if self.stream.ranks == 1:
                    self.lost_clips.check(epoch, self.lost_clips.count(epoch), per_epoch)
            yield batch


class _Named:
    """An order that remembers what it handed out, without the audio, until the batch comes back."""

    def __init__(self, order: StreamOrder) -> None:
        self._order = order
        self.handed_out: deque[list[tuple[int, str, str]]] = deque()

    def keys_from(self, step: int, steps: int) -> Iterator[list[Key]]:
        for keys in self._order.keys_from(step, steps):
            self.handed_out.append([(epoch, sample.name, sample.problem) for epoch, sample in keys])
            yield keys


def _speakers(samples: Sequence[TarSample]) -> NDArray[np.int64]:
    """Returns a number for each sample's speaker, int64 `(samples,)`, -1 where unknown."""
    codes: dict[str | None, int] = {None: -1}
    return np.array([codes.setdefault(sample.speaker, len(codes)) for sample in samples], dtype=np.int64)
