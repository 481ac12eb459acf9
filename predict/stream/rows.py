"""What the windows of recordings say, as rows: one a recording, one a window, or one a segment."""

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from emoclr.evaluate.metrics.arrays import Array
from emoclr.evaluate.pooling import RunningPool
from emoclr.finetune.model.checkpoint import EnsembleCard
from emoclr.finetune.model.emotion_model import Ensemble
from emoclr.predict.options import RowKind as RowKind
from emoclr.predict.stream.segments import Interval, Segment, Segmenter, Span

_ITEMS_AT_ONCE = 1 << 12


@dataclass(frozen=True)
class PredictionRow:
    """The emotions of a recording, or of one window of it, from `start_s` to `end_s`.

    Attributes:
        path: the recording, as it was given.
        start_s: s.
        end_s: s.
        probabilities: (emotions,) in [0, 1]; NaN where nobody speaks.
        emotions: those over their threshold; the likeliest one where each recording has one emotion. None where nobody
            speaks.
        voice: share of the time in which somebody speaks; 1 where that was not asked.
        shares: (emotions,) of the time in which somebody speaks, the share in segments of each emotion; None of a
            window.
        channel: of the recording, from 1 on, where each is heard alone.

    Examples:
        >>> import numpy as np
        >>> PredictionRow(Path("a.wav"), 0.0, 2.5, np.array([0.9, 0.1]), ["joy"]).emotions
        ['joy']
    """

    path: Path
    start_s: float
    end_s: float
    probabilities: Array
    emotions: list[str]
    voice: float = 1.0
    shares: Array | None = None
    channel: int | None = None


Row = PredictionRow | Segment


class Window(NamedTuple):
    """A window of a recording.

    Attributes:
        recording: its number.
        start_s: s.
        end_s: s.
        voiced: parts of it in which somebody speaks, s.
        logits: (members * emotions,), which `Ensemble.probabilities` takes; (0,) where nobody speaks.
    """

    recording: int
    start_s: float
    end_s: float
    voiced: Sequence[Interval]
    logits: Array


class Over(NamedTuple):
    """A recording is over.

    Attributes:
        recording: its number.
        duration_s: s.
    """

    recording: int
    duration_s: float


def item_lines(items: Iterable[Window | Over]) -> str:
    """Returns windows and ends of recordings as lines of JSON, from which they are read as they were."""
    return "".join(
        json.dumps([*item[:-1], item.logits.tolist()] if isinstance(item, Window) else item) + "\n" for item in items
    )


def item_of_line(line: bytes | str) -> Window | Over:
    """Returns what a line of `item_lines` holds."""
    recording, *rest = json.loads(line)
    if len(rest) == 1:
        return Over(recording, *rest)
    start_s, end_s, voiced, logits = rest
    return Window(recording, start_s, end_s, voiced, np.array(logits, dtype=np.float64))


class Spoken(NamedTuple):
    """How long somebody spoke in recordings, and in which emotions.

    Attributes:
        duration_s: of the recordings, s.
        voiced_s: of what is spoken, s.
        emotions_s: of what is spoken in segments of each emotion, s.
    """

    duration_s: float
    voiced_s: float
    emotions_s: Sequence[float]


def all_spoken(some: Sequence[Spoken], n_emotions: int) -> Spoken:
    """Returns the sums.

    >>> all_spoken([Spoken(2.0, 1.5, [1.0]), Spoken(1.0, 0.5, [0.0])], 1)
    Spoken(duration_s=3.0, voiced_s=2.0, emotions_s=[1.0])
    """
    by_emotion = [sum(each.emotions_s[emotion] for each in some) for emotion in range(n_emotions)]
    return Spoken(sum(each.duration_s for each in some), sum(each.voiced_s for each in some), by_emotion)


