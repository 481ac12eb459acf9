"""Annotations of recordings once all are heard: of one whose channels are heard alone, all of them together."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

from emoclr.predict.output.annotations.annotation import Annotation, names_of
from emoclr.predict.output.kept_windows import KeptWindows


def annotations_of(kept: KeptWindows, paths: Sequence[Path], emotions: Sequence[str]) -> Iterator[Annotation]:
    """Yields the annotation of each recording that could be read.

    Args:
        kept: the windows of all recordings.
        paths: these; one whose channels are heard alone is there once for each.
        emotions: all that are looked for.
    """
    different = list(dict.fromkeys(paths))
    names = dict(zip(different, names_of(different), strict=True))
    for path, group in itertools.groupby(kept.recordings(), key=lambda heard: paths[heard.number]):
        of_one = list(group)
        yield Annotation(
            name=names[path],
            duration_s=max(heard.spoken.duration_s for heard in of_one),
            emotions=emotions,
            segments=[found for heard in of_one for found in heard.segments],
            channels=[heard.channel for heard in of_one],
        )
