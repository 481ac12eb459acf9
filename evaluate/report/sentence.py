"""What a verdict is made of: sentences, each with what it is about and how much it weighs, and next steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["limit", "fitness", "comparison", "emotions", "groups", "next"]
Weight = Literal["warning", "good", "bad", "open", "plain"]

CAUTIONS = "cautions"
"""Last column of CSVs that hold answers, there where something forbids a conclusion from them."""
TONES: Mapping[Weight, str] = {"good": "bold green", "open": "bold yellow", "bad": "bold red"}
"""How an answer looks on a terminal."""


class Caution(str):
    """A note that forbids a conclusion, whatever the numbers are; other notes are there to be looked up.

    Args:
        text: the note.
        step: what would lift it, as a sentence; empty where nothing is told.

    Examples:
        >>> Caution("All clips are synthetic.", step="Score it on recordings of people.").step
        'Score it on recordings of people.'
    """

    step: str

    def __new__(cls, text: str, step: str = "") -> "Caution":
        """Returns the note, which is text."""
        made = super().__new__(cls, text)
        made.step = step
        return made


@dataclass(frozen=True)
class Sentence:
    """A sentence of a verdict.

    Attributes:
        text: in plain words; commands and options stand between backticks.
        kind: what it is about: what limits every conclusion, whether the model is fit to use, what it was compared
            with, single emotions, groups of speakers, or what to do next.
        weight: a warning forbids a conclusion; good, bad and open (not to be told) are findings; the rest is plain.
    """

    text: str
    kind: Kind
    weight: Weight = "plain"

    @property
    def on_top(self) -> bool:
        """Whether it stands above the figure: what forbids a conclusion, the answer, and what to do."""
        return self.kind in ("limit", "fitness", "next")

    @property
    def line(self) -> str:
        """The sentence as a line on a terminal."""
        label = {"limit": "warning: ", "next": "next: "}.get(self.kind, "")
        return label + self.text


@dataclass(frozen=True)
class NextSteps:
    """What to do next, by what was found: sentences with the very command or option; an empty one is not told.

    Attributes:
        use: where the model is good.
        improve: where something simpler is as good, or better.
        certain: where it is not told which is better, what would narrow the intervals.
        speakers: where too few speakers were scored.
        label: where an emotion is not found.
        head: where the head alone on the frozen encoder is better.
        alone: by the name of a model, how to use it in place of the headline model.
        combination: the same of another way to combine, which stands for `{how}`.
    """

    use: str = ""
    improve: str = ""
    certain: str = ""
    speakers: str = ""
    label: str = ""
    head: str = ""
    alone: Mapping[str, str] = field(default_factory=dict)
    combination: str = ""


def cautions(notes: Sequence[str]) -> list[Sentence]:
    """Returns the notes that forbid a conclusion, as the first sentences of a verdict.

    >>> [sentence.line for sentence in cautions(["1 clip is silent.", Caution("Synthetic voices.")])]
    ['warning: Synthetic voices.']
    """
    return [Sentence(str(note), "limit", "warning") for note in notes if isinstance(note, Caution)]