class RowMaker:
    """Makes rows of the windows of recordings, one recording after the other; holds next to nothing of them.

    Args:
        ensemble: from `load_ensemble`.
        card: its card; says how windows are pooled, and thresholds.
        paths: the recordings, by their number.
        kind: what a row is of.
        state: of another one, that of the windows before.
        channels: which one of each recording is heard, where it is one alone.

    Attributes:
        spoken: in recordings that are over, one each, those of before `state` not among them.
    """

    def __init__(
        self,
        ensemble: Ensemble,
        card: EnsembleCard,
        paths: Sequence[Path],
        kind: RowKind,
        state: dict[str, Any] | None = None,
        channels: Sequence[int] | None = None,
    ) -> None:
        self._ensemble, self._card, self._paths, self._kind = ensemble, card, paths, kind
        self._channels = channels
        self.spoken: list[Spoken] = []
        self._begin(state or {})

    def _begin(self, state: dict[str, Any]) -> None:
        self._windows: int = state.get("windows", 0)
        self._pool = RunningPool(self._card.windows, state.get("total"), state.get("pooled", 0))
        self._segmenter = Segmenter(
            self._card.thresholds, single_label=self._card.single_label, state=state.get("segmenter")
        )
        self._voiced_s: list[float] = state.get("voiced_s") or [0.0] * len(self._card.emotions)

    @property
    def state(self) -> dict[str, Any] | None:
        """All that is known of the recording under way, as values that JSON holds; None where nothing is."""
        if not self._windows:
            return None
        return {
            "windows": self._windows,
            "total": None if self._pool.total is None else self._pool.total.tolist(),
            "pooled": self._pool.windows,
            "segmenter": self._segmenter.state,
            "voiced_s": [*self._voiced_s],
        }

    def rows(self, items: Sequence[Window | Over]) -> list[Row]:
        """Returns the rows that windows, and the ends of recordings, complete."""
        said = [item.logits for item in items if isinstance(item, Window) and len(item.logits)]
        probabilities = iter(self._ensemble.probabilities(np.stack(said)) if said else ())
        found: list[Row] = []
        for item in items:
            if isinstance(item, Over):
                found.extend(self._end(item))
            else:
                found.extend(self._add(item, next(probabilities) if len(item.logits) else None))
        return found

    def _add(self, window: Window, probabilities: Array | None) -> Iterator[Row]:
        recording, start_s, end_s = window.recording, window.start_s, window.end_s
        self._windows += 1
        if self._kind == "window":
            voice = sum(end - start for start, end in window.voiced) / (end_s - start_s)
            yield self._row(recording, start_s, end_s, probabilities, voice)
        if probabilities is not None:
            self._pool.add(window.logits)
        said = [] if probabilities is None else probabilities.tolist()
        yield from self._segments(recording, self._segmenter.push(start_s, end_s, window.voiced, said))

    def _end(self, over: Over) -> Iterator[Row]:
        recording, duration_s, pool = over.recording, over.duration_s, self._pool
        yield from self._segments(recording, self._segmenter.finish())
        voiced_s = self._segmenter.voiced_s
        if self._kind == "recording":
            probabilities = self._ensemble.probabilities(pool.result()[None])[0] if pool.windows else None
            shares = np.array(self._voiced_s) / max(voiced_s, 1e-9)
            yield self._row(recording, 0.0, duration_s, probabilities, voiced_s / duration_s, shares)
        self.spoken.append(Spoken(duration_s, voiced_s, self._voiced_s))
        self._begin({})

    def _segments(self, recording: int, spans: Sequence[Span]) -> Iterator[Segment]:
        path, channel = self._paths[recording], self._channel(recording)
        for start_s, end_s, emotion, probability, voiced_s in spans:
            self._voiced_s[emotion] += voiced_s
            if self._kind == "segment":
                yield Segment(path, start_s, end_s, self._card.emotions[emotion], probability, channel)

    def _row(
        self,
        recording: int,
        start_s: float,
        end_s: float,
        probabilities: Array | None,
        voice: float,
        shares: Array | None = None,
    ) -> PredictionRow:
        path, channel = self._paths[recording], self._channel(recording)
        emotions = [] if probabilities is None else named(probabilities, self._card)
        if probabilities is None:
            probabilities = np.full(len(self._card.emotions), np.nan)
        return PredictionRow(path, start_s, end_s, probabilities, emotions, min(1.0, voice), shares, channel)

    def _channel(self, recording: int) -> int | None:
        return self._channels[recording] if self._channels else None


def rows_of(items: Iterable[Window | Over], maker: RowMaker) -> Iterator[tuple[list[Row], list[Spoken]]]:
    """Yields the rows of all windows, those of some thousand at a time, and what is spoken there."""
    heard = iter(items)
    while some := list(itertools.islice(heard, _ITEMS_AT_ONCE)):
        yield maker.rows(some), maker.spoken
        maker.spoken = []


def named(probabilities: Array, card: EnsembleCard) -> list[str]:
    """Returns the emotions that probabilities (emotions,) name: those at or over their threshold.

    Where every training clip carried exactly one emotion, the likeliest one.
    """
    if card.single_label:
        return [card.emotions[int(probabilities.argmax())]]
    return [name for name, p, least in zip(card.emotions, probabilities, card.thresholds, strict=True) if p >= least]
