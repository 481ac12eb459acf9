"""A recording as a part of the page: its HTML, and what the page's script draws of it."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.messages import readable
from emoclr.evaluate.figures.theme import LIGHT
from emoclr.evaluate.metrics.arrays import Array
from emoclr.evaluate.report.writers.page import render_page
from emoclr.predict.output.annotations.annotation import of_channel
from emoclr.predict.output.page.sound_picture import TILE_COLUMNS, Picture
from emoclr.predict.output.screen import clock
from emoclr.predict.stream.rows import Spoken
from emoclr.predict.stream.segments import Segment

TEMPLATE = Path(__file__).with_name("recording.html.jinja")
MIN_STEP_S = 0.25
"""Moments that are closer together are told together, by the largest probability of each emotion."""

Interval = tuple[float, float]


@dataclass(frozen=True)
class PagedRecording:
    """What the page shows of a recording.

    Attributes:
        path: the recording, as it was given.
        spoken: how long it is, and how long somebody speaks there in which emotion.
        picture: see `SoundPicture`.
        moments_s: see `HeardRecording`.
        probabilities: (moments, emotions), from each on.
        voiced: from when to when there is a voice, s; None where nobody asked.
        segments: by their start.
        remarks: what there is to say of it.
        channel: the one that was heard, where each is heard alone.
    """

    path: Path
    spoken: Spoken
    picture: Picture
    moments_s: Array
    probabilities: Array
    voiced: Sequence[Interval] | None
    segments: Sequence[Segment]
    remarks: Sequence[str] = ()
    channel: int | None = None


@dataclass(frozen=True)
class Summary:
    """A recording in the list of all.

    Attributes:
        title: its path.
        duration_s: s.
        voiced_s: how long there is a voice, s; None where nobody asked.
        named_s: how long somebody speaks in segments of each emotion, s.
    """

    title: str
    duration_s: float
    voiced_s: float | None
    named_s: Sequence[float]


def summary_of(found: PagedRecording) -> Summary:
    """Returns the line of a recording in the list."""
    duration_s, voiced_s, named_s = found.spoken
    heard_s = None if found.voiced is None else voiced_s
    return Summary(readable(found.path) + of_channel(found.channel), duration_s, heard_s, named_s)


def recording_html(
    number: int,
    found: PagedRecording,
    emotions: Sequence[str],
    thresholds: Sequence[float] | None,
    *,
    sound: bool,
) -> str:
    """Returns the HTML of a recording; an empty element `SOUND_MARK` stands where its sound goes.

    Args:
        number: its anchor is `r` and this.
        found: the recording.
        emotions: all that are looked for.
        thresholds: of each; None where the likeliest one is named.
        sound: whether it can be played.
    """
    from markupsafe import Markup

    summary = summary_of(found)
    places = {name: place for place, name in enumerate(emotions)}
    counts = [(name, sum(one.emotion == name for one in found.segments)) for name in emotions]
    return render_page(
        TEMPLATE,
        number=number,
        title=summary.title,
        facts=_facts(summary, emotions),
        remarks=[readable(remark) for remark in found.remarks],
        duration_s=f"{found.spoken.duration_s:.1f}",
        emotions=[readable(name) for name in emotions],
        n_series=len(LIGHT.series),
        counts=[(readable(name), count) for name, count in counts],
        segments=[
            {
                "start_s": one.start_s,
                "end_s": one.end_s,
                "place": places[one.emotion],
                "probability": one.probability,
            }
            for one in found.segments
        ],
        sound=sound,
        sound_here=Markup(SOUND_MARK),
        data=json_in_script(_drawn(found, emotions, thresholds)),
        clock=clock,
    )


SOUND_MARK = "<!-- sound -->"


def json_in_script(values: object) -> object:
    """Returns JSON that no browser takes for the end of a script, as `Markup`.

    >>> str(json_in_script({"name": "</script>"}))
    '{"name":"\\\\u003c/script>"}'
    """
    from markupsafe import Markup

    return Markup(json.dumps(values, separators=(",", ":")).replace("<", "\\u003c"))


def thinned(moments_s: Array, probabilities: Array) -> tuple[Array, Array]:
    """Returns moments about every `MIN_STEP_S`, of each emotion the largest probability of those told together.

    >>> thinned(np.arange(4) / 8, np.array([[0.1], [0.4], [0.3], [0.2]]))
    (array([0.  , 0.25]), array([[0.4],
           [0.3]]))
    """
    if not len(moments_s):
        return moments_s, probabilities
    _, first = np.unique(np.floor(moments_s / MIN_STEP_S + 1e-6), return_index=True)
    return moments_s[first], np.maximum.reduceat(probabilities, first, axis=0)


def _drawn(found: PagedRecording, emotions: Sequence[str], thresholds: Sequence[float] | None) -> dict[str, object]:
    moments_s, probabilities = thinned(found.moments_s, found.probabilities)
    of_emotions: dict[str, list[Interval]] = {name: [] for name in emotions}
    for one in found.segments:
        of_emotions[one.emotion].append(_rounded((one.start_s, one.end_s)))
    return {
        "duration_s": round(found.spoken.duration_s, 3),
        "column_s": found.picture.column_s,
        "peaks": _base64(found.picture.peaks),
        "tiles": [base64.b64encode(tile).decode("ascii") for tile in found.picture.tiles()],
        "tile_columns": TILE_COLUMNS,
        "moments": _base64(moments_s.astype("<f4")),
        "probabilities": [_base64(np.round(lane * 255).astype(np.uint8)) for lane in probabilities.T],
        "voiced": None if found.voiced is None else [_rounded(each) for each in found.voiced],
        "segments": list(of_emotions.values()),
        "low": _low(of_emotions, found.probabilities, thresholds),
    }


def _low(of_emotions: dict[str, list[Interval]], probabilities: Array, thresholds: Sequence[float] | None) -> list[int]:
    """Returns the places of emotions that are never named."""
    highest = probabilities.max(axis=0, initial=0.0)
    reached = [False] * len(highest) if thresholds is None else (highest >= np.array(thresholds)).tolist()
    return [place for place, spans in enumerate(of_emotions.values()) if not spans and not reached[place]]


def _rounded(interval: Interval) -> Interval:
    return round(interval[0], 3), round(interval[1], 3)


def _base64(values: NDArray[np.generic]) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")


def _facts(summary: Summary, emotions: Sequence[str]) -> str:
    """Returns length, speech and emotions in a line, the longest first."""
    facts = [f"length {clock(summary.duration_s)}"]
    if summary.voiced_s is not None:
        share = summary.voiced_s / max(summary.duration_s, 1e-9)
        facts.append(f"speech {clock(summary.voiced_s)} ({100 * share:.0f} %)")
    order = sorted(range(len(emotions)), key=lambda place: -summary.named_s[place])
    facts += [
        f"{readable(emotions[place])} {clock(summary.named_s[place])}" for place in order if summary.named_s[place]
    ]
    return " · ".join(facts)
