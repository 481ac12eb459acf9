"""A report as data: what was measured, how, and on what. `writers` make files of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from emoclr.evaluate.report.predictions_csv import ScoredClips
from emoclr.evaluate.report.section import Section
from emoclr.evaluate.report.sentence import Caution, Sentence
from emoclr.evaluate.scores import Scores
from emoclr.evaluate.speaker_probe import SpeakerProbe


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
    """All that a report says.

    Attributes:
        title: what was measured.
        summary: the protocol in one paragraph of words.
        scores: the numbers.
        protocol: the protocol in numbers.
        labels: how each table of labels was understood, a line each.
        verdict: what the numbers mean, the most important first.
        notes: what a reader must know to read the numbers right; a `Caution` forbids a conclusion, such as that the
            corpus is synthetic.
        left_out: emotions that no head was trained for, each with the reason.
        set_aside: files that could not be used, with the reason.
        command: the command line that made it.
        versions: packages and their versions.
        fingerprint: of the corpus.
        settings: the settings in force.
        duration_s: how long it took.
        created: when, ISO 8601.
        heard_in_pretraining: how many of the scored clips and speakers, by encoder; None where it is not known.
        speaker_probe: the speaker-identity probe, where speakers are known.
        sections: what else was measured, in the order in which it is shown.
        clips: the scored clips, rows as in the scores' truth; with them, each one's predictions are written.

    Examples:
        >>> import numpy as np
        >>> from emoclr.evaluate import Prediction, Truth, score_all
        >>> truth = Truth(["joy", "fear"], np.array([[1, 0], [0, 1], [1, 1], [0, 0]]), ["anna", "ben", "anna", "ben"])
        >>> guess = Prediction("ensemble", np.array([[0.9, 0.2], [0.1, 0.6], [0.8, 0.7], [0.3, 0.1]]), np.full(2, 0.5))
        >>> from emoclr.evaluate.report.writers.report_json import report_json
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
    labels: Sequence[str] = ()
    verdict: Sequence[Sentence] = ()
    notes: Sequence[str] = ()
    left_out: dict[str, str] = field(default_factory=dict)
    set_aside: Sequence[tuple[str, str]] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    heard_in_pretraining: Mapping[str, Mapping[str, int] | None] = field(default_factory=dict)
    speaker_probe: SpeakerProbe | None = None
    sections: Sequence[Section] = ()
    clips: ScoredClips | None = None

    @property
    def remarks(self) -> list[str]:
        """The notes that forbid no conclusion."""
        return [note for note in self.notes if not isinstance(note, Caution)]

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
