"""Speakers and emotions, as the table alone shows them."""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.messages import count_of
from emoclr.corpus.audit.findings import Finding, Weight
from emoclr.corpus.labels.label_table import SPLITS, LabelTable
from emoclr.corpus.labels.splits import speaker_codes, unit_of
from emoclr.evaluate.paired import FEW_SPEAKERS

USUAL_FOLDS = 5
"""How many folds reports make where nothing else is asked for."""

RARE_SHARE = 0.01
"""Emotions of a smaller part of the clips are rare."""


def table_findings(table: LabelTable, positive_share: float) -> list[Finding]:
    """Returns what there is to say of speakers and emotions, which are there from a share on."""
    positive = table.targets >= positive_share
    found = [
        speakers_across_splits(table),
        speakers_unknown(table),
        few_speakers(table),
        rare_emotions(table, positive),
        emotions_of_few(table, positive),
        emotions_missing_in_splits(table, positive),
        speakers_of_one_emotion(table, positive),
    ]
    return [finding for finding in found if finding is not None]


def speakers_across_splits(table: LabelTable) -> Finding | None:
    """Returns the speakers who are in several splits, with their clips in each."""
    if table.speakers is None or table.splits is None or len(set(table.speakers)) < 2:
        return None
    clips = Counter(zip(table.speakers, table.splits, strict=True))
    cases = []
    for speaker in sorted(set(table.speakers)):
        counts = {split: clips[speaker, split] for split in SPLITS if clips[speaker, split]}
        if len(counts) > 1:
            cases.append(f"{speaker}: " + ", ".join(f"{count:,} {split}" for split, count in counts.items()))
    if not cases:
        return None
    every = len(set(table.speakers))
    return Finding(
        "speakers across splits",
        Weight.LEAK,
        f"{len(cases):,} of {count_of(every, 'speaker')} are in several splits: a model can know them by their voice.",
        cases,
    )


def speakers_unknown(table: LabelTable) -> Finding | None:
    """Returns that nothing can be said of speakers, where there is no such column."""
    if table.speakers is not None:
        return None
    return Finding(
        "speakers unknown",
        Weight.WARNING,
        "There is no column 'speaker', so voices cannot be kept apart: recordings are instead, and numbers tend to be "
        "too high.",
    )


def few_speakers(table: LabelTable) -> Finding | None:
    """Returns that numbers are those of one voice, or of few, where there are no more."""
    known = len(set(table.speakers or ()))
    if table.speakers is None or known >= FEW_SPEAKERS:
        return None
    if known > 1:
        told = f"Only {known}: numbers measured on fewer than {FEW_SPEAKERS} tell little of other voices."
        return Finding("few speakers", Weight.WARNING, told)
    return Finding(
        "one speaker",
        Weight.WARNING,
        f"All clips are of {table.speakers[0]}: recordings are kept apart instead of voices, and numbers tell nothing "
        "about other voices.",
    )


def rare_emotions(table: LabelTable, positive: NDArray[np.bool_]) -> Finding | None:
    """Returns the emotions that only a small part of the clips carries."""
    rare = positive.sum(axis=0) < RARE_SHARE * len(table)
    if not rare.any():
        return None
    return Finding(
        "rare emotions",
        Weight.WARNING,
        f"{count_of(int(rare.sum()), 'emotion')} in under {RARE_SHARE:.0%} of the clips: what is measured of them is "
        "rough, or nothing.",
        _held_by(table, positive, rare),
    )


def emotions_of_few(table: LabelTable, positive: NDArray[np.bool_]) -> Finding | None:
    """Returns the emotions that are not rare, and still have too few clips or speakers for each fold to have one."""
    speakers = speaker_codes(table)
    clips = positive.sum(axis=0)
    holders = np.array([len(np.unique(speakers[held])) for held in positive.T])
    few = (clips >= RARE_SHARE * len(table)) & (np.minimum(clips, holders) < USUAL_FOLDS)
    if not few.any():
        return None
    return Finding(
        "emotions with few clips or speakers",
        Weight.WARNING,
        f"{count_of(int(few.sum()), 'emotion')} of fewer than {USUAL_FOLDS} clips or {unit_of(table)}s: not each of "
        f"{USUAL_FOLDS} folds has one, and what is measured of them is rough, or nothing.",
        _held_by(table, positive, few),
    )


def _held_by(table: LabelTable, positive: NDArray[np.bool_], chosen: NDArray[np.bool_]) -> list[str]:
    """Returns for each chosen emotion its clips and its speakers."""
    speakers, what = speaker_codes(table), unit_of(table)
    lines = []
    for place in np.flatnonzero(chosen).tolist():
        clips = int(positive[:, place].sum())
        holders = count_of(len(np.unique(speakers[positive[:, place]])), what)
        lines.append(f"{table.emotions[place]}: {count_of(clips, 'clip')} ({clips / len(table):.2%}) of {holders}")
    return lines


def emotions_missing_in_splits(table: LabelTable, positive: NDArray[np.bool_]) -> Finding | None:
    """Returns the emotions that some split has clips of and another has none of."""
    if table.splits is None:
        return None
    splits = np.array(table.splits)
    present = [split for split in SPLITS if (splits == split).any()]
    cases = []
    for emotion, held in zip(table.emotions, positive.T, strict=True):
        counts = {split: int(held[splits == split].sum()) for split in present}
        if any(counts.values()) and not all(counts.values()):
            cases.append(f"{emotion}: " + ", ".join(f"{count:,} {split}" for split, count in counts.items()))
    if not cases:
        return None
    return Finding(
        "emotions missing in a split",
        Weight.WARNING,
        f"{count_of(len(cases), 'emotion')} not in every split: not learned, or not measured.",
        cases,
    )


def speakers_of_one_emotion(table: LabelTable, positive: NDArray[np.bool_]) -> Finding | None:
    """Returns the speakers of several clips that all carry the same emotions: their voice gives those away."""
    if table.speakers is None or len(table.emotions) < 2:
        return None
    rows_of: dict[str, list[int]] = {}
    for row, speaker in enumerate(table.speakers):
        rows_of.setdefault(speaker, []).append(row)
    several = {speaker: rows for speaker, rows in sorted(rows_of.items()) if len(rows) > 1}
    cases = []
    for speaker, rows in several.items():
        if (positive[rows] == positive[rows[0]]).all():
            held = [emotion for emotion, there in zip(table.emotions, positive[rows[0]], strict=True) if there]
            cases.append(f"{speaker}: {count_of(len(rows), 'clip')}, all {' and '.join(held) or 'without emotion'}")
    if not cases:
        return None
    return Finding(
        "speakers with one emotion only",
        Weight.WARNING,
        f"{len(cases):,} of {count_of(len(several), 'speaker')} with several clips show nothing else: a model can "
        "learn the voice instead of the emotion.",
        cases,
    )
