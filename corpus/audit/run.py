"""The audit of one labels.csv, from reading it to the findings."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from emoclr.corpus.audit.duplicates import duplicate_findings
from emoclr.corpus.audit.findings import Finding, Weight
from emoclr.corpus.audit.people import table_findings
from emoclr.corpus.audit.recordings import Recording, measure_clips
from emoclr.corpus.audit.shortcuts import Shortcut, find_shortcuts, shortcut_findings
from emoclr.corpus.audit.sound import sound_findings
from emoclr.corpus.labels.checks.table_note import TableNote
from emoclr.corpus.labels.checks.whole_table import notes_on
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.labels_csv import read_labels
from emoclr.corpus.labels.splits import unit_of
from emoclr.corpus.labels.tables.column_names import Given
from emoclr.evaluate.positive_share import POSITIVE_SHARE


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        table: the labels.
        recordings: what was measured of each clip, or why it cannot be read.
        findings: the worst first.
        shortcuts: what each cue tells of each emotion, also where that is little.
        positive_share: the share from which an emotion is there.

    Examples:
        >>> import tempfile
        >>> import numpy as np, soundfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for number, name in enumerate(["a.wav", "b.wav", "c.wav"]):
        ...     soundfile.write(folder / name, 0.1 * np.random.default_rng(number).normal(size=16_000), 16_000)
        >>> rows = ["path,joy,speaker,split", "a.wav,1,anna,train", "b.wav,0,anna,test", "c.wav,1,ben,train"]
        >>> _ = (folder / "labels.csv").write_text("\\n".join(rows))
        >>> found = audit(folder / "labels.csv")
        >>> len(found.table), len(found.leaks)
        (3, 1)
    """

    table: LabelTable
    recordings: Sequence[Recording | str]
    findings: Sequence[Finding]
    shortcuts: Sequence[Shortcut]
    positive_share: float

    @property
    def unreadable(self) -> int:
        """How many clips cannot be read."""
        return sum(isinstance(clip, str) for clip in self.recordings)

    @property
    def good(self) -> bool:
        """Whether there are no leaks, and clips that can be read."""
        return not self.leaks and self.unreadable < len(self.recordings)

    @property
    def leaks(self) -> list[Finding]:
        """The findings that make numbers too high."""
        return [finding for finding in self.findings if finding.weight is Weight.LEAK]


def audit(labels: Path, positive_share: float = POSITIVE_SHARE, columns: Given | None = None) -> Audit:
    """Returns what is wrong with a labels.csv and its recordings.

    Args:
        labels: the labels.csv.
        positive_share: the share from which an emotion is there.
        columns: columns by their meaning, where their names do not tell it.

    Raises:
        LabelsError: the CSV is not as it should be; a speaker in several splits is a finding instead.

    Examples:
        >>> import tempfile
        >>> import numpy as np, soundfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for number, name in enumerate(["a.wav", "b.wav", "c.wav"]):
        ...     soundfile.write(folder / name, 0.1 * np.random.default_rng(number).normal(size=16_000), 16_000)
        >>> rows = ["path,joy,speaker,split", "a.wav,1,anna,train", "b.wav,0,anna,test", "c.wav,1,ben,train"]
        >>> _ = (folder / "labels.csv").write_text("\\n".join(rows))
        >>> [finding.check for finding in audit(folder / "labels.csv").leaks]
        ['speakers across splits']
    """
    table = read_labels(labels, refuse_leaks=False, columns=columns)
    recordings = measure_clips(table)
    shortcuts = find_shortcuts(table, recordings, positive_share)
    findings = [
        *(Finding(note.check, Weight.WARNING, f"{note.summary}.", note.cases) for note in _notes(table, recordings)),
        *table_findings(table, positive_share),
        *duplicate_findings(table, recordings, positive_share),
        *sound_findings(table, recordings),
        *shortcut_findings(shortcuts, unit_of(table)),
    ]
    order = list(Weight)
    findings.sort(key=lambda finding: order.index(finding.weight))
    return Audit(table, recordings, findings, shortcuts, positive_share)


def _notes(table: LabelTable, recordings: Sequence[Recording | str]) -> list[TableNote]:
    return notes_on(table, [clip.duration_s if isinstance(clip, Recording) else clip for clip in recordings])
