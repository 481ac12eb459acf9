"""A report as one HTML page that needs no network and nothing beside it."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from emoclr.evaluate.figures.figure import Figure
from emoclr.evaluate.figures.forest import Forest, ToldRow, forest_of, laid_out
from emoclr.evaluate.figures.overview import matrices_of, matrix_words
from emoclr.evaluate.metrics.registry import EMOTION_METRICS, METRICS, headline_columns
from emoclr.evaluate.report.formatting import best_rows
from emoclr.evaluate.report.report import Report
from emoclr.evaluate.report.writers.page import render_page
from emoclr.evaluate.report.writers.terms import Terms, glossary
from emoclr.evaluate.scores import Scores

TEMPLATE = Path(__file__).with_name("report.html.jinja")
FOLDED = ("roc",)
"""Figures behind a word: curves that say the same as those seen at once."""


def report_html(report: Report, figures: Sequence[Figure]) -> str:
    """Returns the report as an HTML page with these figures and those of its sections."""
    names = headline_columns(report.scores.truth.single_label)
    meanings = glossary(names)
    return render_page(
        TEMPLATE,
        report=report,
        scores=report.scores,
        truth=report.scores.truth,
        names=names,
        metrics=METRICS,
        emotion_metrics=EMOTION_METRICS,
        best=best_rows(report.scores.rows, names),
        figures=[figure for figure in figures if figure.name in _shown(report)],
        folded=[figure for figure in figures if figure.name in FOLDED],
        ranked=_emotions(report.scores),
        matrix=_matrix(report.scores),
        terms=Terms(meanings),
        meanings=meanings,
        forest=forest_of(report.scores),
        unit="speakers" if report.protocol.speaker_disjoint is not None else "recordings",
        contents=_contents(report, drawn=bool(figures)),
    )


def _shown(report: Report) -> set[str]:
    """Returns names of the figures that are seen at once; those of emotions are tables of the page."""
    calibrated = any(section.name == "calibration" for section in report.sections)  # it shows the same beside before
    return {"precision_recall"} if calibrated else {"precision_recall", "reliability"}


def _emotions(scores: Scores) -> Forest:
    told = [ToldRow(row.name, row.metrics["auroc"], baseline=False, headline=False) for row in scores.emotions]
    return laid_out(told, 0.5)


class _Matrix(NamedTuple):
    """Shares of pairs of emotions: of each row and column one, or those of labels and predictions."""

    title: str
    caption: str
    rows: list[list[list[float]]]


def _matrix(scores: Scores) -> _Matrix:
    title, caption = matrix_words(scores)
    return _Matrix(title, caption, np.stack(matrices_of(scores), axis=-1).tolist())


def _contents(report: Report, *, drawn: bool) -> list[tuple[str, str]]:
    """Returns the anchor and the heading of each part that the page has."""
    parts = [
        ("emotions", "Emotions", True),
        ("taken", matrix_words(report.scores)[0], True),
        *((section.name, section.title, section.examples) for section in report.sections),
        ("groups", "Groups", report.scores.groups),
        ("voices", "Speaker probe", report.speaker_probe),
        *((section.name, section.title, not section.examples) for section in report.sections),
        ("figures", "Probabilities and thresholds", drawn),
        ("notes", "Notes", report.remarks),
        ("set-aside", "Set aside", report.set_aside),
        ("glossary", "Terms", True),
        ("made", "How it was made", True),
    ]
    return [(anchor, heading) for anchor, heading, there in parts if there]
