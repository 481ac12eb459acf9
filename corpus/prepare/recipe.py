"""What a recipe is, and what it gives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from emoclr.configs.errors import ConfigError
from emoclr.configs.messages import some

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Prepared:
    """A corpus as `write_labels` takes it, and what its user should know.

    Attributes:
        table: one row a clip.
        found: how many of the corpus's recordings are in the folder, with labels or without.
        notes: what was left out and why, a line each.
        missing: recordings that the corpus has and the folder has not, where their names are known.
        expected: how many recordings this release has, where the copy's own tables say so.

    Examples:
        >>> import pandas as pd
        >>> Prepared(pd.DataFrame({"path": ["a.wav"], "joy": [1]}), found=1, expected=2).expected
        2
    """

    table: "pd.DataFrame"
    found: int
    notes: list[str] = field(default_factory=list)
    missing: Sequence[str] = ()
    expected: int | None = None


@dataclass(frozen=True)
class PublishedFolds:
    """Folds that others score a corpus in.

    Attributes:
        source: who published them.
        of_speaker: gives for a speaker the fold that scores its clips, and the one in which they validate.
    """

    source: str
    of_speaker: Callable[[str], tuple[int, int]]

    def divided(self, table: "pd.DataFrame") -> "pd.DataFrame":
        """Returns a corpus in these folds instead of its split."""
        scored, validates = zip(*map(self.of_speaker, table["speaker"]), strict=True)
        return table.drop(columns="split", errors="ignore").assign(fold=scored, validation_fold=validates)


@dataclass(frozen=True)
class Recipe:
    """How one corpus becomes labels.

    Attributes:
        name: what users type.
        description: the corpus, in a line.
        language: what is spoken.
        emotions: how many, in the default set of labels.
        licence: the corpus's own, in a few words; "not stated" where its publishers name none.
        citation: the paper.
        clips: the sets of labels it can give, the default first, and how many clips are published for each.
        read: makes the table from a folder and a set of labels.
        folds: published folds by name, which can be asked for instead of the split.

    Examples:
        >>> from emoclr.corpus.prepare import RECIPES
        >>> RECIPES["emodb"].language, RECIPES["emodb"].clips
        ('German', {'intended': 535})
    """

    name: str
    description: str
    language: str
    emotions: int
    licence: str
    citation: str
    clips: Mapping[str, int]
    read: Callable[[Path, str], Prepared]
    folds: Mapping[str, PublishedFolds] = field(default_factory=dict)

    def prepare(self, folder: Path, labels: str | None = None, folds: str | None = None) -> Prepared:
        """Returns the table of a corpus with the labels asked for, None for the default; first note: what is missing.

        Args:
            folder: where the corpus lies.
            labels: which set of labels.
            folds: which published folds it is divided into; None for the split of the recipe.

        Raises:
            ConfigError: the corpus has no such labels or folds, or there is no such folder.
            EmoclrError: the folder does not hold the corpus.
        """
        if labels is not None and labels not in self.clips:
            raise ConfigError(f"--labels {labels}: this corpus has {' and '.join(self.clips)}")
        if folds is not None and folds not in self.folds:
            has = f"has {' and '.join(self.folds)}" if self.folds else "has none"
            raise ConfigError(f"--folds {folds}: this corpus {has}; without --folds, `probe` divides it")
        if not folder.is_dir():
            raise ConfigError(f"{folder}: no such folder")
        chosen = labels or next(iter(self.clips))
        prepared = self.read(folder, chosen)
        expected = self.clips[chosen] if prepared.expected is None else prepared.expected
        notes = [_completeness(prepared, expected), *prepared.notes]
        if folds is None:
            return replace(prepared, notes=notes)
        divided = self.folds[folds]
        return replace(prepared, table=divided.divided(prepared.table), notes=[*notes, f"folds of {divided.source}"])


def _completeness(prepared: Prepared, expected: int) -> str:
    if prepared.found > expected:
        return f"{prepared.found:,} clips are here, more than the {expected:,} published"
    if prepared.found == expected:
        return f"all {expected:,} clips are here"
    names = f"; missing: {some(prepared.missing)}" if prepared.missing else ""
    return f"{prepared.found:,} of {expected:,} clips are here{names}"
