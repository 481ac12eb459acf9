"""Everything that a run needs and that may fail, before anything takes long."""

from collections.abc import Sequence
from pathlib import Path

from emoclr.augment.waveform import WaveformAugmentation
from emoclr.configs.console import track
from emoclr.corpus.labels.labels_csv import read_labels
from emoclr.finetune.checks import check_run
from emoclr.finetune.data.labeled_clips import open_labeled_clips
from emoclr.finetune.data.other_corpus import open_other
from emoclr.finetune.pseudo_labels.second_round import pool_for
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.studies.context import Inputs
from emoclr.finetune.studies.label_efficiency import announce
from emoclr.finetune.training.initial_weights import find_initial_weights
from emoclr.finetune.training.resume import RunCard, begin_run, labels_digest, previous_run
from emoclr.pretrain.encoder.checkpoint import git_commit


def prepare(
    sources: Sequence[Path], data: Path, test: Path | None, out: Path, settings: FinetuneSettings, *, resume: bool
) -> Inputs:
    """Returns the inputs of a run and writes its `run.yaml`; arguments and errors are those of `finetune`."""
    check_run(sources, data, out, settings, resume=resume, test=test)
    previous_run(out, settings, resume)
    initial_weights = find_initial_weights(sources, settings)
    WaveformAugmentation(settings.augment.transforms, settings.spectrogram.sample_rate)
    other_labels = read_labels(test) if test else None
    for initial in track(initial_weights, "trying encoders"):
        initial.check(settings)
    labeled = open_labeled_clips(data, settings)
    other = open_other(other_labels, labeled, settings) if other_labels is not None else None
    pool = pool_for(labeled.tasks, labeled.readable, settings, other) if settings.unlabeled else None
    if settings.fractions:
        announce(initial_weights, labeled, settings)
    run = RunCard(
        settings=settings,
        corpus_fingerprint=labeled.store.fingerprint,
        labels_sha256=labels_digest(labeled.readable),
        sources={initial.name: initial.source(settings) for initial in initial_weights},
        commit=git_commit(),
    )
    begin_run(out, run, resume)
    return Inputs(initial_weights, labeled, other, pool)
