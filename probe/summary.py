"""What a probe's report says in words: its protocol, and what must be known to read its numbers right."""

import shlex
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.messages import count_of, readable, some
from emoclr.corpus.audio.samples import SILENT_PEAK_DB
from emoclr.corpus.labels.division import Division, train_validation_test
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.splits import keeps_recordings_apart, speaker_codes, unit_of
from emoclr.evaluate.groups import broken_down
from emoclr.evaluate.paired import FEW_SPEAKERS
from emoclr.evaluate.report.sentence import Caution, NextSteps
from emoclr.pretrain.encoder.checkpoint import EncoderCard
from emoclr.probe.features.egemaps import EGEMAPS, NOTE, egemaps_installed
from emoclr.probe.settings import ProbeSettings

RELEASED = "emoclr-small"
MIN_RELEASED_STEPS = 558
"""Steps that the encoders of `RELEASED` were pretrained for, at least."""
SYNTHETIC_COLUMN = "synthetic"
"""A column of the labels that says "yes" of clips made by code."""
_CLIPS = "`corpus segment` makes segments.csv"


def label_notes(table: LabelTable, positive_share: float) -> list[str]:
    """Returns what has to be known of these labels, by readers of a report and by users of a model trained on them."""
    notes: list[str] = []
    made = table.groups.get(SYNTHETIC_COLUMN, []).count("yes")
    if made:
        which = "Synthetic" if made == len(table) else f"{made:,} of {len(table):,} clips are synthetic"
        notes.append(
            Caution(
                f"{which}: voices made by code, labels true by construction. These numbers say nothing about people.",
                step="Score it on recordings of people: `--test` with a table of theirs.",
            )
        )
    if not np.isin(table.targets, (0.0, 1.0)).all():
        shares = (
            f"Labels are shares of listeners' votes; an emotion counts as there from a share of {positive_share:g}."
        )
        if np.allclose(table.targets.sum(1), 1.0, atol=0.01):
            shares += (
                " The shares of a clip add up to one: each listener chose exactly one emotion, so several emotions "
                "in a clip means that listeners heard different ones."
            )
        notes.append(shares)
    return notes


def sound_notes(silent: NDArray[np.bool_]) -> list[str]:
    """Returns how many clips hold no sound, where some do not.

    >>> sound_notes(np.array([True, False, False]))
    ['1 of 3 clips is silent, with no sample above -60 dBFS; it is fitted to and scored as labelled.']
    """
    count = int(silent.sum())
    if not count:
        return []
    be, they = ("is", "it is") if count == 1 else ("are", "they are")
    return [
        f"{count:,} of {count_of(len(silent), 'clip')} {be} silent, with no sample above {SILENT_PEAK_DB:g} dBFS; "
        f"{they} fitted to and scored as labelled."
    ]


def score_notes(table: LabelTable, division: Division, positive_share: float, *, validated: bool = False) -> list[str]:
    """Returns what a reader of a report has to know of the clips that were fitted to and scored; see `few_speakers`."""
    notes: list[str] = []
    if table.speakers is None:
        notes.append(
            Caution(
                "Speakers are not known: recordings are kept apart instead, so voices may be in both the clips fitted "
                "to and the clips scored, and intervals are over recordings. Such numbers tend to be too high.",
                step="Name who speaks, in a column `speaker` of the labels: then voices are kept apart.",
            )
        )
    notes += few_speakers(table, division, validated=validated)
    scored = len(np.unique(speaker_codes(table)[division.scored]))
    if scored < 2:
        notes.append(
            f"Only one {unit_of(table)} was scored: there are no intervals, which would be over {unit_of(table)}s."
        )
    elif scored < FEW_SPEAKERS:
        notes.append(f"Only {scored} {unit_of(table)}s were scored: intervals over so few are rough.")
    absent = [
        emotion
        for column, emotion in enumerate(table.emotions)
        if not (table.targets[division.scored, column] >= positive_share).any()
    ]
    too_many = broken_down({name: [values[row] for row in division.scored] for name, values in table.groups.items()})[1]
    notes += [f"Not broken down by {name}: {number:,} values." for name, number in too_many.items()]
    if absent:
        notes.append(f"No scored clip carries {', '.join(absent)}: the macro means leave it out.")
    return notes


