"""Paired differences of two reports, from the predictions that both stored of the same clips."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from emoclr.evaluate.metrics.intervals import Metrics
from emoclr.evaluate.paired import paired_differences, paired_emotions
from emoclr.evaluate.report.predictions_csv import StoredPredictions
from emoclr.evaluate.scores import Prediction, Truth

MIN_SHARED = 0.5
"""Share of either report's clips that both have to have scored: fewer would be another corpus than either reports."""


@dataclass(frozen=True)
class PairedReports:
    """What the headline model of one report is worth beside that of another, on the clips that both scored.

    Attributes:
        metrics: each metric of the other minus that of the first.
        emotions: of each emotion, its AUROC in the other minus that in the first.
        speakers: how many the intervals are over.
        remark: on what it was measured, where that is not all clips of both; or empty.
    """

    metrics: Metrics
    emotions: Metrics
    speakers: int
    remark: str


def differences(
    first: StoredPredictions, second: StoredPredictions, protocols: tuple[dict[str, Any], dict[str, Any]]
) -> PairedReports | str:
    """Returns `second` minus `first` and on what it was measured; or why there is no difference.

    Args:
        first: predictions of the report compared with.
        second: predictions of the other report.
        protocols: `protocol` of both reports' `report.json`.
    """
    if first.emotions != second.emotions:
        return f"it scores other emotions ({', '.join(second.emotions)}) than the first ({', '.join(first.emotions)})"
    single, shares = ([protocol[key] for protocol in protocols] for key in ("single_label", "positive_share"))
    if single[0] != single[1]:
        return "one of the two scores a single label a clip, the other several"
    if shares[0] != shares[1]:
        return f"an emotion counts as there from a share of {shares[1]:g}, in the first from {shares[0]:g}"
    places = {clip: place for place, clip in enumerate(first.clips)}
    shared = [(places[clip], place) for place, clip in enumerate(second.clips) if clip in places]
    counts = f"{len(shared):,} clips are in both, of {len(first.clips):,} and {len(second.clips):,}"
    if len(shared) < MIN_SHARED * max(len(first.clips), len(second.clips)):
        return f"it scored other clips: {counts}, and at least half of each have to be"
    ours, theirs = (np.array(rows) for rows in zip(*shared, strict=True))
    speakers = [first.speakers[row] for row in ours]
    if len(set(speakers)) < 2:
        return f"the clips that both scored are of one speaker: {counts}"
    relabelled = int((first.targets[ours] != second.targets[theirs]).any(axis=1).sum())
    if relabelled:
        return f"{relabelled:,} of the {len(shared):,} clips that both scored are labelled otherwise"
    truth = Truth(
        emotions=first.emotions,
        targets=first.targets[ours],
        speakers=speakers,
        single_label=bool(protocols[0]["single_label"]),
        positive_share=float(protocols[0]["positive_share"]),
        n_resamples=int(protocols[0]["bootstrap_resamples"]),
    )
    models = (
        Prediction("second", second.probabilities[theirs], second.thresholds[theirs]),
        Prediction("first", first.probabilities[ours], first.thresholds[ours]),
    )
    whole = len(shared) == len(first.clips) == len(second.clips)
    return PairedReports(
        metrics=paired_differences(truth, *models),
        emotions=paired_emotions(truth, *models, "auroc"),
        speakers=len(set(speakers)),
        remark="" if whole else f"only on the clips that both scored: {counts}",
    )
