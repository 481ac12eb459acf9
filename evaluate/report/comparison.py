"""Several reports set against the first: their paired differences, and what those say for who has to choose."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emoclr.evaluate.metrics.intervals import Measure
from emoclr.evaluate.metrics.registry import METRICS, comparison_columns
from emoclr.evaluate.paired import FEW_SPEAKERS, HEAD_ALONE, UNTRAINED
from emoclr.evaluate.report.formatting import listed, signed
from emoclr.evaluate.report.paired_reports import PairedReports, differences
from emoclr.evaluate.report.predictions_csv import ANSWERS, read_predictions
from emoclr.evaluate.report.sentence import Sentence
from emoclr.evaluate.report.stored_report import REPORT_JSON, find_report, read_report
from emoclr.evaluate.report.verdict import relation
from emoclr.evaluate.scores import ENSEMBLE

OF_MEMBERS = (f"{UNTRAINED} ", f"{HEAD_ALONE}, ")


@dataclass(frozen=True)
class ComparedReport:
    """A report among others.

    Attributes:
        name: what it is called.
        folder: where it lies.
        content: of its `report.json`.
        paired: what it is worth beside the first; None where that is not known, as of the first itself.
        reason: why it is not known; or empty.
    """

    name: str
    folder: Path
    content: dict[str, Any]
    paired: PairedReports | None = None
    reason: str = ""

    @property
    def headline(self) -> str:
        """The name of the model that it is about."""
        name: str = next(iter(self.content["models"]))
        return name

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        """The metrics of the headline model and of its baselines, by name.

        Beside an ensemble, what its members begin from one by one is more than a headline, and is left out.
        """
        own = f"{UNTRAINED} {ENSEMBLE}"
        baselines = {
            name: metrics
            for name, metrics in self.content["baselines"].items()
            if self.headline != ENSEMBLE or not name.startswith(OF_MEMBERS) or name == own
        }
        return {self.headline: self.content["metrics"]} | baselines


@dataclass(frozen=True)
class Comparison:
    """Reports side by side, the first of which the others are set against.

    Attributes:
        reports: in the order in which they were given.
        metric: by which one is called better than another.
        columns: metrics that any of them has.
        verdict: what the differences mean, and what to do.
    """

    reports: Sequence[ComparedReport]
    metric: str
    columns: Sequence[str]
    verdict: Sequence[Sentence]

    @property
    def title(self) -> str:
        """The question that it answers.

        >>> reports = [ComparedReport(name, Path(name), {}) for name in ("a", "b", "c")]
        >>> Comparison(reports, "uar", [], []).title
        'Which is better than a: b or c?'
        """
        first, *others = [report.name for report in self.reports]
        if not others:
            return str(self.reports[0].content["title"])
        if len(others) == 1:
            return f"Is {others[0]} better than {first}?"
        return f"Which is better than {first}: {listed(others, 'or')}?"

    @property
    def shared_rows(self) -> dict[str, dict[str, Any]]:
        """The baselines that are the same in all of several reports, by name."""
        first, *others = self.reports
        shared = {name: metrics for name, metrics in first.rows.items() if name in first.content["baselines"]}
        for report in others:
            shared = {name: metrics for name, metrics in shared.items() if self._same(metrics, report.rows.get(name))}
        return shared if others else {}

    def own_rows(self, report: ComparedReport) -> dict[str, dict[str, Any]]:
        """Returns the rows of a report but for those that are the same in all."""
        shared = self.shared_rows
        return {name: metrics for name, metrics in report.rows.items() if name not in shared}

    def _same(self, metrics: dict[str, Any], others: dict[str, Any] | None) -> bool:
        return others is not None and all(metrics.get(name) == others.get(name) for name in self.columns)


def compare_reports(places: Sequence[Path]) -> Comparison:
    """Returns reports side by side, with how far each differs from the first on the clips that both scored.

    Args:
        places: of each report its folder, its `report.json`, or the output folder of `finetune` that holds it.

    Raises:
        EmoclrError: a place holds no report.
    """
    folders = [find_report(place) for place in places]
    named = zip(_names(places), folders, strict=True)
    first, *others = [ComparedReport(name, folder, read_report(folder)) for name, folder in named]
    reports = [first, *_beside(first, others)] if others else [first]
    columns = [
        name
        for name in comparison_columns(single_label=True)
        if any(name in report.content["metrics"] for report in reports)
    ]
    metric = "uar" if first.content["protocol"]["single_label"] else "macro_auroc"
    return Comparison(reports, metric, columns, _verdict(reports, metric))


def compared(name: str, first: str, difference: Measure, metric: str, n_speakers: int) -> list[Sentence]:
    """Returns whether one report's headline model is better than another's, on the clips that both scored.

    >>> told = compared("B", "A", Measure(0.05, 0.02, 0.08), "mAP", 12)
    >>> [(sentence.weight, sentence.text) for sentence in told]
    [('good', 'B: better than A (+0.050, +0.020 to +0.080 mAP).')]
    """
    if n_speakers < FEW_SPEAKERS:
        told = f"{name}: too few speakers ({n_speakers}) to tell it from {first}, which takes at least {FEW_SPEAKERS}."
        return [Sentence(told, "comparison", "open")]
    words, weight = relation(difference)
    return [Sentence(f"{name}: {words} {first} ({signed(difference)} {metric}).", "comparison", weight)]


def which_to_take(first: str, known: Mapping[str, Measure], folders: Mapping[str, Path]) -> list[Sentence]:
    """Returns which model to take, by the differences of the others from the first; nothing where none is known.

    Examples:
        >>> known = {"b": Measure(0.05, 0.02, 0.08), "c": Measure(0.04, 0.01, 0.07)}
        >>> which_to_take("a", known, {"b": Path("runs/b"), "c": Path("runs/c")})[0].text
        'Take b, or c: which of them, `probe compare runs/b runs/c` tells.'
        >>> which_to_take("a", {"b": Measure(0.0, -0.02, 0.02)}, {})[0].text
        'Keep a, or take what costs less: more scored speakers would narrow the intervals.'
    """
    better = sorted((name for name in known if known[name].low > 0), key=lambda name: -known[name].value)
    if len(better) == 1:
        return [Sentence(f"Take {better[0]}.", "next")]
    if better:
        command = shlex.join(["probe", "compare", *(str(folders[name]) for name in better)])
        told = f"Take {better[0]}, or {listed(better[1:], 'or')}: which of them, `{command}` tells."
        return [Sentence(told, "next")]
    if any(found.high >= 0 for found in known.values()):
        told = f"Keep {first}, or take what costs less: more scored speakers would narrow the intervals."
        return [Sentence(told, "next")]
    return [Sentence(f"Keep {first}.", "next")] if known else []


def _names(places: Sequence[Path]) -> list[str]:
    """Returns what reports are called: the folders that hold them, or their whole paths where these are alike."""
    folders = [place.parent if place.name == REPORT_JSON else place for place in places]
    names = [folder.absolute().name for folder in folders]
    return names if len(set(names)) == len(names) else [str(folder) for folder in folders]


def _beside(first: ComparedReport, others: Sequence[ComparedReport]) -> list[ComparedReport]:
    """Returns the others, each with what it is worth beside the first, or why that is not known."""
    answers = read_predictions(first.folder / ANSWERS)
    reports = []
    for other in others:
        theirs = read_predictions(other.folder / ANSWERS)
        if answers is None or theirs is None:
            missing = (first if answers is None else other).folder
            found: PairedReports | str = f"{missing} has no {ANSWERS}: make that report anew to have one"
        else:
            found = differences(answers, theirs, (first.content["protocol"], other.content["protocol"]))
        paired, reason = (None, found) if isinstance(found, str) else (found, "")
        reports.append(ComparedReport(other.name, other.folder, other.content, paired, reason))
    return reports


def _verdict(reports: Sequence[ComparedReport], metric: str) -> list[Sentence]:
    first, *others = reports
    verdict, known = _limits(reports), dict[str, Measure]()
    for other in others:
        if other.paired is None:
            verdict.append(Sentence(f"no differences for {other.name}: {other.reason}", "comparison", "open"))
            continue
        if other.paired.remark:
            verdict.append(Sentence(f"{other.name}: differences {other.paired.remark}", "comparison"))
        difference, n_speakers = other.paired.metrics[metric], other.paired.speakers
        verdict += compared(other.name, first.name, difference, METRICS[metric].label, n_speakers)
        if n_speakers >= FEW_SPEAKERS:
            known[other.name] = difference
    return [*verdict, *which_to_take(first.name, known, {report.name: report.folder for report in reports})]


def _limits(reports: Sequence[ComparedReport]) -> list[Sentence]:
    """Returns what forbids conclusions from any of the reports, each once, with the names of those that it is of."""
    found = dict[str, list[str]]()
    for report in reports:
        for told in report.content.get("verdict", ()):  # reports of earlier versions have none
            if told["kind"] == "limit":
                found.setdefault(told["text"], []).append(report.name)
    return [
        Sentence(text if len(names) == len(reports) else f"{listed(names)}: {text}", "limit", "warning")
        for text, names in found.items()
    ]
