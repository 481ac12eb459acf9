"""From encoders and labels to an ensemble and its report."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from emoclr.augment.waveform import WaveformAugmentation
from emoclr.configs.console import say, track
from emoclr.configs.errors import ConfigError
from emoclr.configs.files import write_yaml
from emoclr.corpus.labels.clip_names import scored_clips
from emoclr.corpus.labels.labels import read_labels
from emoclr.evaluate.report.report import Report, write_report
from emoclr.evaluate.scores import ENSEMBLE, score_all
from emoclr.finetune.data.labeled_clips import open_labeled_clips
from emoclr.finetune.ensemble.ensemble import EnsembleOutput, ensemble_outputs, prediction_of, thresholds_of, weights_of
from emoclr.finetune.ensemble.report_rows import baseline_rows, calibration_of, from_scratch, model_rows, speaker_rows
from emoclr.finetune.model.checkpoint import EnsembleCard
from emoclr.finetune.model.combination import COMBINATIONS
from emoclr.finetune.model.folders import ENSEMBLE_CARD
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.studies.baselines import describe_simply
from emoclr.finetune.studies.best_epochs import heads_alone, training_section
from emoclr.finetune.studies.cross_corpus import across_corpora, open_other
from emoclr.finetune.studies.ensemble_comparison import ensemble_section
from emoclr.finetune.studies.label_efficiency import announce, label_efficiency, parts_of
from emoclr.finetune.studies.pseudo_label_section import unlabeled_section
from emoclr.finetune.studies.pseudo_labels import pool_for, second_round
from emoclr.finetune.studies.robustness import robustness_of_members
from emoclr.finetune.summary import comparison_notes, summary_of
from emoclr.finetune.training.initial_weights import SCRATCH, InitialWeights, find_initial_weights
from emoclr.finetune.training.members import (
    Members,
    first_seeds,
    train_from_scratch,
    train_members,
    train_seeds_of_best,
)
from emoclr.finetune.training.resume import RunCard, begin_run, labels_digest, previous_run
from emoclr.pretrain.encoder.checkpoint import package_versions
from emoclr.probe.protocol import protocol_of, truth_of
from emoclr.probe.studies.mistakes import mistakes_section
from emoclr.probe.summary import PRETRAINING, label_notes, score_notes

REPORT = "report"


def finetune(
    sources: Sequence[Path],
    data: Path,
    out: Path,
    settings: FinetuneSettings,
    command: str = "finetune",
    *,
    resume: bool = False,
    test: Path | None = None,
) -> Report:
    """Trains a model from every encoder, joins them, and returns the report, which is written to `out/report`.

    Args:
        sources: run or backbone folders of `pretrain`; none to train `settings.backbones` without pretraining.
        data: labels.csv.
        out: gets `<backbone>/model.safetensors`, `<backbone>/model.yaml` and `ensemble.yaml`; with several seeds or
            folds one folder each below the backbone's.
        settings: training and evaluation.
        command: as it was typed, for the report.
        resume: go on with the run in `out`; the members that it finished are left as they are.
        test: labels.csv of another corpus, which the ensemble is scored on, too.

    Raises:
        ConfigError: nothing to start from, nothing to compare with, or no such transform.
        EmoclrError: no checkpoint, no usable labels, no readable clips, a run in the way, or one of other settings.
        Interrupted: Ctrl-C or SIGTERM; the members that are finished are saved.
    """
    began = time.monotonic()
    previous_run(out, resume)
    starts = find_initial_weights(sources, settings)
    _check_comparisons(starts, settings)
    # Before anything that takes long.
    WaveformAugmentation(settings.augment.transforms, settings.spectrogram.sample_rate)
    other_labels = read_labels(test) if test else None
    for start in track(starts, "trying encoders"):
        start.check(settings)
    share = settings.positive_share
    labelled = open_labeled_clips(data, settings)
    table, division, tasks, store = labelled.table, labelled.division, labelled.tasks, labelled.store
    other = open_other(other_labels, labelled, settings) if other_labels is not None else None
    pool = pool_for(tasks, labelled.readable, settings, other) if settings.unlabeled else None
    parts, too_small = parts_of(labelled, settings) if settings.fractions else ([], {})
    run = RunCard(
        settings=settings,
        corpus_fingerprint=store.fingerprint,
        labels_sha256=labels_digest(labelled.readable),
        sources={start.name: start.source(settings) for start in starts},
    )
    begin_run(out, run, resume)
    if parts:
        announce(starts, labelled, parts, settings)

    train_all = partial(train_members, starts=starts, settings=settings)
    members = train_all(out, tasks)
    different = first_seeds(members)
    n_seeds = settings.compare_seeds
    seeds = train_seeds_of_best(out, tasks, starts, settings, members, n_seeds) if n_seeds else None
    scratch = train_from_scratch(out, tasks, starts, settings) if settings.from_scratch else {}

    truth = truth_of(table, division, share, settings.bootstrap_resamples, settings.seed)
    sections = []
    if pool is not None:
        found = second_round(out, members, tasks, pool, labelled.readable, settings, train_all)
        first, second = (
            prediction_of(ENSEMBLE, ensemble_outputs(some, tasks, settings.ensemble, share))
            for some in (members, found.members)
        )
        sections.append(unlabeled_section(truth, first, second, found, settings.confidence))
        members = found.held(members)
    together = ensemble_outputs(members, tasks, settings.ensemble, share)
    sections.insert(0, calibration_of(truth, together, settings))
    if len(members) > 1:
        sections.insert(0, ensemble_section(truth, members, tasks, settings, different, seeds))
    whole = settings.freeze == "none"
    if whole:
        networks = {**members, **{from_scratch(name): folds for name, folds in scratch.items()}}
        sections.append(training_section(networks))
    models = model_rows(members, tasks, settings)
    if settings.stress:
        sections.append(robustness_of_members(truth, members, tasks, models, settings))
    described = describe_simply(starts, labelled, settings)
    baselines = baseline_rows(members, scratch, described, labelled, settings)
    if parts:
        own = different, scratch
        sections.append(label_efficiency(out, starts, labelled, parts, too_small, truth, described, own, settings))
    audio_pretrained = any(start.audio_pretrained for start in starts)
    about = [*label_notes(table, share), *settings.augment.unsafe]
    say("scoring")
    scores = score_all(truth, models, baselines)
    if other is not None:
        sections.append(across_corpora(other, members, together, scores, settings))
    clips = table.select(division.scored)
    heard = labelled.rows[division.scored]
    sections.append(mistakes_section(truth, scores.headline, clips, store, heard, players=settings.players))
    report = Report(
        title=f"Emotion models {out.resolve().name} on {data.stem}",
        summary=summary_of(
            table, division, settings, list(members), heads_alone(members) if whole else (), described.names
        ),
        scores=scores,
        protocol=protocol_of(table, division, settings.network_seeds),
        command=command,
        versions=package_versions(),
        fingerprint=store.fingerprint,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        duration_s=time.monotonic() - began,
        notes=[
            *about,
            *score_notes(table, division, share),
            *([PRETRAINING] if audio_pretrained else []),
            *comparison_notes(any(start.source(settings) != SCRATCH for start in starts), settings),
        ],
        left_out=labelled.left_out,
        set_aside=[(str(failure.path), failure.reason) for failure in store.failures],
        settings=settings.model_dump(mode="json"),
        speaker_probe=speaker_rows(members, labelled.voices, settings),
        sections=sections,
        clips=scored_clips(clips),
    )
    _write_ensemble(out, members, together, report, settings, about)
    write_report(report, out / REPORT)
    return report


def _check_comparisons(starts: Sequence[InitialWeights], settings: FinetuneSettings) -> None:
    if settings.compare_seeds and len(starts) < 2:
        raise ConfigError(
            f"compare_seeds: sets several backbones against seeds of the best of them; {starts[0].name} is the only one"
        )
    if settings.from_scratch and all(start.source(settings) == SCRATCH for start in starts):
        raise ConfigError("from_scratch: this run begins from scratch as it is; give --from RUN, or leave it out")
    if settings.fractions and all(start.source(settings) == SCRATCH for start in starts):
        raise ConfigError("fractions: sets pretrained encoders against the same from scratch; give --from RUN")


def _write_ensemble(
    out: Path,
    members: Members,
    together: Sequence[EnsembleOutput],
    report: Report,
    settings: FinetuneSettings,
    notes: list[str],
) -> None:
    every = [member for folds in members.values() for member in folds]
    thresholds = thresholds_of(together, settings.ensemble, len(every))
    weights = [round(float(weight), 6) for weight in weights_of(together)]
    card = EnsembleCard(
        members=[member.folder.relative_to(out).as_posix() for member in every],
        how=settings.ensemble,
        weights=weights if COMBINATIONS[settings.ensemble].fits_weights else None,
        emotions=every[0].card.emotions,
        single_label=report.scores.truth.single_label,
        thresholds=[round(float(value), 6) for value in thresholds],
        window_s=every[0].card.window_s,
        hop_s=every[0].card.hop_s,
        short=settings.augment.short,
        windows=settings.windows,
        notes=notes,
        metrics={
            name: round(found.value, 6)
            for name, found in report.scores.models[0].metrics.items()
            if np.isfinite(found.value)
        },
        versions=report.versions,
    )
    write_yaml(out / ENSEMBLE_CARD, card.model_dump(mode="json"))
