"""Several reports side by side as one HTML page that needs no network and nothing beside it."""

from pathlib import Path
from typing import Any

from emoclr.configs.files import write_text
from emoclr.evaluate.figures.forest import Forest, ToldRow, laid_out
from emoclr.evaluate.metrics.intervals import Measure
from emoclr.evaluate.metrics.registry import METRICS
from emoclr.evaluate.report.comparison import Comparison
from emoclr.evaluate.report.stored_report import REPORT_HTML
from emoclr.evaluate.report.writers.page import address_of, render_page
from emoclr.evaluate.report.writers.terms import Terms, glossary
from emoclr.evaluate.scores import CHANCE

TEMPLATE = Path(__file__).with_name("comparison.html.jinja")


def write_comparison(comparison: Comparison, path: Path) -> None:
    """Writes a comparison as a page.

    Raises:
        EmoclrError: it cannot be written.
    """
    write_text(path, comparison_html(comparison, path))


def comparison_html(comparison: Comparison, path: Path) -> str:
    """Returns a comparison as an HTML page that will lie at `path`: reports are linked from there."""
    meanings = glossary(comparison.columns)
    return render_page(
        TEMPLATE,
        comparison=comparison,
        reports=comparison.reports,
        first=comparison.reports[0],
        paired=[report for report in comparison.reports if report.paired],
        differences=_differences(comparison),
        values=_values(comparison),
        emotions=_emotions(comparison),
        links={report.name: address_of(report.folder / REPORT_HTML, path) for report in comparison.reports},
        metrics=METRICS,
        terms=Terms(meanings),
        meanings=meanings,
        measured=_measured,
        signed=lambda value: f"{value:+z.3f}",
    )


def _differences(comparison: Comparison) -> Forest:
    told = [
        ToldRow(report.name, report.paired.metrics[comparison.metric], baseline=False, headline=False)
        for report in comparison.reports
        if report.paired
    ]
    return laid_out(told, 0.0, with_mark=True)


def _values(comparison: Comparison) -> Forest:
    metric = comparison.metric
    told = [
        ToldRow(report.name, _measured(report.content["metrics"].get(metric)), False, report is comparison.reports[0])
        for report in comparison.reports
    ]
    chance = {
        _measured(report.content["baselines"][CHANCE].get(metric)).value
        for report in comparison.reports
        if CHANCE in report.content["baselines"]
    }
    return laid_out(told, chance.pop() if len(chance) == 1 else None)


def _emotions(comparison: Comparison) -> list[tuple[str, list[Measure], list[Measure | None]]]:
    """Returns of each emotion of the first report its AUROC in all reports, and what each other one adds to it."""
    first = comparison.reports[0]
    paired = [report.paired for report in comparison.reports if report.paired]
    return [
        (
            emotion,
            [_measured(report.content["per_emotion"].get(emotion, {}).get("auroc")) for report in comparison.reports],
            [found.emotions.get(emotion) for found in paired],
        )
        for emotion in first.content["per_emotion"]
    ]


def _measured(found: dict[str, Any] | None) -> Measure:
    """Returns a metric of a `report.json`."""
    nothing = float("nan")
    if found is None or found["value"] is None:
        return Measure(nothing)
    low, high = (nothing if end is None else end for end in found["ci95"])
    return Measure(found["value"], low, high)