def few_speakers(table: LabelTable, division: Division, *, validated: bool = False) -> list[str]:
    """Returns what it means that there is one speaker only, or that a fold is fitted to one only.

    Args:
        table: labels of the clips.
        division: of its rows.
        validated: whether validation clips are taken out of those to fit, as `train_validation_test` does.
    """
    if table.speakers is None:
        return []
    if keeps_recordings_apart(table):
        codes = speaker_codes(table)
        both = sum(len(np.intersect1d(codes[train], codes[test])) for train, test in division.folds)
        apart = f"parts of {count_of(both, 'recording')} are on both sides" if both else "recordings are kept apart"
        return [
            Caution(
                f"All clips are of one speaker ({readable(table.speakers[0])}); {apart}. The numbers are those of "
                "this voice and tell nothing about others; intervals are over its recordings.",
                step=more_speakers(table, division),
            )
        ]
    voices = np.array(table.speakers)
    alone, elsewhere = set(), []
    for fold, (train, _) in enumerate(division.folds):
        choosing = train
        if validated:
            train, choosing, _ = train_validation_test(table, division, fold)
        if len(fitted := set(voices[train].tolist())) == 1:
            alone |= fitted
            elsewhere.append(not fitted & set(voices[choosing].tolist()))
    if not alone:
        return []
    which = f"In {len(elsewhere)} of {len(division.folds)} folds the" if len(division.folds) > 1 else "The"
    chosen = "" if all(elsewhere) else ", and what is chosen was chosen on other recordings of the same voice"
    names = some([readable(name) for name in sorted(alone)])
    return [
        Caution(
            f"{which} clips fitted to are of one speaker ({names}){chosen}. What a model of several voices could do "
            "is not shown.",
            step=more_speakers(table, division),
        )
    ]


def next_steps_of(
    source: Path, data: Path, table: LabelTable, division: Division, cards: Sequence[EncoderCard], names: Sequence[str]
) -> NextSteps:
    """Returns what may be done after a probe, with the very commands.

    Args:
        source: run or backbone folder that was probed; with `{fold}` in it, one for each fold.
        data: labels.csv.
        table: labels of the clips.
        division: of its rows.
        cards: of the encoders.
        names: of the encoders.
    """
    labels, emotions = shlex.quote(str(data)), "--out checkpoints/my-emotions"
    folders = {name: source / name if len(names) > 1 else source for name in names}
    alone = {
        name: f"Use {name} alone: `finetune --from {shlex.quote(str(folder))} --data {labels} {emotions}`."
        for name, folder in folders.items()
    }
    use = f"Fine-tune: `finetune --from {shlex.quote(str(source))} --data {labels} {emotions}`."
    if "{fold}" in str(source):  # a model of all folds takes an encoder that is to be pretrained yet
        alone, use = {}, ""
    return NextSteps(
        use=use,
        improve=longer_pretraining(cards),
        certain=more_certainty(table, division),
        speakers=more_speakers(table, division),
        label=more_labels(source, data),
        alone=alone,
    )


def longer_pretraining(cards: Sequence[EncoderCard]) -> str:
    """Returns what to do where encoders, none where nothing was pretrained, are no better than something simpler."""
    instead = f"this command with `--from {RELEASED}`"
    steps = max((card.step for card in cards), default=None)
    if steps is None:
        return f"Begin with pretrained encoders: {instead}."
    if steps >= MIN_RELEASED_STEPS:
        return f"Pretrain on more recordings like these, or try {instead}."
    return (
        f"Pretrained for {count_of(steps, 'step')}, the released encoders for {MIN_RELEASED_STEPS:,} and more: the "
        f"same `pretrain` with `--resume` and more `epochs`, or {instead}."
    )


