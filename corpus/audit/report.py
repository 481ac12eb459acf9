"""The report of an audit: on the screen, as Markdown, and as JSON."""

import json
import shlex
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emoclr.configs.console import results, show
from emoclr.configs.files import write_text
from emoclr.configs.messages import count_of, readable
from emoclr.corpus.audit.findings import Weight
from emoclr.corpus.audit.recordings import Recording
from emoclr.corpus.audit.run import Audit
from emoclr.corpus.audit.shortcuts import CUES, TOGETHER, Shortcut
from emoclr.corpus.labels.splits import unit_of
from emoclr.corpus.labels.table_summary import table_summary
from emoclr.evaluate.paired import FEW_SPEAKERS
from emoclr.evaluate.report.formatting import markdown_cell, markdown_table, markdown_text
from emoclr.evaluate.report.sentence import TONES, Sentence

if TYPE_CHECKING:
    from rich.console import Console  # noqa: TID251
    from rich.table import Table

WIDTH = 80
SHOWN_CASES = 5
LISTED_CASES = 50

HEADINGS = {Weight.LEAK: "Leaks", Weight.WARNING: "Warnings", Weight.NOTE: "Good to know"}
_STYLES = {Weight.LEAK: "bold red", Weight.WARNING: "bold yellow", Weight.NOTE: "bold cyan"}

_CUES_EXPLAINED = (
    "How well a tiny model tells each emotion by properties of the files alone, in {unit}s not fitted to: area under "
    "the ROC curve, 0.5 is chance. For all of them together with a 95 % interval over {unit}s."
)


def print_audit(audit: Audit, *, written: bool = False) -> None:
    """Prints the audit on standard output, within 80 columns but for a command: what matters first, what to do last.

    Args:
        audit: to print.
        written: whether its files are written, too.
    """
    screen = results()
    screen.width = min(screen.width, WIDTH)
    answer, *steps = verdict_of(audit)
    screen.print(answer.text, style=TONES[answer.weight])
    _print_wrapped(screen, overview(audit), "", "")
    for weight, heading in HEADINGS.items():
        findings = [finding for finding in audit.findings if finding.weight is weight]
        if findings:
            screen.print(f"\n{heading}", style=_STYLES[weight])
        for finding in findings:
            _print_item(screen, f"{finding.check}: {finding.summary}", indent=2)
            for case in _shown(finding.cases, SHOWN_CASES, "all in report.json" if written else "with --out DIR all"):
                _print_item(screen, case, indent=6)
    if audit.shortcuts:
        screen.print("\nShortcuts", style="bold")
        screen.print(_CUES_EXPLAINED.format(unit=unit_of(audit.table)))
        screen.print(_shortcut_table(audit.shortcuts))
    screen.print()
    for step in steps:
        show(step.line)  # however long: a command is copied whole


def write_audit(audit: Audit, folder: Path) -> None:
    """Writes `report.md` and `report.json` into a folder.

    Raises:
        EmoclrError: it cannot be written to.
    """
    write_text(folder / "report.json", json.dumps(audit_json(audit), indent=2, ensure_ascii=False) + "\n")
    write_text(folder / "report.md", audit_markdown(audit))


def overview(audit: Audit) -> str:
    """Returns what was looked at, and how the table was understood."""
    hours = sum(clip.duration_s for clip in audit.recordings if isinstance(clip, Recording)) / 3600
    return f"{audit.table.source}: {hours:.2f} h; {table_summary(audit.table)}."


def verdict_of(audit: Audit) -> list[Sentence]:
    """Returns whether numbers measured on this corpus can be trusted, and what to do next."""
    labels, known = shlex.quote(str(audit.table.source)), len(set(audit.table.speakers or ()))
    probe = f"`probe --from emoclr-small --data {labels} --out reports/probe` tells what is heard in it"
    if audit.leaks:
        which = ", ".join(finding.check for finding in audit.leaks)
        answer = Sentence(f"Leakage: {which}. Numbers measured on this are too high.", "fitness", "bad")
        step = f"Take these clips out, or to one side, and audit again: `corpus audit {labels}`."
    elif audit.unreadable == len(audit.table):
        answer = Sentence("None of the clips can be read.", "fitness", "bad")
        step = "The reasons are above; paths are looked for beside the table."
    elif audit.table.speakers is None:
        told = "Whether voices leak cannot be told, since speakers are not known. No other leakage found."
        answer = Sentence(told, "fitness", "open")
        step = "Name their column: `--columns speaker=NAME`."
    elif known < FEW_SPEAKERS:
        told = (
            f"Only {count_of(known, 'speaker')}: numbers measured on fewer than {FEW_SPEAKERS} tell little of others."
        )
        answer = Sentence(f"{told} No leakage found.", "fitness", "open")
        step = f"Add voices before clips of the same ones; {probe} so far."
    else:
        answer = Sentence("No leakage found.", "fitness", "good")
        step = f"{probe}."
    return [answer, Sentence(step, "next")]


