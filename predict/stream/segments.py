"""Segments: from when to when a recording carries an emotion, by what its overlapping windows say."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from emoclr.evaluate.metrics.arrays import Array

STAY = 0.6
"""A segment goes on while its emotion has this part of the threshold at which it began."""
MAX_GAP_S = 1.0
"""Shorter ones between two segments of an emotion, of silence or of other emotions, belong to one segment."""
MIN_SEGMENT_S = 0.5
"""Shorter segments are left out."""

Interval = tuple[float, float]


@dataclass(frozen=True)
class Segment:
    """An emotion from `start_s` to `end_s`; segments of several emotions may overlap.

    Attributes:
        path: the recording, as it was given.
        start_s: s.
        end_s: s.
        emotion: its name.
        probability: mean over the voiced parts of the segment, in [0, 1].
        channel: of the recording, from 1 on, where each is heard alone.

    Examples:
        >>> segment = Segment(Path("call.wav"), 12.5, 15.0, "joy", 0.81)
        >>> segment.end_s - segment.start_s
        2.5
    """

    path: Path
    start_s: float
    end_s: float
    emotion: str
    probability: float
    channel: int | None = None


class Span(NamedTuple):
    """A segment of a recording that is known.

    Attributes:
        start_s: s.
        end_s: s.
        emotion: its position.
        probability: mean over its voiced parts.
        voiced_s: length of these, s.
    """

    start_s: float
    end_s: float
    emotion: int
    probability: float
    voiced_s: float


class _Window(NamedTuple):
    start_s: float
    end_s: float
    voiced: Sequence[Interval]
    probabilities: Sequence[float]


class Segmenter:
    """Joins the windows of one recording, in their order, into segments.

    At each moment an emotion has the mean of what the windows around say. Where somebody speaks, a segment begins once
    that reaches the emotion's threshold, and ends where it falls below `STAY` of it. Gaps up to `MAX_GAP_S` are
    bridged, segments shorter than `MIN_SEGMENT_S` left out. With single labels an emotion lasts while it is the
    likeliest.

    Args:
        thresholds: (emotions,) of the ensemble's card.
        single_label: whether each moment has one emotion.
        state: of another one, that of the windows before.

    Attributes:
        voiced_s: how long somebody spoke, s, up to the last window.

    Examples:
        >>> segmenter = Segmenter([0.5, 0.5], single_label=False)
        >>> found = []
        >>> for start in range(4):
        ...     said = [0.9, 0.1] if start < 2 else [0.2, 0.1]
        ...     found += segmenter.push(start, start + 2, [(start, start + 2)], said)
        >>> found += segmenter.finish()
        >>> [(span.start_s, span.end_s, span.emotion, round(span.probability, 2)) for span in found]
        [(0, 3, 0, 0.78)]
    """

    def __init__(self, thresholds: Sequence[float], *, single_label: bool, state: dict[str, Any] | None = None) -> None:
        self._begin, self._single_label = np.array(thresholds), single_label
        state = state or {}
        self.voiced_s: float = state.get("voiced_s", 0.0)
        self._until_s: float = state.get("until_s", 0.0)
        self._windows = [_Window(*window) for window in state.get("windows", [])]
        self._open: dict[int, Span] = {span[2]: Span(*span) for span in state.get("open", [])}
        self._closed = [Span(*span) for span in state.get("closed", [])]

    @property
    def state(self) -> dict[str, Any]:
        """All that is known of the windows so far, as values that JSON holds."""
        return {
            "voiced_s": self.voiced_s,
            "until_s": self._until_s,
            "windows": [*self._windows],
            "open": [*self._open.values()],
            "closed": [*self._closed],
        }

    def push(
        self, start_s: float, end_s: float, voiced: Sequence[Interval], probabilities: Sequence[float]
    ) -> list[Span]:
        """Returns the segments that are known once a window is.

        Args:
            start_s: of the window, not before that of the last one.
            end_s: s.
            voiced: parts of it in which somebody speaks, s.
            probabilities: (emotions,); empty where nobody does.
        """
        self._advance(start_s)
        self._windows.append(_Window(start_s, end_s, voiced, probabilities))
        return self._settled()

    def finish(self) -> list[Span]:
        """Returns the segments that are left once the recording is over."""
        self._advance(max((window.end_s for window in self._windows), default=self._until_s))
        for emotion in [*self._open]:
            self._close(emotion)
        return self._settled()

    def _advance(self, to_s: float) -> None:
        ends = {window.end_s for window in self._windows if self._until_s < window.end_s < to_s}
        for start_s, end_s in pairwise(sorted({self._until_s, to_s, *ends})):
            around = [window for window in self._windows if window.end_s >= end_s]
            said = [window.probabilities for window in around if len(window.probabilities)]
            for first_s, last_s in _within(around[0].voiced, start_s, end_s) if around else ():
                self.voiced_s += last_s - first_s
                if said:
                    self._hear(first_s, last_s, np.mean(said, axis=0))
        self._close_until(to_s)
        self._until_s = to_s
        self._windows = [window for window in self._windows if window.end_s > to_s]

    def _hear(self, start_s: float, end_s: float, probabilities: Array) -> None:
        if self._single_label:
            begin = stay = probabilities >= probabilities.max()
        else:
            begin, stay = probabilities >= self._begin, probabilities >= STAY * self._begin
        self._close_until(start_s)
        length_s = end_s - start_s
        for emotion in np.flatnonzero(begin | stay).tolist():
            p = float(probabilities[emotion])
            before = self._open.get(emotion)
            if before:
                voiced_s = before.voiced_s + length_s
                mean = (before.probability * before.voiced_s + p * length_s) / voiced_s
                self._open[emotion] = Span(before.start_s, end_s, emotion, mean, voiced_s)
            elif begin[emotion]:
                self._open[emotion] = Span(start_s, end_s, emotion, p, length_s)

    def _close_until(self, time_s: float) -> None:
        for emotion in [emotion for emotion, span in self._open.items() if time_s - span.end_s > MAX_GAP_S]:
            self._close(emotion)

    def _close(self, emotion: int) -> None:
        span = self._open.pop(emotion)
        if span.end_s - span.start_s >= MIN_SEGMENT_S:
            self._closed.append(span)

    def _settled(self) -> list[Span]:
        """Returns the closed segments, by their start, before which no open one begins."""
        first_s = min((span.start_s for span in self._open.values()), default=np.inf)
        settled = sorted(span for span in self._closed if span.start_s < first_s)
        self._closed = [span for span in self._closed if span.start_s >= first_s]
        return settled


def _within(intervals: Sequence[Interval], start_s: float, end_s: float) -> Iterator[Interval]:
    for first_s, last_s in intervals:
        if first_s < end_s and last_s > start_s:
            yield max(first_s, start_s), min(last_s, end_s)