def more_speakers(table: LabelTable, division: Division) -> str:
    """Returns what to do where too few speakers were scored."""
    known = len(np.unique(speaker_codes(table)))
    if len(division.folds) == 1 and known >= FEW_SPEAKERS and table.speakers is not None:
        return f"The same command with `folds=5` scores all {known} speakers in turn."
    draws = "`corpus pick segments.csv --n 100 --out picked.csv` draws clips, speakers in turn"
    return f"Label more speakers: {draws}; {_CLIPS}."


def more_certainty(table: LabelTable, division: Division) -> str:
    """Returns what narrows the intervals where all speakers could be scored; empty where they are."""
    known = len(np.unique(speaker_codes(table)))
    if len(division.folds) > 1 or known < FEW_SPEAKERS or table.speakers is None:
        return ""
    return f"More scored speakers may tell: the same command with `folds=5` scores all {known} in turn."


def more_labels(source: Path, data: Path) -> str:
    """Returns what to do where emotions are not found."""
    which = f"--from {shlex.quote(str(source))} --data segments.csv --labels {shlex.quote(str(data))}"
    first = f"`probe pick {which} --n 100 --out picked.csv` says which first"
    return f"Label more clips with emotions found no better than by chance: {first}; {_CLIPS}."


def units_of_choice(table: LabelTable, division: Division) -> str:
    """Returns what the folds inside the clips fitted to keep apart: speakers, or recordings of the only one."""
    units = {f"{unit_of(table.select(train))}s" for train, _ in division.folds}
    return " or ".join(sorted(units, reverse=True))


def summary_of(
    table: LabelTable, division: Division, cards: Sequence[EncoderCard], settings: ProbeSettings, n_encoders: int = 1
) -> str:
    """Returns the protocol in one paragraph.

    Args:
        table: labels of the clips.
        division: of its rows.
        cards: of the encoders, those of one fold where each has its own.
        settings: of the probe.
        n_encoders: how many encoders of a name there are: 1, or as many as folds.
    """
    codes, unit = speaker_codes(table), unit_of(table)

    def counted(rows: "np.typing.NDArray[np.int64]") -> str:
        return f"{count_of(len(rows), 'clip')} of {count_of(len(np.unique(codes[rows])), unit)}"

    model = "a logistic regression" if table.single_label else "a ridge regression"
    encoders = f"each of {len(cards)} frozen encoders" if len(cards) > 1 else "a frozen encoder"
    if n_encoders > 1:
        encoders += ", pretrained anew for each fold"
    if division.given:
        train, test = division.folds[0]
        split = f"fitted to {counted(train)} and scored on {counted(test)}, none of them the same"
    else:
        whole = counted(division.scored)
        split = f"fitted and scored in {len(division.folds)} folds of {whole}, which no {unit} crosses"
        if any(len(kept) for kept in division.validation):
            split += f"; the {unit}s that the labels keep for a fold's validation are not fitted to"
    windows = sorted({settings.window_s or card.crop_s for card in cards})
    length = " or ".join(f"{window:g} s" for window in windows)
    egemaps = f", {EGEMAPS} ({NOTE})" if settings.egemaps and egemaps_installed() else ""
    return (
        f"{model.capitalize()} on the embeddings of {encoders}, {split}. Regularisation and thresholds were chosen "
        f"inside the clips fitted to, in folds of {units_of_choice(table, division)}; "
        f"the seed of all that is drawn is {settings.seed}. "
        f"A clip's embedding is the mean over windows of {length} that cover all of it. "
        "The baselines are the same probe on the same clips: untrained encoders of the same architecture, the mean and "
        f"standard deviation of 128 log-mel bands{egemaps}, and chance."
    )