def audit_json(audit: Audit) -> dict[str, Any]:
    """Returns the audit as the mapping of `report.json`, with every case."""
    table = audit.table
    return {
        "labels": str(table.source),
        "clips": len(table),
        "unreadable": audit.unreadable,
        "speakers": None if table.speakers is None else len(set(table.speakers)),
        "emotions": {
            emotion: int(np.count_nonzero(column >= audit.positive_share))
            for emotion, column in zip(table.emotions, table.targets.T, strict=True)
        },
        "positive_share": audit.positive_share,
        "leakage": bool(audit.leaks),
        "verdict": [asdict(sentence) for sentence in verdict_of(audit)],
        "findings": [
            {"check": found.check, "weight": found.weight, "summary": found.summary, "cases": list(found.cases)}
            for found in audit.findings
        ],
        "shortcuts": [asdict(found) for found in audit.shortcuts],
    }


def audit_markdown(audit: Audit) -> str:
    """Returns the audit as Markdown, with the first cases of each finding."""
    answer, *steps = verdict_of(audit)
    lines = ["# Audit", "", f"**{markdown_text(answer.text)}**", "", markdown_text(overview(audit))]
    for weight, heading in HEADINGS.items():
        findings = [finding for finding in audit.findings if finding.weight is weight]
        lines += ["", f"## {heading}"] if findings else []
        for finding in findings:
            lines += ["", f"### {finding.check[0].upper()}{finding.check[1:]}", "", markdown_text(finding.summary), ""]
            lines += [f"- {markdown_text(case)}" for case in _shown(finding.cases, LISTED_CASES, "all in report.json")]
    if audit.shortcuts:
        head, *rows = _shortcut_rows(audit.shortcuts)
        lines += [
            "",
            "## Shortcuts",
            "",
            _CUES_EXPLAINED.format(unit=unit_of(audit.table)),
            "",
            markdown_table(head, [[markdown_cell(cell) for cell in row] for row in rows]),
        ]
    lines += ["", *(f"Next: {markdown_text(step.text)}" for step in steps)]
    return "\n".join(lines) + "\n"


def _shown(cases: Sequence[str], most: int, where: str) -> list[str]:
    left = len(cases) - most
    return [*cases[:most], f"and {left:,} more, {where}"] if left > 0 else list(cases)


def _print_item(screen: "Console", text: str, indent: int) -> None:
    _print_wrapped(screen, text, f"{' ' * indent}- ", " " * indent)


def _print_wrapped(screen: "Console", text: str, first: str, others: str) -> None:
    """Prints text in lines of the screen's width, but for a path that is longer: it stays whole, to be copied."""
    width = screen.width
    lines = textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=others, break_long_words=False, break_on_hyphens=False
    )
    for line in lines:
        screen.print(readable(line), soft_wrap=True)


def _shortcut_table(shortcuts: Sequence[Shortcut]) -> "Table":
    from rich import box
    from rich.table import Table

    head, *rows = _shortcut_rows(shortcuts)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(head[0], overflow="fold")
    for name in head[1:]:
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def _shortcut_rows(shortcuts: Sequence[Shortcut]) -> list[list[str]]:
    """Returns a head and a row for each emotion, with a number for each cue."""
    cues = [cue for cue in (*CUES, TOGETHER) if any(found.cue == cue for found in shortcuts)]
    told = {(found.emotion, found.cue): found for found in shortcuts}
    rows = [["emotion", *cues]]
    for emotion in dict.fromkeys(found.emotion for found in shortcuts):
        row = [emotion]
        for cue in cues:
            found = told.get((emotion, cue))
            interval = f" [{found.low:.2f}, {found.high:.2f}]" if found is not None and cue == cues[-1] else ""
            row.append("" if found is None else f"{found.auroc:.2f}{interval}")
        rows.append(row)
    return rows
