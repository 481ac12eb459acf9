"""Segments as WebVTT, which players show below a video or a sound."""

import html

from emoclr.configs.messages import readable
from emoclr.predict.output.annotations.annotation import Annotation, label_of


def webvtt(annotation: Annotation) -> str:
    """Returns a cue a segment (https://www.w3.org/TR/webvtt1/); cues of several emotions may overlap.

    >>> from emoclr.predict.stream.segments import Segment
    >>> from pathlib import Path
    >>> segments = [Segment(Path("a.wav"), 0.5, 62.0, "joy", 0.834)]
    >>> print(webvtt(Annotation("a", 70.0, ["joy"], segments)), end="")
    WEBVTT
    <BLANKLINE>
    00:00:00.500 --> 00:01:02.000
    joy 0.83
    """
    cues = (
        f"\n{timestamp(found.start_s)} --> {timestamp(found.end_s)}\n"
        f"{html.escape(readable(label_of(found)), quote=False)}\n"
        for found in annotation.in_time()
    )
    return "WEBVTT\n" + "".join(cues)


def timestamp(seconds: float) -> str:
    """Returns a time as WebVTT writes it.

    >>> timestamp(0.0), timestamp(3723.0456)
    ('00:00:00.000', '01:02:03.046')
    """
    minutes, ms = divmod(round(1000 * seconds), 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{ms // 1000:02}.{ms % 1000:03}"
