"""What an audit says: findings, each with its weight, and the lines that prove it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from emoclr.corpus.labels.label_table import LabelTable


class Weight(StrEnum):
    """How bad a finding is."""

    LEAK = "leak"  # numbers measured on this corpus would be too high
    WARNING = "warning"  # something is wrong, or easily misread
    NOTE = "note"  # good to know


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        check: what was looked for, e.g. "speakers across splits".
        weight: how bad it is.
        summary: a sentence or two, with the count.
        cases: a line for each case, all of them.

    Examples:
        >>> Finding("silence", "warning", "1 clip is silent", ["row 12: a.wav"]).summary
        '1 clip is silent'
    """

    check: str
    weight: Weight
    summary: str
    cases: Sequence[str] = ()


def emotions_of(table: LabelTable, row: int) -> str:
    """Returns the labels of a clip: "anger", or "anger 0.40, fear 0.30" where they are shares."""
    held = [(emotion, share) for emotion, share in zip(table.emotions, table.targets[row], strict=True) if share > 0]
    plain = all(share == 1 for _, share in held)
    return ", ".join(emotion if plain else f"{emotion} {share:.2f}" for emotion, share in held) or "no emotion"
