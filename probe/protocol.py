"""What every report takes from a division of labels: the truth that is scored, and the protocol in numbers."""

from collections.abc import Sequence

import numpy as np

from emoclr.corpus.labels.division import Division
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.splits import speaker_codes
from emoclr.evaluate.groups import broken_down, repeats_label
from emoclr.evaluate.report.report import Protocol
from emoclr.evaluate.scores import Prediction, Truth
from emoclr.evaluate.studies.listeners import listener_rows


def truth_of(table: LabelTable, division: Division, positive_share: float, n_resamples: int, seed: int) -> Truth:
    """Returns what is true of the scored clips, in the order in which folds score them."""
    scored = table.select(division.scored)
    labels = scored.targets.argmax(axis=1).tolist()
    columns = {
        name: values
        for name, values in scored.groups.items()
        if not (table.single_label and repeats_label(values, labels))
    }
    return Truth(
        emotions=table.emotions,
        targets=scored.targets.astype(np.float64),
        speakers=[str(code) for code in speaker_codes(table)[division.scored]],
        groups=broken_down(columns)[0],
        single_label=table.single_label,
        positive_share=positive_share,
        n_resamples=n_resamples,
        seed=seed,
    )


def listeners_of(table: LabelTable, division: Division, truth: Truth) -> list[Prediction]:
    """Returns what listeners themselves would answer; nothing where it is not known how many voted."""
    if table.listeners is None or table.single_label:
        return []
    return listener_rows(truth.targets, table.listeners[division.scored], truth.positive_share, truth.seed)


def protocol_of(table: LabelTable, division: Division, seeds: Sequence[int]) -> Protocol:
    """Returns the protocol; that speakers are apart is checked, not assumed."""
    codes = speaker_codes(table)
    voices = None if table.speakers is None else np.array(table.speakers)
    return Protocol(
        clips=len(division.scored),
        speakers=len(np.unique(codes[division.scored])),
        train_clips=len(division.fitted),
        train_speakers=len(np.unique(codes[division.fitted])),
        folds=len(division.folds),
        seeds=seeds,
        speaker_disjoint=None
        if voices is None
        else all(not np.intersect1d(voices[train], voices[test]).size for train, test in division.folds),
    )
