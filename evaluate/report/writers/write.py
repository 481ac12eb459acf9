"""All files of a report."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

from emoclr.configs.files import sweep, write_atomically, write_text
from emoclr.evaluate.figures.fonts import missing_letters
from emoclr.evaluate.figures.forest import forest_figure
from emoclr.evaluate.figures.overview import report_figures
from emoclr.evaluate.figures.render import figure_png
from emoclr.evaluate.report.predictions_csv import ANSWERS, predictions_csv
from emoclr.evaluate.report.report import Report
from emoclr.evaluate.report.sentence import cautions
from emoclr.evaluate.report.writers.report_html import report_html
from emoclr.evaluate.report.writers.report_json import report_json
from emoclr.evaluate.report.writers.report_markdown import report_markdown

MAX_LETTERS = 20
"""Of those without a font, as many are shown."""


def write_report(report: Report, folder: Path) -> Path:
    """Writes `report.html`, `report.json`, `report.md`, `answers.csv` and the figures; returns the HTML file's path.

    Raises:
        EmoclrError: the folder cannot be written to.

    Examples:
        >>> import tempfile
        >>> import numpy as np
        >>> from emoclr.evaluate import Prediction, Truth, score_all
        >>> truth = Truth(["joy", "fear"], np.array([[1, 0], [0, 1], [1, 1], [0, 0]]), ["anna", "ben", "anna", "ben"])
        >>> guess = Prediction("ensemble", np.array([[0.9, 0.2], [0.1, 0.6], [0.8, 0.7], [0.3, 0.1]]), np.full(2, 0.5))
        >>> scores = score_all(truth, [guess])
        >>> from emoclr.evaluate.report.report import Protocol
        >>> protocol = Protocol(4, 2, 10, 5, 1, [0], True)
        >>> report = Report("Emotions", "", scores, protocol, "", {}, "", "2026-01-01T00:00:00+00:00", 0.0)
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = write_report(report, folder)
        >>> sorted(path.name for path in folder.iterdir() if path.suffix != ".png")
        ['report.html', 'report.json', 'report.md']
    """
    sweep(folder)
    report = _with_note_on_fonts(report)
    figures = report_figures(report.scores)
    forest = forest_figure(report.scores)
    for figure in [forest, *figures, *(figure for section in report.sections for figure in section.figures)]:
        write_atomically(folder / f"{figure.name}.png", partial(Path.write_bytes, data=figure_png(figure)))
    if report.clips is not None:
        told = [sentence.text for sentence in cautions(report.notes)]
        answers = predictions_csv(report.clips, report.scores.truth, report.scores.headline, told)
        write_text(folder / ANSWERS, answers)
    write_text(folder / "report.json", json.dumps(report_json(report), indent=2, ensure_ascii=False) + "\n")
    write_text(folder / "report.md", report_markdown(report, [forest, *figures]))
    write_text(folder / "report.html", report_html(report, figures))
    return folder / "report.html"


def _with_note_on_fonts(report: Report) -> Report:
    """Returns the report with a note on the letters that its figures cannot show."""
    scores = report.scores
    letters = missing_letters([*scores.truth.emotions, *(row.name for row in scores.rows)])
    if not letters:
        return report
    shown = f"{letters[:MAX_LETTERS]}{'…' if len(letters) > MAX_LETTERS else ''}"
    note = (
        f"No installed font has the letters {shown}: the PNG files beside the page show boxes in their place; the page "
        "has the browser's. Install a font that has them, such as one of the Noto fonts, and make the report anew."
    )
    return replace(report, notes=[*report.notes, note])
