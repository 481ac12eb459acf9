"""Parts of a report that not every report has: each brings its words, tables, figures and numbers along."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from emoclr.evaluate.figures.figure import Figure
from emoclr.evaluate.metrics.intervals import Measure
from emoclr.evaluate.report.cells import markdown_cell, markdown_table

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
    """A clip that is shown, and can be heard.

    Attributes:
        title: what it is called.
        facts: terms and what is to be said of them.
        duration_s: length of what is seen and heard.
        picture: PNG of its spectrogram, its channels below each other in equal rows; None where it cannot be read.
        channels: names of the rows.
        sound: mp3 of it; None where sound is left out.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    duration_s: float
    picture: bytes | None
    channels: Sequence[str]
    sound: bytes | None


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


def section_markdown(section: Section) -> list[str]:
    """Returns a section as blocks of Markdown, without its figures; its examples as a table that is folded away."""
    blocks = [f"## {section.title}", section.text]
    for table in section.tables:
        if table.title:
            blocks.append(f"### {table.title}")
        blocks.append(markdown_table(table.head, [[markdown_cell(cell) for cell in row] for row in table.rows]))
    if section.examples:
        head = ["clip", *(term for term, _ in section.examples[0].facts)]
        rows = [[example.title, *(said for _, said in example.facts)] for example in section.examples]
        blocks += [f"<details><summary>{len(rows)} clips</summary>", markdown_table(head, rows), "</details>"]
    return blocks
