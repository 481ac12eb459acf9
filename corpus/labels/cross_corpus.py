"""Cross-corpus evaluation: two label tables as one, to fit to one corpus and to score on the other."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from emoclr.corpus.labels.emotion_names import common_name
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.tables.text_table import LabelsError
from emoclr.evaluate.linear_probe import Rows

TRAIN, VALIDATION, TEST = "train", "validation", "test"


@dataclass(frozen=True)
class CrossCorpus:
    """Two corpora as one table.

    Attributes:
        table: the clips of the first, whose split says train (or validation, where its own does), and those of the
            second, whose split says test; emotions are the shared ones, by the first's names.
        text: what is fitted to and what is scored, in a paragraph.
        left_out: the emotions that only one has, each with the reason.
        sources: names of the first and the second.
        pairs: of each shared emotion its name in the first and in the second.
    """

    table: LabelTable
    text: str
    left_out: dict[str, str]
    sources: tuple[str, str]
    pairs: list[tuple[str, str]]

    @property
    def title(self) -> str:
        """From where to where, for the title of a report."""
        here, there = self.sources
        return f"in {there}, learned from {here}"


def cross(first: LabelTable, second: LabelTable) -> CrossCorpus:
    """Returns the clips of `first` to fit to and those of `second` to score.

    Of the first all but its test rows, of the second its test rows where it has some, else all. Where each clip of a
    corpus has one emotion, clips of an emotion that is not shared are left out: they may be of one that is, under
    another name.

    Raises:
        LabelsError: no emotion is shared, none of a corpus' clips has one, or a speaker is in both.
    """
    pairs = shared_emotions(first.emotions, second.emotions)
    if not pairs:
        raise LabelsError(
            second.source,
            f"shares no emotion with {first.source}: {', '.join(second.emotions)} here, "
            f"{', '.join(first.emotions)} there; name a column of both alike, or by a common name such as 'anger'",
        )
    ours, theirs = [list(names) for names in zip(*pairs, strict=True)]
    here, there = source_names(first.source, second.source)
    train, which = _to_fit(first)
    fitted, fitted_words = _part(first, train, ours, f"fitted to {here} ({which}")
    test, which = _to_score(second)
    scored, scored_words = _part(second, test, theirs, f"scored on {there} ({which}")
    _refuse_shared_speakers(fitted, scored)
    names = [a if a == b else f"{a} ({b})" for a, b in pairs]
    return CrossCorpus(
        table=_concatenated(fitted, scored),
        text=f"Across corpora: {fitted_words} and {scored_words}, by the emotions that both have: {', '.join(names)}.",
        left_out=_not_shared(first, second, ours, here) | _not_shared(second, first, theirs, there),
        sources=(here, there),
        pairs=pairs,
    )


def source_names(first: Path, second: Path) -> tuple[str, str]:
    """Returns what two files are called: their names, with their folders where both have the same one."""
    if first.name != second.name:
        return first.name, second.name
    here, there = (f"{path.absolute().parent.name}/{path.name}" for path in (first, second))
    return here, there


def shared_emotions(first: Sequence[str], second: Sequence[str]) -> list[tuple[str, str]]:
    """Returns the emotions that both have, as (name in the first, name in the second), in the first's order.

    Equal names are one emotion. So are the words that corpora commonly use for one (`anger`, `angry`, `wut`), where
    just one column of either corpus is left to mean it.
    """
    pairs = {name: name for name in first if name in second}
    rest = [[name for name in names if name not in pairs] for names in (first, second)]
    common = [Counter(common_name(name) for name in names) for names in rest]
    taken = {common_name(name) for name in pairs}
    meant = {common_name(name): name for name in rest[1]}
    for name in rest[0]:
        known = common_name(name)
        if known not in taken and common[0][known] == 1 and common[1][known] == 1:
            pairs[name] = meant[known]
    return [(name, pairs[name]) for name in first if name in pairs]


def _not_shared(here: LabelTable, there: LabelTable, shared: Sequence[str], name: str) -> dict[str, str]:
    """Returns the emotions of one corpus, of that name, that are not shared, each with the reason."""
    meant = {common_name(emotion) for emotion in there.emotions}
    return {
        emotion: "several columns may mean it" if common_name(emotion) in meant else f"only {name} has it"
        for emotion in here.emotions
        if emotion not in shared
    }


def _to_fit(table: LabelTable) -> tuple[Rows, str]:
    if table.splits is None:
        return np.arange(len(table)), "all its clips"
    if not len(table.rows_of(TRAIN)):
        raise LabelsError(table.source, "its split column leaves no train clips to fit to")
    apart = ", validation rows apart" if len(table.rows_of(VALIDATION)) else ""
    return np.setdiff1d(np.arange(len(table)), table.rows_of(TEST)), f"its train rows{apart}"


def _to_score(table: LabelTable) -> tuple[Rows, str]:
    test = table.rows_of(TEST) if table.splits is not None else np.arange(0)
    return (test, "its test rows") if len(test) else (np.arange(len(table)), "all its clips")


def _part(table: LabelTable, rows: Rows, names: list[str], words: str) -> tuple[LabelTable, str]:
    """Returns some clips with some emotions, and in words what they are; `words` is how these begin."""
    part = table.select(rows)
    columns = [table.emotions.index(name) for name in names]
    part = replace(part, emotions=names, targets=part.targets[:, columns])
    if not table.single_label:
        return part, f"{words})"
    known = part.targets.sum(1) > 0
    if not known.any():
        raise LabelsError(table.source, f"none of the clips that would be used has {', '.join(names)}")
    others = int((~known).sum())
    return part.select(known), f"{words}{f', without {others:,} of other emotions' if others else ''})"


def _refuse_shared_speakers(fitted: LabelTable, scored: LabelTable) -> None:
    both = sorted(set(fitted.speakers or ()) & set(scored.speakers or ()))
    if both:
        more = f" (and {len(both) - 1} more)" if len(both) > 1 else ""
        raise LabelsError(
            scored.source,
            f"speaker '{both[0]}'{more} is in {fitted.source} too: a leak, since no voice may be fitted to and scored; "
            "if they are different people, give them different names in one of the files",
        )


def _concatenated(fitted: LabelTable, scored: LabelTable) -> LabelTable:
    """Returns the clips of both tables in one; groups are those of the scored clips, which are broken down by them."""
    known = fitted.speakers is not None and scored.speakers is not None
    panels = [table.listeners for table in (fitted, scored)]
    splits = [VALIDATION if split == VALIDATION else TRAIN for split in fitted.splits or [TRAIN] * len(fitted)]
    return LabelTable(
        source=fitted.source,
        paths=[*fitted.paths, *scored.paths],
        emotions=fitted.emotions,
        targets=np.concatenate([fitted.targets, scored.targets]),
        speakers=[*(fitted.speakers or ()), *(scored.speakers or ())] if known else None,
        splits=[*splits, *[TEST] * len(scored)],
        start_s=np.concatenate([fitted.start_s, scored.start_s]),
        end_s=np.concatenate([fitted.end_s, scored.end_s]),
        listeners=None if panels[0] is None or panels[1] is None else np.concatenate([panels[0], panels[1]]),
        groups={
            name: [*fitted.groups.get(name, ["unknown"] * len(fitted)), *cells] for name, cells in scored.groups.items()
        },
    )
