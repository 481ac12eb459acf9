"""Segments as a label track of Audacity (File, Import, Labels)."""

from emoclr.configs.messages import readable
from emoclr.predict.output.annotations.annotation import Annotation, label_of


def audacity_labels(annotation: Annotation) -> str:
    r"""Returns a line a segment: start and end in s, and its label, with tabs between.

    The form is that of https://manual.audacityteam.org/man/importing_and_exporting_labels.html.

    >>> from emoclr.predict.stream.segments import Segment
    >>> from pathlib import Path
    >>> segments = [Segment(Path("a.wav"), 0.5, 2.0, "joy", 0.834)]
    >>> audacity_labels(Annotation("a", 3.0, ["joy"], segments))
    '0.500\t2.000\tjoy 0.83\n'
    """
    return "".join(
        f"{found.start_s:.3f}\t{found.end_s:.3f}\t{readable(label_of(found))}\n" for found in annotation.in_time()
    )
