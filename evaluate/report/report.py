"""The report a reviewer reads: one HTML file without a network, the same as JSON and Markdown, and the figures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from emoclr.configs.files import write_atomically, write_text
from emoclr.evaluate.figures.figure import Figure
from emoclr.evaluate.figures.overview import report_figures
from emoclr.evaluate.figures.render import figure_png
from emoclr.evaluate.metrics.registry import EMOTION_METRICS, METRICS, headline_columns
from emoclr.evaluate.report.cells import (
    best_rows,
    interval,
    json_measure,
    json_metrics,
    number,
)
from emoclr.evaluate.report.markdown import report_markdown
from emoclr.evaluate.report.page import render_page
from emoclr.evaluate.report.predictions_csv import ANSWERS, ScoredClips, predictions_csv
from emoclr.evaluate.report.section import Section
from emoclr.evaluate.scores import Scores
from emoclr.evaluate.speaker_probe import SpeakerProbe

TEMPLATE = Path(__file__).with_name("report.html.jinja")


@dataclass(frozen=True)
class Protocol:
    """How the numbers came about.

    Attributes:
        clips: clips scored.
        speakers: speakers scored (recordings where `speaker_disjoint` is by recording).
        train_clips: clips that models were fitted to, in each fold together with validation clips where those
            only chose thresholds or the moment to stop.
        train_speakers: their speakers.
        folds: how many folds every clip was scored in turn by; 1 is one given split.
        seeds: of splits, fits and bootstrap.
        speaker_disjoint: whether no speaker is on both sides; None where speakers are not known and recordings
            are kept apart instead.
    """

    clips: int
    speakers: int
    train_clips: int
    train_speakers: int
    folds: int
    seeds: Sequence[int]
    speaker_disjoint: bool | None


@dataclass(frozen=True)
class Report:
    """All that a report says; `write_report` writes it.

    Attributes:
        title: what was measured.
        summary: the protocol in one paragraph of words.
        scores: the numbers.
        protocol: the protocol in numbers.
        notes: what a reader must know to read the numbers right, e.g. that the corpus is synthetic.
        left_out: emotions that no head was trained for, each with the reason.
        set_aside: files that could not be used, with the reason.
        command: the command line that made it.
        versions: packages and their versions.
        fingerprint: of the corpus.
        settings: the settings in force.
        duration_s: how long it took.
        created: when, ISO 8601.
        speaker_probe: the speaker-identity probe, where speakers are known.
        sections: what else was measured, in the order in which it is shown.
        clips: the scored clips, rows as in the scores' truth; with them, each one's answers are written.

    Examples:
        >>> import numpy as np
        >>> from emoclr.evaluate import Prediction, Truth, score_all
        >>> truth = Truth(["joy", "fear"], np.array([[1, 0], [0, 1], [1, 1], [0, 0]]), ["anna", "ben", "anna", "ben"])
        >>> guess = Prediction("ensemble", np.array([[0.9, 0.2], [0.1, 0.6], [0.8, 0.7], [0.3, 0.1]]), np.full(2, 0.5))
        >>> protocol = Protocol(4, 2, 10, 5, 1, [0], True)
        >>> scores = score_all(truth, [guess])
        >>> report = Report("Emotions", "", scores, protocol, "", {}, "", "2026-01-01T00:00:00+00:00", 0.0)
        >>> report_json(report)["metrics"]["macro_auroc"]["value"]
        1.0
    """

    title: str
    summary: str
    scores: Scores
    protocol: Protocol
    command: str
    versions: dict[str, str]
    fingerprint: str
    created: str
    duration_s: float
    notes: Sequence[str] = ()
    left_out: dict[str, str] = field(default_factory=dict)
    set_aside: Sequence[tuple[str, str]] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    speaker_probe: SpeakerProbe | None = None
    sections: Sequence[Section] = ()
    clips: ScoredClips | None = None

    @property
    def reasons(self) -> dict[str, list[str]]:
        """The emotions left out, by reason."""
        return by_reason(self.left_out)


def by_reason(left_out: Mapping[str, str]) -> dict[str, list[str]]:
    """Returns the emotions that were left out, each with its reason, by reason."""
    found: dict[str, list[str]] = {}
    for emotion, reason in left_out.items():
        found.setdefault(reason, []).append(emotion)
    return found


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
        >>> protocol = Protocol(4, 2, 10, 5, 1, [0], True)
        >>> report = Report("Emotions", "", scores, protocol, "", {}, "", "2026-01-01T00:00:00+00:00", 0.0)
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = write_report(report, folder)
        >>> sorted(path.name for path in folder.iterdir() if path.suffix != ".png")
        ['report.html', 'report.json', 'report.md']
    """
    figures = report_figures(report.scores)
    for figure in [*figures, *(figure for section in report.sections for figure in section.figures)]:
        write_atomically(folder / f"{figure.name}.png", partial(Path.write_bytes, data=figure_png(figure)))
    if report.clips is not None:
        write_text(folder / ANSWERS, predictions_csv(report.clips, report.scores.truth, report.scores.headline))
    write_text(folder / "report.json", json.dumps(report_json(report), indent=2, ensure_ascii=False) + "\n")
    write_text(folder / "report.md", report_markdown(report, figures))
    write_text(folder / "report.html", report_html(report, figures))
    return folder / "report.html"


