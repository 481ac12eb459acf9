"""Sections of a report: what a study brings along to be shown, its words, tables, figures, examples and numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from emoclr.evaluate.figures.figure import Figure
from emoclr.evaluate.metrics.intervals import Measure

Cell = str | Measure


@dataclass(frozen=True)
class Table:
    """A table: the first column names the rows, the others hold numbers.

    Attributes:
        head: of each column.
        rows: cells of each row; a `Measure` is shown with its interval.
        title: above the table, where a section has several.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    title: str = ""


@dataclass(frozen=True)
class Example:
    """A clip with its spectrogram and its sound.

    Attributes:
        title: its name.
        facts: terms, such as "labelled", and their values.
        duration_s: length of picture and sound.
        picture: PNG of its spectrogram, its channels below each other in equal rows; None where it cannot be read.
        channels: names of the rows.
        sound: mp3 of it; None where sound is left out.
        sentence: what is to be said of it, in place of its facts where there is room for a sentence.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    duration_s: float
    picture: bytes | None
    channels: Sequence[str]
    sound: bytes | None
    sentence: str = ""


@dataclass(frozen=True)
class Section:
    """A part of a report.

    Attributes:
        name: its key in `report.json`, and the anchor in the page.
        title: its heading.
        text: what was done and how to read it, in a paragraph.
        tables: shown in order.
        figures: shown after the tables, and written as PNG beside the page.
        examples: clips shown after the figures, in the page alone.
        data: what `report.json` holds of it: JSON values, with measures as `json_measure` gives them.
    """

    name: str
    title: str
    text: str
    tables: Sequence[Table] = ()
    figures: Sequence[Figure] = ()
    examples: Sequence[Example] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
