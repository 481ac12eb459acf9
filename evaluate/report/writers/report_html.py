"""A report as one HTML page that needs no network and nothing beside it."""

from collections.abc import Sequence
from pathlib import Path

from emoclr.evaluate.figures.figure import Figure
from emoclr.evaluate.figures.forest import forest_of
from emoclr.evaluate.metrics.registry import EMOTION_METRICS, METRICS, headline_columns
from emoclr.evaluate.report.formatting import best_rows
from emoclr.evaluate.report.report import Report
from emoclr.evaluate.report.writers.page import render_page

TEMPLATE = Path(__file__).with_name("report.html.jinja")


def report_html(report: Report, figures: Sequence[Figure]) -> str:
    """Returns the report as an HTML page with these figures and those of its sections."""
    names = headline_columns(report.scores.truth.single_label)
    return render_page(
        TEMPLATE,
        report=report,
        scores=report.scores,
        truth=report.scores.truth,
        names=names,
        metrics=METRICS,
        emotion_metrics=EMOTION_METRICS,
        best=best_rows(report.scores.rows, names),
        figures=figures,
        forest=forest_of(report.scores),
        unit="speakers" if report.protocol.speaker_disjoint is not None else "recordings",
        contents=_contents(report),
    )


def _contents(report: Report) -> list[tuple[str, str]]:
    """Returns the anchor and the heading of each part that the page has."""
    parts = [
        ("emotions", "Emotions", True),
        ("figures", "Figures", True),
        ("groups", "Groups", report.scores.groups),
        ("voices", "Speaker probe", report.speaker_probe),
        *((section.name, section.title, True) for section in report.sections),
        ("notes", "Notes", report.remarks),
        ("set-aside", "Set aside", report.set_aside),
        ("made", "How it was made", True),
    ]
    return [(anchor, heading) for anchor, heading, there in parts if there]
