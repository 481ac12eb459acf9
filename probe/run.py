"""A probe from checkpoints and labels to a report."""

import importlib.metadata
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from emoclr.configs.console import say, track
from emoclr.corpus.decoded.cache_settings import opener
from emoclr.corpus.decoded.labeled import open_labeled
from emoclr.corpus.labels.clip_names import scored_clips
from emoclr.corpus.labels.cross_corpus import cross
from emoclr.corpus.labels.division import check_leaks, learnable, speaker_task
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.labels_csv import read_labels
from emoclr.corpus.labels.splits import unit_of
from emoclr.corpus.labels.table_summary import tell_tables
from emoclr.evaluate.report.report import Report
from emoclr.evaluate.report.section import Section
from emoclr.evaluate.report.verdict import verdict_of
from emoclr.evaluate.report.writers.write import write_report
from emoclr.evaluate.scores import score_all
from emoclr.evaluate.speaker_probe import SpeakerProbe, speaker_probe, voice_hits
from emoclr.pretrain.encoder.channels import with_channels
from emoclr.pretrain.encoder.checkpoint import EncoderCard, load_encoder, package_versions
from emoclr.pretrain.encoder.embedding import Embeddings
from emoclr.pretrain.encoder.encoder import Encoder
from emoclr.probe.checks import check_probe, encoder_folders
from emoclr.probe.features.features import features_of, missing_features, of_fold
from emoclr.probe.fitting import fit_probes, predictions_of, scored_rows
from emoclr.probe.heard import heard_in_pretraining
from emoclr.probe.protocol import listeners_of, protocol_of, truth_of
from emoclr.probe.settings import ProbeSettings
from emoclr.probe.studies.context import Context
from emoclr.probe.studies.cross_corpus import cross_corpus
from emoclr.probe.studies.fold_by_fold import fold_by_fold
from emoclr.probe.studies.label_efficiency import label_efficiency
from emoclr.probe.studies.mistakes import mistakes
from emoclr.probe.studies.robustness import robustness
from emoclr.probe.studies.speaker_known import speaker_known
from emoclr.probe.summary import few_speakers, label_notes, next_steps_of, score_notes, sound_notes, summary_of

STUDIES: tuple[Callable[[Context], Section | None], ...] = (
    fold_by_fold,
    cross_corpus,
    speaker_known,
    label_efficiency,
    robustness,
    mistakes,
)
"""The sections of a report, in order; a study that was not asked for gives none."""


