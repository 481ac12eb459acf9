"""Shortcuts: how well emotions can be told from properties of files, without listening.

A tiny model, logistic regression on a few numbers and their squares, is fitted to the clips of some speakers and scored
on those of others. What it reaches, any network can reach without learning what an emotion sounds like.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.console import track
from emoclr.configs.messages import count_of
from emoclr.corpus.audit.findings import POSITIVE_SHARE, Finding, Weight
from emoclr.corpus.audit.people import USUAL_FOLDS
from emoclr.corpus.audit.recordings import Recording
from emoclr.corpus.labels.labels import LabelTable
from emoclr.corpus.labels.splits import Rows, speaker_codes, speaker_folds

TOGETHER = "together"
"""The name of all cues in one model."""

STRONG_AUROC = 0.6
"""Where the whole interval lies above, a cue is a shortcut."""

Features = NDArray[np.float64]
"""`(clips, numbers)`."""

_RESAMPLES = 500


@dataclass(frozen=True)
class Cue:
    """A property of files; `meaning` says what is measured, `caution` what a shortcut of this kind means."""

    meaning: str
    caution: str
    weight: Weight


CUES = {
    "level": Cue(
        "RMS and peak",
        "Loudness carries arousal, so this is no fault of the corpus; but a model has to do clearly better.",
        Weight.NOTE,
    ),
    "duration": Cue(
        "in seconds",
        "Emotions change how fast people speak, and how a corpus was cut does too; a model has to do clearly better.",
        Weight.NOTE,
    ),
    "format": Cue(
        "sample rate, channels and ending of the file",
        "No emotion changes the form of a file: a model can learn where a recording comes from instead.",
        Weight.WARNING,
    ),
    "bandwidth": Cue(
        "highest frequency within 60 dB of the loudest",
        "Emotions make voices brighter or duller, but codecs, telephones and old sample rates do too.",
        Weight.WARNING,
    ),
}


@dataclass(frozen=True)
class Shortcut:
    """How well a cue tells one emotion from the others, in speakers not fitted to.

    Attributes:
        emotion: which.
        cue: a key of `CUES`, or `TOGETHER`.
        auroc: area under the ROC curve, mean over folds; 0.5 is chance.
        low: lower end of a 95 % interval: percentiles over resamples of the speakers, widened as `_interval` says.
        high: its upper end.
    """

    emotion: str
    cue: str
    auroc: float
    low: float
    high: float


def find_shortcuts(table: LabelTable, recordings: Sequence[Recording | str], seed: int = 0) -> list[Shortcut]:
    """Returns what each cue that varies tells of each emotion; nothing where there are fewer than two speakers."""
    heard = [(row, recording) for row, recording in enumerate(recordings) if isinstance(recording, Recording)]
    readable = table.select([row for row, _ in heard])
    speakers = speaker_codes(readable)
    known = len(np.unique(speakers))
    if known < 2:
        return []
    cues = cue_features([recording for _, recording in heard])
    folds = speaker_folds(readable, min(USUAL_FOLDS, known), seed)
    generator = np.random.default_rng(seed)
    counts = generator.multinomial(known, np.full(known, 1 / known), size=_RESAMPLES)  # (R, speakers)
    weights = np.concatenate([np.ones((1, len(heard))), counts[:, speakers]])  # (1 + R, clips)
    found = []
    work = [(column, cue) for column in range(len(table.emotions)) for cue in cues]
    for column, cue in track(work, "looking for shortcuts"):
        areas = _held_out_aurocs(cues[cue], readable.targets[:, column] >= POSITIVE_SHARE, folds, weights)
        if not np.isnan(areas).all():
            low, high = _interval(float(areas[0]), areas[1:], len(folds))
            found.append(Shortcut(table.emotions[column], cue, float(areas[0]), low, high))
    return found


def shortcut_findings(shortcuts: Sequence[Shortcut]) -> list[Finding]:
    """Returns a finding for each cue that some emotion can be told by."""
    findings = []
    for name, cue in CUES.items():
        strong = [found for found in shortcuts if found.cue == name and found.low > STRONG_AUROC]
        if strong:
            findings.append(
                Finding(
                    f"{name} tells emotions apart",
                    cue.weight,
                    f"{count_of(len(strong), 'emotion')} can be told by {name} alone ({cue.meaning}), in speakers not "
                    f"fitted to. {cue.caution}",
                    [
                        f"{found.emotion}: AUROC {found.auroc:.2f} (95 % interval {found.low:.2f} to {found.high:.2f})"
                        for found in sorted(strong, key=lambda found: -found.auroc)
                    ],
                )
            )
    return findings


def cue_features(recordings: Sequence[Recording]) -> dict[str, Features]:
    """Returns the numbers of each cue that varies, and of all of them together where there are several."""
    cues = {
        "level": _with_squares([[clip.rms_db, clip.peak_db] for clip in recordings]),
        "duration": _with_squares([[np.log(clip.duration_s)] for clip in recordings]),
        "format": np.concatenate(
            [
                _one_hot([clip.suffix for clip in recordings]),
                _one_hot([clip.sample_rate for clip in recordings]),
                _one_hot([clip.channels for clip in recordings]),
            ],
            axis=1,
        ),
        "bandwidth": _with_squares([[clip.bandwidth_hz] for clip in recordings]),
    }
    varying = {name: features for name, features in cues.items() if np.ptp(features, axis=0).any()}
    if len(varying) > 1:
        varying[TOGETHER] = np.concatenate(list(varying.values()), axis=1)
    return varying


def weighted_aurocs(positive: NDArray[np.bool_], scores: Features, weights: Features) -> Features:
    """Returns the area under the ROC curve for each row of weights, `(W,)`; nan without a positive or a negative.

    Args:
        positive: `(clips,)`.
        scores: `(clips,)`, higher is more positive; ties count half.
        weights: `(W, clips)`, not negative.
    """
    order = np.argsort(scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))  # the last of each tie
    hits = np.cumsum(weights[:, order] * positive[order], axis=1)[:, ends]  # (W, ties)
    misses = np.cumsum(weights[:, order] * ~positive[order], axis=1)[:, ends]
    steps = np.diff(hits, axis=1, prepend=0.0)
    below = misses - np.diff(misses, axis=1, prepend=0.0) / 2
    pairs = hits[:, -1] * misses[:, -1]
    areas: Features = np.divide(
        np.sum(steps * below, axis=1), pairs, out=np.full(len(weights), np.nan), where=pairs > 0
    )
    return areas


def _held_out_aurocs(
    features: Features, positive: NDArray[np.bool_], folds: Sequence[tuple[Rows, Rows]], weights: Features
) -> Features:
    """Returns the mean over folds for each row of weights, `(W,)`, of the folds that hold positives and negatives."""
    from sklearn.linear_model import LogisticRegression

    areas = []
    for train, test in folds:
        if 0 < positive[train].sum() < len(train):
            model = LogisticRegression(max_iter=200).fit(features[train], positive[train])
            areas.append(weighted_aurocs(positive[test], model.decision_function(features[test]), weights[:, test]))
    measured = np.array(areas).reshape(len(areas), len(weights))  # (folds, W)
    there = ~np.isnan(measured)
    sums = np.where(there, measured, 0.0).sum(axis=0)
    means: Features = np.divide(sums, there.sum(axis=0), out=np.full(len(weights), np.nan), where=there.any(axis=0))
    return means


def _interval(auroc: float, resampled: Features, n_folds: int) -> tuple[float, float]:
    """Returns the percentiles of the resamples, moved away from the estimate.

    The models of the folds share most of their speakers and err alike, which resampling those they are scored on does
    not show. Nadeau & Bengio (2003), "Inference for the Generalization Error", Machine Learning 52: the variance
    over K folds grows by 1 + K · test / train, which is 1 + K / (K - 1).
    """
    wider = np.sqrt(1 + n_folds / (n_folds - 1))
    low, high = auroc + wider * (np.nanpercentile(resampled, [2.5, 97.5]) - auroc)
    return float(max(low, 0.0)), float(min(high, 1.0))


def _with_squares(numbers: Sequence[Sequence[float]]) -> Features:
    """Returns standardised numbers and their squares, so that the middle can differ from both ends."""
    columns = np.array(numbers, dtype=np.float64)
    spread = columns.std(axis=0)
    standard = np.divide(columns - columns.mean(axis=0), spread, out=np.zeros_like(columns), where=spread > 1e-9)
    return np.concatenate([standard, standard**2], axis=1)


def _one_hot(values: Sequence[object]) -> Features:
    codes = np.unique(np.array([str(value) for value in values]), return_inverse=True)[1]
    return np.eye(codes.max() + 1)[codes.reshape(-1)]
