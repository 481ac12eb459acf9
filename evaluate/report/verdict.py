"""The verdict of a report: what its numbers mean for who has to decide, in sentences that its intervals bear out.

Each rule looks at scores and gives sentences, none where an interval does not tell. A difference is told of models on
the same resamples of speakers; of fewer than `FEW_SPEAKERS` nothing is told but that they are too few.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from emoclr.configs.messages import count_of
from emoclr.evaluate.metrics.intervals import Measure
from emoclr.evaluate.metrics.registry import METRICS
from emoclr.evaluate.paired import FEW_SPEAKERS, kind_of, paired_rows, rivals_of
from emoclr.evaluate.report.formatting import listed, number, signed
from emoclr.evaluate.report.sentence import Caution, NextSteps, Sentence, Weight, cautions
from emoclr.evaluate.scores import CHANCE, ENSEMBLE, EmotionRow, Row, Scores

MIN_GROUP_SPEAKERS = 5
"""Speakers of a group below which it is not set against another."""


@dataclass(frozen=True)
class Compared:
    """A row that the headline model is set against, and the headline metric of the headline model minus its own."""

    row: Row
    baseline: bool
    difference: Measure

    @property
    def better(self) -> bool:
        """Whether the headline model is better, as far as the interval tells."""
        return self.difference.low > 0

    @property
    def worse(self) -> bool:
        """Whether the headline model is worse, as far as the interval tells."""
        return self.difference.high < 0

    @property
    def simple(self) -> bool:
        """Whether it takes no pretraining: what an encoder has to be better than."""
        return self.baseline and kind_of(self.row.name, baseline=True) != "head alone"


@dataclass(frozen=True)
class Evidence:
    """What the rules look at: the scores, what the headline model is set against, what could be done, and cautions."""

    scores: Scores
    compared: Sequence[Compared]
    steps: NextSteps
    cautions: Sequence[Caution] = ()

    @property
    def metric(self) -> str:
        """The headline metric's key."""
        return self.scores.truth.headline[0]

    @property
    def headline(self) -> Row:
        """The row of the headline model."""
        return self.scores.models[0]

    @property
    def chance(self) -> Compared | None:
        """The headline model against chance; None where no row says what chance is."""
        return next((found for found in self.compared if found.row.name == CHANCE), None)

    @property
    def rivals(self) -> list[Compared]:
        """All but chance, of other models the best single one and those that are better."""
        return [found for found in self.compared if found.row.name != CHANCE]

    @property
    def beaten(self) -> bool:
        """Whether chance, or anything else that takes no pretraining, is as good as far as can be told."""
        return any(found.simple and not found.better for found in self.compared)


def verdict_of(scores: Scores, steps: NextSteps, notes: Sequence[str] = (), unit: str = "speaker") -> list[Sentence]:
    """Returns what the scores mean, the most important first, and what to do next last.

    Args:
        scores: of a report.
        steps: what to do, by what is found.
        notes: of the report; those that are a `Caution` come first.
        unit: what intervals are over.

    Examples:
        >>> import numpy as np
        >>> from emoclr.evaluate import Prediction, Truth, score_all
        >>> truth = Truth(["joy"], np.array([[1.0], [0.0]]), ["anna", "ben"])
        >>> verdict = verdict_of(score_all(truth, [Prediction("a", truth.targets, np.array([0.5]))]), NextSteps())
        >>> [sentence.text for sentence in verdict]
        ['2 speakers were scored: too few to say what works, which takes at least 10.']
    """
    found = cautions(notes)
    n_speakers = len(set(scores.truth.speakers))
    if n_speakers < FEW_SPEAKERS:
        be = "was" if n_speakers == 1 else "were"
        told = f"{count_of(n_speakers, unit)} {be} scored: too few to say what works, which takes at least "
        return [*found, Sentence(f"{told}{FEW_SPEAKERS}.", "fitness", "open"), *_next(steps.speakers)]
    evidence = Evidence(scores, _compared(scores), steps, [note for note in notes if isinstance(note, Caution)])
    return [*found, *(sentence for rule in RULES for sentence in rule(evidence))]


