"""The windows of all recordings, kept on disk until all are heard, and what is made of them then."""

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emoclr.evaluate.metrics.arrays import Array
from emoclr.finetune.model.checkpoint import EnsembleCard
from emoclr.finetune.model.emotion_model import Ensemble
from emoclr.predict.stream.rows import Over, Row, RowKind, RowMaker, Spoken, Window, all_spoken, item_of_line, rows_of
from emoclr.predict.stream.segments import Interval, Segment

if TYPE_CHECKING:
    from emoclr.predict.stream.voices import Voices


@dataclass(frozen=True)
class HeardRecording:
    """A recording that could be read, once it is over.

    Attributes:
        number: its position among all recordings.
        channel: the one that was heard, where each is heard alone.
        spoken: how long it is, and how long somebody speaks there in which emotion.
        moments_s: when its windows begin and end, s, (moments,).
        probabilities: (moments, emotions), from each on the mean of the windows around in which somebody speaks, or 0.
        voiced: from when to when somebody speaks, s.
        segments: by their start.
    """

    number: int
    channel: int | None
    spoken: Spoken
    moments_s: Array
    probabilities: Array
    voiced: list[Interval]
    segments: list[Segment]


class KeptWindows:
    """What is made of the lines of `item_lines` of all recordings.

    Args:
        lines: gives the lines, from the first on, each time it is called.
        ensemble: from `load_ensemble`.
        card: its card.
        paths: the recordings.
        voices: who speaks, where recordings are heard against those of their speaker.
        silent: recordings that say nothing of a voice.
        channels: which one of each recording is heard, where it is one alone.

    Attributes:
        spoken: in all recordings, after `rows` or `recordings`.
        count: how many rows, or segments, these gave.
    """

    def __init__(
        self,
        lines: Callable[[], Iterable[bytes]],
        ensemble: Ensemble,
        card: EnsembleCard,
        paths: Sequence[Path],
        voices: "Voices | None",
        silent: Collection[Path],
        channels: Sequence[int] | None = None,
    ) -> None:
        self._lines, self._voices, self._silent = lines, voices, silent
        self._ensemble, self._card, self._paths, self._channels = ensemble, card, paths, channels
        self._begin()

    def _begin(self) -> None:
        self.spoken, self.count = all_spoken([], len(self._card.emotions)), 0

    def rows(self, kind: RowKind) -> Iterator[list[Row]]:
        """Yields the rows of all recordings, some at a time."""
        self._begin()
        for rows, spoken in rows_of(self._items(), self._maker(kind)):
            self._count(len(rows), spoken)
            yield rows

    def recordings(self) -> Iterator[HeardRecording]:
        """Yields recordings one by one; the windows of one are held at a time."""
        self._begin()
        maker = self._maker("segment")
        for number, group in itertools.groupby(self._items(), key=lambda item: item.recording):
            items = [*group]
            segments = [row for row in maker.rows(items) if isinstance(row, Segment)]
            (spoken,), maker.spoken = maker.spoken, []
            self._count(len(segments), [spoken])
            heard = [item for item in items if isinstance(item, Window)]
            moments_s, means = means_around(heard, self._probabilities(heard))
            yield HeardRecording(
                number=number,
                channel=self._channels[number] if self._channels else None,
                spoken=spoken,
                moments_s=moments_s,
                probabilities=means,
                voiced=joined(heard),
                segments=sorted(segments, key=lambda found: found.start_s),
            )

    def _items(self) -> Iterator[Window | Over]:
        return self._voices.moved(self._lines, self._silent) if self._voices else map(item_of_line, self._lines())

    def _maker(self, kind: RowKind) -> RowMaker:
        return RowMaker(self._ensemble, self._card, self._paths, kind, channels=self._channels)

    def _count(self, count: int, spoken: Sequence[Spoken]) -> None:
        self.count += count
        self.spoken = all_spoken([self.spoken, *spoken], len(self._card.emotions))

    def _probabilities(self, windows: Sequence[Window]) -> Array:
        """Returns (windows, emotions), those of windows in which nobody speaks 0."""
        found = np.zeros((len(windows), len(self._card.emotions)))
        said = [place for place, window in enumerate(windows) if len(window.logits)]
        if said:
            found[said] = self._ensemble.probabilities(np.stack([windows[place].logits for place in said]))
        return found


def means_around(windows: Sequence[Window], probabilities: Array) -> tuple[Array, Array]:
    """Returns moments, and the mean of what the windows around say from each on; see `HeardRecording`.

    >>> pair = [Window(0, 0, 2, [], np.ones(1)), Window(0, 1, 3, [], np.ones(1))]
    >>> moments_s, means = means_around(pair, np.array([[0.2], [0.6]]))
    >>> moments_s.tolist(), means.round(2).ravel().tolist()
    ([0.0, 1.0, 2.0], [0.2, 0.4, 0.6])
    """
    starts_s, ends_s = (np.array([window[place] for window in windows], dtype=np.float64) for place in (1, 2))
    moments_s = np.unique(np.concatenate([starts_s, ends_s]))
    said = np.array([len(window.logits) > 0 for window in windows])
    change, count = np.zeros((len(moments_s), probabilities.shape[1])), np.zeros(len(moments_s), dtype=np.int64)
    for edges_s, sign in ((starts_s, 1), (ends_s, -1)):
        places = np.searchsorted(moments_s, edges_s[said])
        np.add.at(change, places, sign * probabilities[said])
        np.add.at(count, places, sign)
    around = np.cumsum(count)[:, None]
    means = np.where(around > 0, np.cumsum(change, axis=0) / np.maximum(around, 1), 0.0)
    return moments_s[:-1], np.clip(means[:-1], 0.0, 1.0)


def joined(windows: Sequence[Window]) -> list[Interval]:
    """Returns from when to when somebody speaks, of the voiced parts of windows that overlap.

    >>> joined([Window(0, 0, 2, [(0.5, 2)], np.zeros(0)), Window(0, 1, 3, [(1, 2.5), (2.8, 3)], np.zeros(0))])
    [(0.5, 2.5), (2.8, 3)]
    """
    found: list[Interval] = []
    for start_s, end_s in sorted((start_s, end_s) for window in windows for start_s, end_s in window.voiced):
        if found and start_s <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end_s)
        else:
            found.append((start_s, end_s))
    return found