def probe(
    source: Path,
    data: Path,
    out: Path,
    settings: ProbeSettings,
    command: str = "probe",
    test: Path | None = None,
) -> Report:
    """Probes the encoders of a run on labelled clips, writes the report into `out` and returns it.

    Args:
        source: run or backbone folder of `pretrain`; with `{fold}` in its name, one for each fold of the labels.
        data: labels.csv.
        out: where the report goes.
        settings: how clips are embedded, split and scored.
        command: as it was typed, for the report.
        test: labels.csv of another corpus; then the probes are fitted to `data` and scored on this.

    Raises:
        ConfigError: folds and another corpus to score on.
        EmoclrError: no checkpoint, no usable labels, no readable clips, or a folder that cannot be written to.

    Examples:
        >>> probe(Path("nowhere"), Path("labels.csv"), Path("report"), ProbeSettings(egemaps=False))
        Traceback (most recent call last):
            ...
        emoclr.configs.errors.ConfigError: nowhere: ...
    """
    began = time.monotonic()
    check_probe(source, data, settings, test)
    whole = read_labels(data, settings.emotions, columns=settings.columns.given)
    folds = sorted(set(whole.folds or ())) if whole.splits is None else []
    folders = encoder_folders(source, folds)
    encoders = [[load_encoder(folder) for folder in some] for some in folders]
    cards = [card for _, card in encoders[0]]
    settings = with_channels(settings, [card for some in encoders for _, card in some])
    names = [folder.name for folder in folders[0]] if len(cards) > 1 else [cards[0].encoder.backbone]
    other = read_labels(test, columns=settings.columns.given, lenient=True) if test else None
    understood = tell_tables(whole, other, settings.folds, None if other else "folds")
    crossing = cross(whole, other) if other else None
    whole = crossing.table if crossing else whole
    opened = open_labeled(whole, opener(settings))
    store, readable = opened.store, opened.table
    table, rows, division, left_out = learnable(
        readable, np.arange(len(readable)), settings.folds, settings.positive_share, settings.seed
    )
    if len(folders) > 1:  # a fold whose clips cannot be read is none
        kept = [folds.index(name) for name in division.names]
        folders, encoders = [folders[fold] for fold in kept], [encoders[fold] for fold in kept]
    check_leaks(table, division, store.digests[rows], store.silent[rows])
    for note in few_speakers(table, division):
        say(f"note: {note}")
    if settings.threads:
        torch.set_num_threads(settings.threads)
    features = features_of(dict(zip(names, map(list, zip(*encoders, strict=True)), strict=True)), settings)
    whole_matrices = {described.name: described.describe(store) for described in features}
    matrices = {name: matrix[..., rows, :] for name, matrix in whole_matrices.items()}

    truth = truth_of(table, division, settings.positive_share, settings.bootstrap_resamples, settings.seed)
    fits = fit_probes(matrices, table, division, settings.positive_share)
    models, baselines = predictions_of(features, fits, scored_rows(matrices, division), table, division)
    say("scoring")
    context = Context(
        settings=settings,
        table=table,
        division=division,
        store=store,
        rows=rows,
        features=features,
        matrices=matrices,
        fits=fits,
        truth=truth,
        models=models,
        baselines=baselines,
        scores=score_all(truth, models, [*baselines, *listeners_of(table, division, truth)]),
        crossing=crossing,
    )
    sections = [section for study in STUDIES if (section := study(context)) is not None]
    of_names = dict(zip(names, zip(*folders, strict=True), strict=True))
    heard = heard_in_pretraining(of_names, table, division, store, rows)
    notes = [
        *opened.notes,
        *label_notes(table, settings.positive_share),
        *sound_notes(store.silent[rows]),
        *score_notes(table, division, settings.positive_share),
        *heard.notes,
        *_unfinished(folders, encoders),
        *missing_features(settings),
    ]
    steps = next_steps_of(source, data, table, division, cards, names)
    where = crossing.title if crossing else f"in {data.name}"
    report = Report(
        title=f"Which emotions a probe of {source.absolute().name} hears {where}",
        summary=(crossing.text + " " if crossing else "")
        + summary_of(table, division, cards, settings, n_encoders=len(folders)),
        scores=context.scores,
        protocol=protocol_of(table, division, [settings.seed]),
        labels=understood,
        command=command,
        versions=package_versions() | {"scikit-learn": importlib.metadata.version("scikit-learn")},
        fingerprint=store.fingerprint,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        duration_s=time.monotonic() - began,
        verdict=verdict_of(context.scores, steps, notes, unit_of(table)),
        notes=notes,
        left_out=(crossing.left_out if crossing else {}) | left_out,
        set_aside=[(str(failure.path), failure.reason) for failure in store.failures],
        settings=settings.model_dump(mode="json"),
        heard_in_pretraining=heard.as_json(),
        speaker_probe=_speaker_probe(whole_matrices, readable, settings),
        sections=sections,
        clips=scored_clips(table.select(division.scored)),
    )
    write_report(report, out)
    return report


def _speaker_probe(
    matrices: Mapping[str, Embeddings], table: LabelTable, settings: ProbeSettings
) -> SpeakerProbe | None:
    task = speaker_task(table, settings.seed)
    if task is None:
        return None
    hits = {
        name: voice_hits(of_fold(matrices[name], 0), task, settings.seed)
        for name in track(list(matrices), "speaker probe")
    }
    remark = "A contrast learns voices easily; what it spends on them, emotions do not get."
    if any(matrix.ndim == 3 for matrix in matrices.values()):
        remark += " Of the encoders of the folds the first is asked."
    return speaker_probe(hits, task, remark, settings.bootstrap_resamples, settings.seed)


def _unfinished(
    folders: Sequence[Sequence[Path]], encoders: Sequence[Sequence[tuple[Encoder, EncoderCard]]]
) -> list[str]:
    return [
        f"{folder.name if len(folders) == 1 else folder} was probed before its pretraining ended: "
        f"step {card.step:,} of {card.steps:,}."
        for folders_of_fold, encoders_of_fold in zip(folders, encoders, strict=True)
        for folder, (_, card) in zip(folders_of_fold, encoders_of_fold, strict=True)
        if not card.finished
    ]
