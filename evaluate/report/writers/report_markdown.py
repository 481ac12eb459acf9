"""A report as Markdown, to be pasted into a pull request: figures and long lists are folded away."""

from collections.abc import Sequence

from emoclr.evaluate.figures.figure import Figure
from emoclr.evaluate.metrics.registry import EMOTION_METRICS, METRICS, headline_columns
from emoclr.evaluate.report.formatting import (
    best_rows,
    markdown_cell,
    markdown_code,
    markdown_table,
    markdown_text,
    number,
)
from emoclr.evaluate.report.report import Report
from emoclr.evaluate.report.section import Section
from emoclr.evaluate.scores import Gap, GroupRow, Truth

MARKS = {"limit": "**Warning:** ", "next": "**Next:** "}
MAX_SET_ASIDE_SHOWN = 20
"""Files that are named; `report.json` names them all."""


def report_markdown(report: Report, figures: Sequence[Figure]) -> str:
    """Returns the report as Markdown; the figures are the PNG files beside it, and found only from there."""
    scores = report.scores
    names = headline_columns(scores.truth.single_label)
    best = best_rows(scores.rows, names)
    parts = [f"# {markdown_text(report.title)}"]
    if report.verdict:
        parts.append("\n".join(f"- {MARKS.get(told.kind, '')}{markdown_text(told.text)}" for told in report.verdict))
    rows = [
        [markdown_cell(row.name), *(markdown_cell(row.metrics[name], best.get(name)) for name in names)]
        for row in scores.rows
    ]
    parts += ["## Results", "Value [95 % interval over speakers], best in bold; models first, then baselines."]
    parts.append(markdown_table(["", *(METRICS[name].label for name in names)], rows))
    columns = [metric.label for metric in EMOTION_METRICS.values()]
    parts += [f"## Emotions ({markdown_text(scores.headline.name)})"]
    parts.append(
        markdown_table(
            ["emotion", "positive clips", *columns, "threshold"],
            [
                [
                    markdown_cell(row.name),
                    str(row.positives),
                    *map(markdown_cell, row.metrics.values()),
                    number(row.threshold),
                ]
                for row in scores.emotions
            ],
        )
    )
    left_out = [f"Left out: {', '.join(emotions)}: {reason}" for reason, emotions in report.reasons.items()]
    parts += map(markdown_text, left_out)
    for column, groups in scores.groups.items():
        parts += [f"## By {markdown_text(column)}", _group_table(scores.truth, column, groups, scores.gaps[column])]
    if report.speaker_probe:
        voices = [[markdown_cell(name), markdown_cell(accuracy)] for name, accuracy in report.speaker_probe.rows]
        parts += ["## Speaker probe", markdown_text(report.speaker_probe.protocol)]
        parts.append(markdown_table(["features", f"accuracy of {report.speaker_probe.speakers} voices"], voices))
    for section in report.sections:
        parts += _section_markdown(section)
    drawn = [*figures, *(figure for section in report.sections for figure in section.figures)]
    if drawn:
        pictures = [f"![{markdown_text(figure.title)}]({figure.name}.png)" for figure in drawn]
        parts += [f"<details><summary>{len(drawn)} figures</summary>", *pictures, "</details>"]
    if report.set_aside:
        clips = "1 clip" if len(report.set_aside) == 1 else f"{len(report.set_aside):,} clips"
        parts += [f"<details><summary>Set aside: {clips}</summary>"]
        parts.append(
            markdown_table(
                ["file", "reason"], [[*map(markdown_cell, pair)] for pair in report.set_aside[:MAX_SET_ASIDE_SHOWN]]
            )
        )
        more = len(report.set_aside) - MAX_SET_ASIDE_SHOWN
        parts += [*([f"and {more:,} more, in report.json"] if more > 0 else []), "</details>"]
    if report.remarks:
        parts += ["## Notes", "\n".join(f"- {markdown_text(note)}" for note in report.remarks)]
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    parts += ["## How it was made", markdown_text(report.summary), *map(markdown_text, report.labels)]
    parts.append(markdown_code(report.command))
    made = f"{report.created}, {report.duration_s:.0f} s; corpus {report.fingerprint}; {versions}."
    parts.append(markdown_text(made))
    return "\n\n".join(parts) + "\n"


def _section_markdown(section: Section) -> list[str]:
    """Returns a section as blocks of Markdown, without its figures; its examples as a table that is folded away."""
    blocks = [f"## {markdown_text(section.title)}", markdown_text(section.text)]
    for table in section.tables:
        if table.title:
            blocks.append(f"### {markdown_text(table.title)}")
        blocks.append(markdown_table(table.head, [[markdown_cell(cell) for cell in row] for row in table.rows]))
    if section.examples:
        head = ["clip", *(term for term, _ in section.examples[0].facts)]
        rows = [
            [markdown_cell(example.title), *(markdown_cell(said) for _, said in example.facts)]
            for example in section.examples
        ]
        blocks += [f"<details><summary>{len(rows)} clips</summary>", markdown_table(head, rows), "</details>"]
    return blocks


def _group_table(truth: Truth, column: str, groups: Sequence[GroupRow], gaps: dict[str, Gap]) -> str:
    head = [column, "clips", "speakers", *(METRICS[name].label for name in truth.headline)]
    rows = [
        [markdown_cell(g.value), str(g.clips), str(g.speakers), *map(markdown_cell, g.metrics.values())] for g in groups
    ]
    if gaps:
        told = [_gap_cell(gaps[name]) if name in gaps else "–" for name in truth.headline]
        rows.append(["best − worst", "", "", *told])
    return markdown_table(head, rows)


def _gap_cell(gap: Gap) -> str:
    return f"{markdown_cell(gap.difference)} ({markdown_cell(gap.best)} − {markdown_cell(gap.worst)})"
