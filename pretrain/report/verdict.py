"""The verdict of a pretraining: whether it goes well, from its records and its online probe, and what to do next.

Each rule looks at a backbone and gives sentences, none where its records are too few to tell by an interval.
"""

import shlex
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from emoclr.evaluate.report.sentence import Sentence
from emoclr.pretrain.report.run_state import BackboneState, RunState

RELEASED_STEPS = (558, 1302)
"""Steps that the encoders of `emoclr-small` were pretrained for, from the fewest to the most."""
MIN_RECORDS = 5
"""Records, or looks of the online probe, that an interval is drawn from."""
SOLVED = 0.95
"""Contrastive accuracy from which on the loss says little."""

Array = NDArray[np.float64]


def verdict_of(run: RunState) -> list[Sentence]:
    """Returns how a run goes, in sentences, and what to do next last."""
    found = [Sentence(warning, "limit", "warning") for warning in warnings_of(run)]
    found += [sentence for rule in RULES for state in run.backbones for sentence in rule(state, run)]
    if not any(state.monitor for state in run.backbones):
        told = "Not measured meanwhile is what it learns of emotions: `monitor=labels.csv` shows it, epoch by epoch."
        found.append(Sentence(told, "emotions", "open"))
    probe = f"`probe --from {shlex.quote(str(run.folder))} --data labels.csv --out reports/probe`"
    if not run.finished:
        step = "The same command with `--resume` goes on where it was left."
    elif any(is_early(state) for state in run.backbones):
        step = f"The same command with `--resume` and more `epochs`; {probe} measures what there is."
    else:
        step = f"Measure it: {probe}."
    return [*found, Sentence(step, "next")]


def warnings_of(run: RunState) -> Iterator[str]:
    """Yields what is wrong with a run or one of its backbones."""
    yield from run.card.warnings
    yield from (f"{state.name}: {warning}" for state in run.backbones for warning in state.warnings)


def is_early(state: BackboneState) -> bool:
    """Returns whether a backbone has come less far than any released encoder."""
    return state.step < RELEASED_STEPS[0]


def progress(state: BackboneState, run: RunState) -> Iterator[Sentence]:
    """Says that it is too early to say anything, by the steps that the released encoders took."""
    if is_early(state):
        fewest, most = RELEASED_STEPS
        of_all = f" of {state.steps:,}" if state.steps and state.steps > state.step else ""
        told = f"{state.name}: {state.step:,}{of_all} steps, the released encoders took {fewest:,} to {most:,}"
        yield Sentence(f"{told}: too early to say.", "fitness", "open")


def contrast(state: BackboneState, run: RunState) -> Iterator[Sentence]:
    """Says that the contrast is solved, which is no reason to stop.

    From 0.94 to 0.98, with twice the views, an encoder still gained on emotions and in noise (docs/ablations.md).
    """
    accuracy = _column(state.rows, "contrastive_accuracy")[1]
    latest = accuracy[-max(MIN_RECORDS, len(accuracy) // 5) :]
    if len(latest) < MIN_RECORDS:
        return
    low, high = _interval_of_mean(latest)
    if low > SOLVED:
        told = f"{state.name}: contrast is solved at {latest.mean():.2f} ({low:.2f} to {min(high, 1.0):.2f})"
        harder = "; `negatives=same_speaker` is harder" if run.card.settings.negatives == "any" else ""
        yield Sentence(
            f"{told}: the loss says little now, emotions may still be learned{harder}.", "comparison", "open"
        )


def online_probe(state: BackboneState, run: RunState) -> Iterator[Sentence]:
    """Says whether the online probe is better than before the first step, and whether it still rises."""
    steps, auroc = _column(state.monitor, "linear_auroc")
    if len(auroc) <= MIN_RECORDS:
        return
    late = slice(len(auroc) // 2, None)
    now, before = auroc[late], auroc[0]
    # Of one more look like these, which the first one would be if nothing had been learned.
    half = float(stdtrit(len(now) - 1, 0.975) * now.std(ddof=1) * np.sqrt(1 + 1 / len(now)))
    values = f"macro AUROC {now.mean():.3f} by online probe, {before:.3f} before the first step"
    if abs(now.mean() - before) > half:
        better = bool(now.mean() > before)
        words = "emotions are found better than untrained" if better else "emotions are found worse than untrained"
        yield Sentence(f"{state.name}: {words}: {values}.", "emotions", "good" if better else "bad")
    else:
        yield Sentence(f"{state.name}: no gain for emotions is shown: {values}.", "emotions", "open")
    if len(now) < MIN_RECORDS:
        return
    epoch = _epoch(float(steps[late][0]), state, run)
    low, high = _interval_of_slope(steps[late], now)
    if low > 0:
        yield Sentence(f"{state.name}: the online probe still rises{epoch}: more `epochs`.", "emotions", "good")
    elif high < 0:
        yield Sentence(f"{state.name}: the online probe falls{epoch}: fewer `epochs`.", "emotions", "bad")
    else:
        yield Sentence(
            f"{state.name}: the online probe no longer rises{epoch}, as far as can be told.", "emotions", "open"
        )


RULES: Sequence[Callable[[BackboneState, RunState], Iterator[Sentence]]] = (progress, contrast, online_probe)
"""The rule book, in the order in which its sentences are told."""


def _column(rows: Sequence[dict[str, float]], name: str) -> tuple[Array, Array]:
    """Returns the steps and the values of a column, where it has any."""
    found = np.array([(row["step"], row[name]) for row in rows if name in row], dtype=np.float64).reshape(-1, 2)
    found = found[np.isfinite(found).all(axis=1)]
    return found[:, 0], found[:, 1]


def _interval_of_mean(values: Array) -> tuple[float, float]:
    half = float(stdtrit(len(values) - 1, 0.975) * values.std(ddof=1) / np.sqrt(len(values)))
    return float(values.mean()) - half, float(values.mean()) + half


def _interval_of_slope(places: Array, values: Array) -> tuple[float, float]:
    """Returns the 95 % interval of the slope of a straight line through the values."""
    away = places - places.mean()
    slope = float(away @ values / (away @ away))
    left = values - values.mean() - slope * away
    half = float(stdtrit(len(values) - 2, 0.975) * np.sqrt(left @ left / (len(values) - 2) / (away @ away)))
    return slope - half, slope + half


def _epoch(step: float, state: BackboneState, run: RunState) -> str:
    return f" since epoch {run.card.settings.epochs * step / state.steps:.0f}" if state.steps else ""
