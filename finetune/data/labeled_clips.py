"""Labeled recordings: decoded, divided by speaker, and a training task for each fold."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoclr.corpus.decoded.cache_settings import opener
from emoclr.corpus.decoded.labeled import open_labeled
from emoclr.corpus.decoded.waveforms import WaveformStore
from emoclr.corpus.labels.cross_corpus import CrossCorpus, cross
from emoclr.corpus.labels.division import Division, check_leaks, learnable, speaker_task, train_validation_test
from emoclr.corpus.labels.label_table import SPLITS, LabelTable
from emoclr.corpus.labels.labels_csv import read_labels
from emoclr.corpus.labels.splits import split_rows
from emoclr.corpus.labels.table_summary import tell_tables
from emoclr.evaluate.speaker_probe import VoiceTask
from emoclr.finetune.settings import FinetuneSettings

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Task:
    """The clips, targets and parts of one fold, the same for every member.

    Attributes:
        store: the decoded clips.
        emotions: names, in the order of the targets' columns.
        targets: (clips of the store, emotions) in [0, 1].
        train: positions in the store.
        validation: positions in the store.
        test: positions in the store.
        single_label: whether every clip carries exactly one emotion.
        voices: the task of the speaker probe, over the whole store; None where speakers are not known.
    """

    store: WaveformStore
    emotions: list[str]
    targets: NDArray[np.float32]
    train: Rows
    validation: Rows
    test: Rows
    single_label: bool = False
    voices: VoiceTask | None = None


@dataclass(frozen=True)
class LabeledClips:
    """Labels and their decoded recordings, divided into folds.

    Attributes:
        store: the clips that could be decoded.
        readable: their labels, in the store's order, with all emotions that the CSV has.
        table: the labels that can be learned.
        rows: (clips of the table,) their positions in the store.
        division: of the table.
        left_out: emotions that cannot be learned, each with the reason.
        voices: the task of the speaker probe, None where speakers are not known.
        tasks: of each fold.
        notes: what of the table is probably not meant so.
        crossing: what both corpora share, where the test clips are those of another; else None.
        understood: how the tables were understood, a line each.
    """

    store: WaveformStore
    readable: LabelTable
    table: LabelTable
    rows: Rows
    division: Division
    left_out: dict[str, str]
    voices: VoiceTask | None
    tasks: Sequence[Task]
    notes: Sequence[str] = ()
    crossing: CrossCorpus | None = None
    understood: Sequence[str] = ()


def open_labeled_clips(data: Path, settings: FinetuneSettings, other: LabelTable | None = None) -> LabeledClips:
    """Returns the recordings of a labels.csv, divided as its split or the settings say.

    Args:
        data: the labels.csv.
        settings: of the run.
        other: labels of another corpus; its clips are the test clips where the split of `data` names none.

    Raises:
        EmoclrError: no usable labels, or no readable clips.
    """
    whole = read_labels(data, settings.emotions, columns=settings.columns.given)
    understood = tell_tables(whole, other, settings.folds, "drawn")
    crossing = None
    if other is not None and settings.folds is None and whole.splits is not None and not len(whole.rows_of("test")):
        crossing = cross(whole, other)
        whole = crossing.table
    opened = open_labeled(whole, opener(settings))
    store, readable = opened.store, opened.table
    if settings.folds is None and readable.splits is None and readable.folds is None:
        readable = with_split(readable, settings.seed)
    table, rows, division, left_out = learnable(
        readable, np.arange(len(readable)), settings.folds, settings.positive_share, settings.seed, validated=True
    )
    check_leaks(table, division, store.digests[rows], store.silent[rows], validated=True)
    targets = np.zeros((len(store), len(table.emotions)), dtype=np.float32)
    targets[rows] = table.targets
    voices = speaker_task(readable, settings.seed)
    tasks = []
    for fold in range(len(division.folds)):
        train, validation, test = (rows[part] for part in train_validation_test(table, division, fold))
        tasks.append(Task(store, table.emotions, targets, train, validation, test, table.single_label, voices))
    left_out = (crossing.left_out if crossing else {}) | left_out
    return LabeledClips(
        store, readable, table, rows, division, left_out, voices, tasks, opened.notes, crossing, understood
    )


def with_split(table: LabelTable, seed: int) -> LabelTable:
    """Returns a table with a split of its own, see `split_rows`."""
    splits = np.empty(len(table), dtype=object)
    for name, rows in zip(SPLITS, split_rows(table, seed), strict=True):
        splits[rows] = name
    return replace(table, splits=splits.tolist())