def fitness(evidence: Evidence) -> Iterator[Sentence]:
    """Says whether the model is fit to use: better than chance, and than all that takes no pretraining."""
    name, metric, chance = _called(evidence.headline.name), METRICS[evidence.metric].label, evidence.chance
    value = f"{metric} {_told(evidence.headline.metrics[evidence.metric])}"
    simple = [found for found in evidence.rivals if found.simple]
    at = "" if chance is None else number(chance.row.metrics[evidence.metric].value)
    if chance is not None and not chance.better:
        yield Sentence(f"Not fit to use: {name} is not better than chance ({at}), with {value}.", "fitness", "bad")
    elif worse := [found for found in simple if found.worse]:
        best = max(worse, key=lambda found: found.row.metrics[evidence.metric].value)
        reached = number(best.row.metrics[evidence.metric].value)
        told = f"Do not use {name}: {value}, where {_called(best.row.name)} has {reached}."
        yield Sentence(told, "fitness", "bad")
    elif same := [_called(found.row.name) for found in simple if not found.better]:
        told = f"No gain is shown: {name}, with {value}, cannot be told apart from {listed(same)}."
        yield Sentence(told, "fitness", "open")
    elif simple or chance is not None:
        beaten = listed([_called(found.row.name) for found in simple]) if simple else f"chance ({at})"
        if evidence.cautions:
            told = f"On these clips {name} is better than {beaten}: {value}. What else it is worth is not shown."
            yield Sentence(told, "fitness", "open")
        elif simple:
            told = f"{_capital(name)} works on clips like these: {value}, better than {beaten}."
            yield Sentence(told, "fitness", "good")
        else:
            yield Sentence(f"{_capital(name)} is better than {beaten}: {value}.", "fitness", "good")


def comparisons(evidence: Evidence) -> Iterator[Sentence]:
    """Says what the model is better than, worse than, and not to be told apart from, each with its difference."""
    groups: tuple[tuple[str, Weight, list[Compared]], ...] = (
        ("Worse than", "bad", [found for found in evidence.rivals if found.worse]),
        ("Better than", "good", [found for found in evidence.rivals if found.better]),
        ("Not to be told apart from", "open", [f for f in evidence.rivals if not f.worse and not f.better]),
    )
    for words, weight, group in groups:
        if group:
            told = listed([f"{_called(found.row.name)} ({signed(found.difference)})" for found in group])
            yield Sentence(f"{words} {told} by {METRICS[evidence.metric].label}.", "comparison", weight)


def emotions_found(evidence: Evidence) -> Iterator[Sentence]:
    """Says which emotions are found better than by chance, and which are not, by the interval of their AUROC."""
    ranked = sorted(evidence.scores.emotions, key=lambda row: row.metrics["auroc"].value, reverse=True)
    found = [row for row in ranked if row.metrics["auroc"].low > 0.5]
    missed = [row for row in ranked if row.metrics["auroc"].low <= 0.5]  # without an interval, neither
    if found:
        first, last = found[0], found[-1]
        which = listed([_with_auroc(row) for row in found])
        if len(found) > 2:
            names = listed([row.name for row in found])
            names = f"all {len(ranked)} emotions" if len(found) == len(ranked) else names
            which = f"{names}, from {_with_auroc(first)} to {_with_auroc(last)}"
        yield Sentence(f"Found better than by chance: {which}.", "emotions", "good")
    if missed:
        told = listed([_with_auroc(row) for row in missed])
        yield Sentence(f"Found no better than by chance, as far as can be told: {told}.", "emotions", "bad")


def names_right(evidence: Evidence) -> Iterator[Sentence]:
    """Says of which emotions a name is more often wrong than right, by the interval of their precision."""
    rows = [row for row in evidence.scores.emotions if row.positives and row.metrics["precision"].value > 0]
    wrong = [row for row in rows if row.metrics["precision"].high < 0.5]
    if wrong:
        shares = [_percent(row.metrics["precision"]) for row in wrong]
        shares = [
            f"right {shares[0]}",
            *(share.replace("in ", "").replace(" of the cases", "") for share in shares[1:]),
        ]
        told = listed([f"{row.name} ({share})" for row, share in zip(wrong, shares, strict=True)], "or")
        advice = "sort clips by probability rather than trust the name"
        yield Sentence(f"When it names {told}, it is wrong more often than right: {advice}.", "emotions", "bad")
    elif rows and all(row.metrics["precision"].low > 0.5 for row in rows):
        least = min(rows, key=lambda row: row.metrics["precision"].value)
        told = f"{least.name} the least often, {_percent(least.metrics['precision'])}"
        yield Sentence(f"What it names is right more often than wrong: {told}.", "emotions", "good")


