"""Shortcuts: how well emotions can be told from properties of files, without listening.

A tiny model, logistic regression on a few numbers and their squares, is fitted to the clips of some speakers and scored
on those of others. What it reaches, any network can reach without learning what an emotion sounds like.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.console import track
from emoclr.configs.messages import count_of
from emoclr.corpus.audit.findings import Finding, Weight
from emoclr.corpus.audit.people import USUAL_FOLDS
from emoclr.corpus.audit.recordings import Recording
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.splits import Rows, speaker_codes, speaker_folds
from emoclr.evaluate.metrics.arrays import Mask, macro_mean
from emoclr.evaluate.metrics.intervals import cross_validated_interval, measure
from emoclr.evaluate.metrics.ranking import weighted_auroc
from emoclr.evaluate.paired import FEW_SPEAKERS
from emoclr.evaluate.positive_share import POSITIVE_SHARE

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
        low: lower end of a 95 % interval over speakers, see `cross_validated_interval`.
        high: its upper end.
    """

    emotion: str
    cue: str
    auroc: float
    low: float
    high: float


def find_shortcuts(
    table: LabelTable, recordings: Sequence[Recording | str], positive_share: float = POSITIVE_SHARE, seed: int = 0
) -> list[Shortcut]:
    """Returns what each cue that varies tells of each emotion.

    Nothing of fewer than `FEW_SPEAKERS` speakers (recordings, where speakers are not known or only one): an interval
    over so few holds the truth too seldom.
    """
    heard = [(row, recording) for row, recording in enumerate(recordings) if isinstance(recording, Recording)]
    readable = table.select([row for row, _ in heard])
    speakers = speaker_codes(readable)
    known = len(np.unique(speakers))
    if known < FEW_SPEAKERS:
        return []
    cues = cue_features([recording for _, recording in heard])
    folds = speaker_folds(readable, min(USUAL_FOLDS, known), seed)
    names = [str(speaker) for speaker in speakers]
    found = []
    work = [(column, cue) for column in range(len(table.emotions)) for cue in cues]
    for column, cue in track(work, "looking for shortcuts"):
        weighted = _held_out_aurocs(cues[cue], readable.targets[:, column] >= positive_share, folds)
        area = cross_validated_interval(measure(weighted, names, _RESAMPLES, seed)["auroc"], len(folds))
        if not np.isnan(area.value):
            low, high = max(area.low, 0.0), min(area.high, 1.0)
            found.append(Shortcut(table.emotions[column], cue, area.value, low, high))
    return found


def shortcut_findings(shortcuts: Sequence[Shortcut], unit: str = "speaker") -> list[Finding]:
    """Returns a finding for each cue that some emotion can be told by, in speakers or other units not fitted to."""
    findings = []
    for name, cue in CUES.items():
        strong = [found for found in shortcuts if found.cue == name and found.low > STRONG_AUROC]
        if strong:
            findings.append(
                Finding(
                    f"{name} tells emotions apart",
                    cue.weight,
                    f"{count_of(len(strong), 'emotion')} can be told by {name} alone ({cue.meaning}), in {unit}s not "
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


def _held_out_aurocs(
    features: Features, positive: Mask, folds: Sequence[tuple[Rows, Rows]]
) -> Callable[[Features], dict[str, Features]]:
    """Returns the mean AUROC over folds, `(W,)`, as a function of weights `(W, clips)`.

    Folds without a positive or without a negative, to fit to or to score, have no part in it.
    """
    from sklearn.linear_model import LogisticRegression

    scored = []
    for train, test in folds:
        if 0 < positive[train].sum() < len(train):
            model = LogisticRegression(max_iter=200).fit(features[train], positive[train])
            scored.append((test, model.decision_function(features[test])))

    def weighted(weights: Features) -> dict[str, Features]:
        areas = [weighted_auroc(positive[test], scores, weights[:, test]) for test, scores in scored]
        return {"auroc": macro_mean(np.array(areas).reshape(len(areas), len(weights)).T)}

    return weighted


def _with_squares(numbers: Sequence[Sequence[float]]) -> Features:
    """Returns standardised numbers and their squares, so that the middle can differ from both ends."""
    columns = np.array(numbers, dtype=np.float64)
    spread = columns.std(axis=0)
    standard = np.divide(columns - columns.mean(axis=0), spread, out=np.zeros_like(columns), where=spread > 1e-9)
    return np.concatenate([standard, standard**2], axis=1)


def _one_hot(values: Sequence[object]) -> Features:
    codes = np.unique(np.array([str(value) for value in values]), return_inverse=True)[1]
    return np.eye(codes.max() + 1)[codes.reshape(-1)]
