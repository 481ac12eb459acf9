"""Segments as RTTM, the lines of NIST's rich transcriptions that tools for diarisation read."""

import re

from emoclr.configs.messages import readable
from emoclr.predict.output.annotations.annotation import Annotation

_BLANK_OR_QUOTE = re.compile(r"[\s\"']")


def rttm(annotation: Annotation) -> str:
    """Returns a line a segment: the emotion stands where the name of a speaker stands, and the probability after it.

    Lines hold the name of their recording, so that one file may hold many. What is blank in names becomes `_`.

    >>> from emoclr.predict.stream.segments import Segment
    >>> from pathlib import Path
    >>> segments = [Segment(Path("a 1.wav"), 0.5, 2.0, "joy", 0.834)]
    >>> rttm(Annotation("a 1", 3.0, ["joy"], segments))
    'SPEAKER a_1 1 0.500 1.500 <NA> <NA> joy 0.83 <NA>\\n'
    """
    name = _word(annotation.name)
    return "".join(
        f"SPEAKER {name} {found.channel or 1} {found.start_s:.3f} {found.end_s - found.start_s:.3f} "
        f"<NA> <NA> {_word(found.emotion)} {found.probability:.2f} <NA>\n"
        for found in annotation.in_time()
    )


def _word(text: str) -> str:
    return _BLANK_OR_QUOTE.sub("_", readable(text))