def groups_apart(evidence: Evidence) -> Iterator[Sentence]:
    """Says which of two groups the model is worse for; of more groups the widest gap is picked, and proves nothing."""
    for column, rows in evidence.scores.groups.items():
        gap = evidence.scores.gaps[column].get(evidence.metric)
        if gap is None or len(rows) != 2 or min(row.speakers for row in rows) < MIN_GROUP_SPEAKERS:
            continue
        if gap.difference.low > 0:
            told = f"{_told(gap.difference)} less {METRICS[evidence.metric].label} than for {gap.best}"
            yield Sentence(f"It is worse for {column} {gap.worst}: {told}.", "groups", "bad")


def next_steps(evidence: Evidence) -> Iterator[Sentence]:
    """Says what to do: another model in place of this one, more pretraining, more labels, or use it."""
    steps, better = evidence.steps, [found for found in evidence.rivals if found.worse]
    models = [found for found in better if not found.baseline]
    if models:
        best = max(models, key=lambda found: found.row.metrics[evidence.metric].value).row.name
        if kind_of(best, baseline=False) == "combination":
            yield from _next(steps.combination.format(how=best.split(", ")[1]))
        else:
            yield from _next(steps.alone.get(best, ""))
    if any(not found.simple for found in better if found.baseline):
        yield from _next(steps.head)
    if evidence.beaten:
        if not any(found.simple and found.worse for found in evidence.compared):
            yield from _next(steps.certain)
        yield from _next(steps.improve)
    elif lifting := dict.fromkeys(caution.step for caution in evidence.cautions):
        for step in lifting:
            yield from _next(step)
    elif not models:
        yield from _next(steps.use)
    if any(row.metrics["auroc"].low <= 0.5 for row in evidence.scores.emotions):
        yield from _next(steps.label)


RULES: tuple[Callable[[Evidence], Iterator[Sentence]], ...] = (
    fitness,
    comparisons,
    emotions_found,
    names_right,
    groups_apart,
    next_steps,
)
"""The rule book, in the order in which its sentences are told."""


def _compared(scores: Scores) -> list[Compared]:
    """Returns what the headline model is set against: chance, its rivals, and other models that may replace it."""
    headline, *others = scores.models
    metric, speakers = scores.truth.headline[0], scores.truth.speakers

    def against(row: Row, baseline: bool) -> Compared:
        return Compared(row, baseline, paired_rows(headline, row, metric, speakers))

    chance = [row for row in scores.baselines if row.name == CHANCE]
    single = [row for row in others if kind_of(row.name, baseline=False) == "model"]
    best = max(single, key=lambda row: row.metrics[metric].value, default=None)
    models = [against(row, baseline=False) for row in others]
    return [
        *(against(row, baseline=True) for row in [*chance, *rivals_of(scores)]),
        *(found for found in models if found.row is best or found.worse),
    ]


def relation(difference: Measure) -> tuple[str, Weight]:
    """Returns what a difference says, as words that a name follows, and how much that weighs.

    >>> relation(Measure(0.1, -0.1, 0.3))
    ('not to be told apart from', 'open')
    """
    if difference.low > 0:
        return "better than", "good"
    return ("worse than", "bad") if difference.high < 0 else ("not to be told apart from", "open")


def _next(text: str) -> list[Sentence]:
    return [Sentence(text, "next")] if text else []


def _called(name: str) -> str:
    """Returns a row's name in a sentence."""
    return f"the {name}" if name.split(", ")[0].endswith(ENSEMBLE) else name


def _capital(text: str) -> str:
    return text.replace("the ", "The ", 1) if text.startswith("the ") else text  # a name stays as it is


def _told(found: Measure) -> str:
    return f"{number(found.value)} ({number(found.low)} to {number(found.high)})"


def _percent(found: Measure) -> str:
    return f"in {100 * found.value:.0f} % of the cases, {100 * found.low:.0f} to {100 * found.high:.0f} %"


def _with_auroc(row: EmotionRow) -> str:
    found = row.metrics["auroc"]
    return f"{row.name} (AUROC {number(found.value)}, {number(found.low)} to {number(found.high)})"