def report_json(report: Report) -> dict[str, Any]:
    """Returns the report as the mapping of `report.json`; what is not defined is None."""
    scores, protocol = report.scores, report.protocol
    return {
        "title": report.title,
        "summary": report.summary,
        "notes": list(report.notes),
        "protocol": {
            "clips": protocol.clips,
            "speakers": protocol.speakers,
            "train_clips": protocol.train_clips,
            "train_speakers": protocol.train_speakers,
            "folds": protocol.folds,
            "seeds": list(protocol.seeds),
            "speaker_disjoint": protocol.speaker_disjoint,
            "single_label": scores.truth.single_label,
            "emotions": list(scores.truth.emotions),
            "positive_share": scores.truth.positive_share,
            "bootstrap_resamples": scores.truth.n_resamples,
        },
        "metrics": json_metrics(scores.models[0].metrics),
        "models": {row.name: json_metrics(row.metrics) for row in scores.models},
        "baselines": {row.name: json_metrics(row.metrics) for row in scores.baselines},
        "per_emotion": {
            row.name: json_metrics(row.metrics) | {"threshold": row.threshold, "positives": row.positives}
            for row in scores.emotions
        },
        "groups": {
            column: {
                row.value: {"clips": row.clips, "speakers": row.speakers, "metrics": json_metrics(row.metrics)}
                for row in rows
            }
            for column, rows in scores.groups.items()
        },
        "gaps": {
            column: {
                metric: {"best": gap.best, "worst": gap.worst, **json_measure(gap.difference)}
                for metric, gap in gaps.items()
            }
            for column, gaps in scores.gaps.items()
        },
        "speaker_probe": _json_speaker_probe(report.speaker_probe),
        **{section.name: dict(section.data) for section in report.sections},
        "left_out": report.left_out,
        "set_aside": [{"path": path, "reason": reason} for path, reason in report.set_aside],
        "made": {
            "command": report.command,
            "created": report.created,
            "duration_s": round(report.duration_s, 1),
            "versions": report.versions,
            "corpus_fingerprint": report.fingerprint,
            "settings": report.settings,
        },
    }


def report_html(report: Report, figures: Sequence[Figure]) -> str:
    """Returns the report as one HTML page that needs nothing beside it."""
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
        contents=_contents(report),
        number=number,
        interval=interval,
    )


def _contents(report: Report) -> list[tuple[str, str]]:
    """Returns the anchor and the heading of each part that the page has."""
    parts = [
        ("main", "Results", True),
        ("figures", "Figures", True),
        ("emotions", "Emotions", True),
        ("groups", "Groups", report.scores.groups),
        ("voices", "Who is speaking", report.speaker_probe),
        *((section.name, section.title, True) for section in report.sections),
        ("set-aside", "Set aside", report.set_aside),
        ("made", "How it was made", True),
    ]
    return [(anchor, heading) for anchor, heading, there in parts if there]


def _json_speaker_probe(probe: SpeakerProbe | None) -> dict[str, Any] | None:
    if probe is None:
        return None
    accuracy = {name: json_measure(found) for name, found in probe.rows}
    return {"speakers": probe.speakers, "protocol": probe.protocol, "accuracy": accuracy}
