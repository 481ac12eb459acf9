"""Results on the screen: one report, or the headlines of several side by side."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, Field, ValidationError

from emoclr.configs.console import results, show
from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.configs.files import parse_json
from emoclr.evaluate.metrics.intervals import Measure
from emoclr.evaluate.metrics.registry import METRICS, comparison_columns, headline_columns
from emoclr.evaluate.paired import HEAD_ALONE, UNTRAINED
from emoclr.evaluate.report.formatting import best_rows, interval, number
from emoclr.evaluate.report.paired_reports import differences
from emoclr.evaluate.report.predictions_csv import ANSWERS, read_predictions
from emoclr.evaluate.report.report import Report
from emoclr.evaluate.report.sentence import Sentence
from emoclr.evaluate.report.verdict import compared
from emoclr.evaluate.scores import ENSEMBLE

if TYPE_CHECKING:
    from rich.text import Text

REPORT_JSON = "report.json"
OF_MEMBERS = (f"{UNTRAINED} ", f"{HEAD_ALONE}, ")
MIN_WIDTH = 110
"""Characters of a table that goes into a file or a pipe."""


class _Found(BaseModel):
    """A metric in a report."""

    value: float | None
    ci95: tuple[float | None, float | None]


class _Protocol(BaseModel):
    """On what a report was made."""

    single_label: bool
    positive_share: float
    bootstrap_resamples: int


class _Content(BaseModel):
    """What a comparison takes from a report.json."""

    title: str
    protocol: _Protocol
    metrics: dict[str, _Found | None]
    models: dict[str, Any] = Field(min_length=1)
    baselines: dict[str, dict[str, _Found | None]]


class _Named(NamedTuple):
    """A report with what it is called, and its folder."""

    name: str
    folder: Path
    content: dict[str, Any]


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


def print_comparison(places: Sequence[Path]) -> None:
    """Prints what several reports are, their headlines and baselines, how far they differ, and what it means.

    Each has its title once; everywhere else it is called by its folder.

    Args:
        places: of each report its folder, its `report.json`, or the output folder of `finetune` that holds it.

    Raises:
        EmoclrError: a place holds no report.
    """
    from rich.table import Table
    from rich.text import Text

    folders = [find_report(place) for place in places]
    reports = [_Named(*each) for each in zip(_names(places), folders, map(read_report, folders), strict=True)]
    for report in reports:
        show(f"{report.name}: {report.content['title']}, {report.folder / 'report.html'}")
    show("")
    shown = [
        name
        for name in comparison_columns(single_label=True)
        if any(name in report.content["metrics"] for report in reports)
    ]
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for name in shown:
        table.add_column(METRICS[name].label, justify="right", no_wrap=True)
    for report in reports:
        content = report.content
        table.add_row(Text(report.name, "bold"))
        headline = next(iter(content["models"]))
        rows = {headline: content["metrics"]} | content["baselines"]
        for name, metrics in rows.items():
            # Beside an ensemble, what its members begin from one by one is more than a headline.
            if headline == ENSEMBLE and name.startswith(OF_MEMBERS) and name != f"{UNTRAINED} {ENSEMBLE}":
                continue
            table.add_row(f"  {name}", *(_cell(metrics.get(metric)) for metric in shown))
        table.add_row()
    _print(table)
    for sentence in _print_differences(reports, shown) if len(reports) > 1 else ():
        show(sentence.line)


def _names(places: Sequence[Path]) -> list[str]:
    """Returns what reports are called: the folders that hold them, or their whole paths where these are alike."""
    folders = [place.parent if place.name == REPORT_JSON else place for place in places]
    names = [folder.absolute().name for folder in folders]
    return names if len(set(names)) == len(names) else [str(folder) for folder in folders]


def _print_differences(reports: Sequence[_Named], shown: Sequence[str]) -> list[Sentence]:
    """Prints each report's headline minus that of the first, or why there is none; returns what it means."""
    from rich.table import Table

    first, *others = reports
    title = f"Differences from {first.name}, 95 % intervals over speakers"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    for name in shown:
        table.add_column(METRICS[name].label, justify="right", no_wrap=True)
    reasons, verdict = [], list[Sentence]()
    answers, protocol = read_predictions(first.folder / ANSWERS), first.content["protocol"]
    for other in others:
        theirs = read_predictions(other.folder / ANSWERS)
        if answers is None or theirs is None:
            missing = (first if answers is None else other).folder
            reasons.append(
                f"no differences for {other.name}: {missing} has no {ANSWERS}: make that report anew to have one"
            )
            continue
        found = differences(answers, theirs, (protocol, other.content["protocol"]))
        if isinstance(found, str):
            reasons.append(f"no differences for {other.name}: {found}")
            continue
        metrics, remark = found
        headline = "uar" if protocol["single_label"] else "macro_auroc"
        n_speakers = len(set(answers.speakers))
        verdict += compared(other.name, first.name, metrics[headline], METRICS[headline].label, n_speakers)
        table.add_row(other.name, *(_difference(metrics.get(name)) for name in shown))
        if remark:
            reasons.append(f"{other.name}: differences {remark}")
    if table.row_count:
        _print(table)
    for reason in reasons:
        show(reason)
    show("")
    return verdict


def _difference(found: Measure | None) -> "str | Text":
    from rich.text import Text

    if found is None or math.isnan(found.value):
        return "–"
    is_sure = found.low > 0 or found.high < 0
    told = f"\n{found.low:+z.3f} to {found.high:+z.3f}"
    return Text.assemble((f"{found.value:+z.3f}", "bold" if is_sure else ""), (told, "dim"))


def find_report(place: Path) -> Path:
    """Returns the folder of the report that is meant by a path: its own, its `report.json`, or that of `finetune`.

    Raises:
        EmoclrError: no report is there.
    """
    if place.name == REPORT_JSON and place.is_file():
        return place.parent
    for folder in (place, place / "report"):
        if (folder / REPORT_JSON).is_file():
            return folder
    raise (EmoclrError if place.exists() else ConfigError)(
        f"{place}: no report is there; give the --out folder of probe or finetune, or the path of a {REPORT_JSON}"
    )


def read_report(folder: Path) -> dict[str, Any]:
    """Returns what the `report.json` of a folder holds.

    Raises:
        EmoclrError: it cannot be read, or is no report of `probe` or `finetune`.
    """
    path = folder / REPORT_JSON
    try:
        content = parse_json(path.read_bytes())
    except OSError as error:
        raise EmoclrError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise EmoclrError(f"{path}: is not JSON: {error}") from error
    try:
        _Content.model_validate(content)
    except ValidationError as error:
        key = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise EmoclrError(f"{path}: is no report of probe or finetune: {key or 'it'} is missing or wrong") from error
    found: dict[str, Any] = content
    return found


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
