"""Results on the screen: one report, or the headlines of several side by side."""

import math
from typing import TYPE_CHECKING, Any

from emoclr.configs.console import results, show
from emoclr.evaluate.metrics.intervals import Measure
from emoclr.evaluate.metrics.registry import METRICS, headline_columns
from emoclr.evaluate.report.comparison import Comparison
from emoclr.evaluate.report.formatting import best_rows, interval, number
from emoclr.evaluate.report.report import Report

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

MIN_WIDTH = 110
"""Characters of a table that goes into a file or a pipe."""


def print_verdict(report: Report) -> None:
    """Prints the verdict of a report on standard output, a line each: the last that a command says."""
    for sentence in report.verdict:
        show(sentence.line)


def print_results(report: Report) -> None:
    """Prints the headline table of a report on standard output."""
    from rich.table import Table
    from rich.text import Text

    scores = report.scores
    names = headline_columns(scores.truth.single_label)
    best = best_rows(scores.rows, names)
    table = Table(title=report.title, title_justify="left", box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    for name in names:
        table.add_column(METRICS[name].label, justify="right", no_wrap=True)
    for row in scores.rows:
        cells = []
        for place, name in enumerate(names):
            found = row.metrics[name]
            value = number(found.value)
            is_best = value == number(best.get(name)) and row in scores.models
            # Two intervals fit on a line; the report has them all.
            told = f" {interval(found)}" if place < 2 else ""
            cells.append(Text.assemble((value, "bold" if is_best else ""), (told, "dim")))
        table.add_row(row.name, *cells, end_section=row is scores.models[-1])
    _print(table)


def print_comparison(comparison: Comparison) -> None:
    """Prints what several reports are, their headlines and baselines, and how far they differ from the first.

    Each has its title once; everywhere else it is called by its folder.
    """
    from rich.text import Text

    for report in comparison.reports:
        show(f"{report.name}: {report.content['title']}, {report.folder / 'report.html'}")
    show("")
    table = _table(comparison)
    parts = [(report.name, comparison.own_rows(report)) for report in comparison.reports]
    if comparison.shared_rows:
        parts.append(("the same in each", comparison.shared_rows))
    for part, rows in parts:
        table.add_row(Text(part, "bold"))
        for name, metrics in rows.items():
            table.add_row(f"  {name}", *(_cell(metrics.get(metric)) for metric in comparison.columns))
        table.add_row()
    _print(table)
    paired = [(report.name, report.paired.metrics) for report in comparison.reports if report.paired]
    if not paired:
        return
    table = _table(comparison, f"Differences from {comparison.reports[0].name}, 95 % intervals over speakers")
    for name, differences in paired:
        table.add_row(name, *(_difference(differences.get(metric)) for metric in comparison.columns))
    _print(table)
    show("")


def print_comparison_verdict(comparison: Comparison) -> None:
    """Prints what a comparison means, a line each: the last that a command says."""
    for sentence in comparison.verdict:
        show(sentence.line)


def _table(comparison: Comparison, title: str | None = None) -> "Table":
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    for name in comparison.columns:
        table.add_column(METRICS[name].label, justify="right", no_wrap=True)
    return table


def _difference(found: Measure | None) -> "str | Text":
    from rich.text import Text

    if found is None or math.isnan(found.value):
        return "–"
    is_sure = found.low > 0 or found.high < 0
    told = f"\n{found.low:+z.3f} to {found.high:+z.3f}"
    return Text.assemble((f"{found.value:+z.3f}", "bold" if is_sure else ""), (told, "dim"))


def _cell(found: dict[str, Any] | None) -> "str | Text":
    from rich.text import Text

    if found is None or found["value"] is None:
        return "–"
    low, high = found["ci95"]
    if low is None or math.isnan(low):
        return number(found["value"])
    return Text.assemble(number(found["value"]), (f" {low:.2f}–{high:.2f}", "dim"))


def _print(table: object) -> None:
    screen = results()
    if not screen.is_terminal:
        screen.width = max(screen.width, MIN_WIDTH)
    screen.print(table)
