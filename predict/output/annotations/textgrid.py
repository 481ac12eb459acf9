"""Segments as a TextGrid of Praat, which ELAN opens too."""

from collections.abc import Iterator

from emoclr.configs.messages import readable
from emoclr.predict.output.annotations.annotation import Annotation, of_channel

Interval = tuple[float, float, str]
"""Start and end in s, and the text, which is empty where the emotion is not named."""


def textgrid(annotation: Annotation) -> str:
    """Returns a TextGrid in Praat's long form, with a tier of intervals for each emotion and channel heard alone.

    An interval holds the probability of its segment, or nothing. See
    https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html.

    >>> from emoclr.predict.stream.segments import Segment
    >>> from pathlib import Path
    >>> segments = [Segment(Path("a.wav"), 0.5, 2.0, "joy", 0.834)]
    >>> textgrid(Annotation("a", 3.0, ["joy"], segments)).count("intervals [")  # before, in and after the segment
    3
    """
    duration = f"{annotation.duration_s:.3f}"
    tiers = [(channel, emotion) for channel in annotation.channels for emotion in annotation.emotions]
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0",
        f"xmax = {duration}",
        "tiers? <exists>",
        f"size = {len(tiers)}",
        "item []:",
    ]
    for number, (channel, emotion) in enumerate(tiers, start=1):
        intervals = list(tier_of(annotation, emotion, channel))
        lines += [
            f"    item [{number}]:",
            '        class = "IntervalTier"',
            f"        name = {_quoted(emotion + of_channel(channel))}",
            "        xmin = 0",
            f"        xmax = {duration}",
            f"        intervals: size = {len(intervals)}",
        ]
        for place, (start_s, end_s, text) in enumerate(intervals, start=1):
            lines += [
                f"        intervals [{place}]:",
                f"            xmin = {start_s:.3f}",
                f"            xmax = {end_s:.3f}",
                f"            text = {_quoted(text)}",
            ]
    return "\n".join(lines) + "\n"


def tier_of(annotation: Annotation, emotion: str, channel: int | None) -> Iterator[Interval]:
    """Yields the intervals of a tier, which leave no gap from 0 to the end of the recording."""
    duration_s = round(annotation.duration_s, 3)
    reached_s = 0.0
    for found in annotation.in_time():
        if (found.emotion, found.channel) != (emotion, channel):
            continue
        start_s, end_s = round(found.start_s, 3), min(round(found.end_s, 3), duration_s)
        if start_s > reached_s:
            yield reached_s, start_s, ""
        yield start_s, end_s, f"{found.probability:.2f}"
        reached_s = end_s
    if reached_s < duration_s:
        yield reached_s, duration_s, ""


def _quoted(text: str) -> str:
    return '"' + readable(text).replace('"', '""') + '"'
