"""From encoders and labels to an ensemble and its report."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from emoclr.augment.waveform import check_transforms
from emoclr.configs.console import say, track
from emoclr.configs.files import write_yaml
from emoclr.corpus.labels.clip_names import scored_clips
from emoclr.corpus.labels.labels_csv import read_labels
from emoclr.corpus.labels.splits import unit_of
from emoclr.evaluate.report.report import Report, by_reason
from emoclr.evaluate.report.section import Section
from emoclr.evaluate.report.sentence import Caution
from emoclr.evaluate.report.verdict import verdict_of
from emoclr.evaluate.report.writers.write import write_report
from emoclr.evaluate.scores import score_all
from emoclr.finetune.checks import check_run
from emoclr.finetune.data.labeled_clips import open_labeled_clips
from emoclr.finetune.data.other_corpus import open_other
from emoclr.finetune.ensemble.baselines import baseline_rows, simple_features
from emoclr.finetune.ensemble.ensemble import ensemble_outputs
from emoclr.finetune.ensemble.ensemble_card import ensemble_card
from emoclr.finetune.ensemble.report_rows import model_rows, speaker_rows
from emoclr.finetune.model.folders import CARD, ENSEMBLE_CARD
from emoclr.finetune.pseudo_labels.second_round import pool_for, second_round
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.studies.best_epochs import best_epochs
from emoclr.finetune.studies.calibration import calibration
from emoclr.finetune.studies.context import Context, Inputs, Networks
from emoclr.finetune.studies.cross_corpus import cross_corpus
from emoclr.finetune.studies.ensemble_comparison import ensemble_comparison
from emoclr.finetune.studies.fold_by_fold import fold_by_fold
from emoclr.finetune.studies.label_efficiency import announce, label_efficiency
from emoclr.finetune.studies.mistakes import mistakes
from emoclr.finetune.studies.pseudo_labels import pseudo_labels
from emoclr.finetune.studies.robustness import robustness
from emoclr.finetune.studies.speaker_known import speaker_known
from emoclr.finetune.summary import heard_of, next_steps_of, notes_of, summary_of
from emoclr.finetune.training.finished_models import as_they_listen, notes_on
from emoclr.finetune.training.initial_weights import encoder_cards, find_initial_weights
from emoclr.finetune.training.members import train_from_scratch, train_members, train_seeds_of_best
from emoclr.finetune.training.resume import RunCard, as_begun, begin_run, labels_digest
from emoclr.pretrain.encoder.channels import with_channels
from emoclr.pretrain.encoder.checkpoint import git_commit, package_versions
from emoclr.probe.protocol import listeners_of, protocol_of, truth_of
from emoclr.probe.summary import few_speakers, label_notes

REPORT = "report"

STUDIES: Sequence[Callable[[Context], Section | None]] = (
    fold_by_fold,
    ensemble_comparison,
    calibration,
    speaker_known,
    pseudo_labels,
    best_epochs,
    robustness,
    label_efficiency,
    cross_corpus,
    mistakes,
)
"""The sections of a report, in order; a study that was not asked for gives none."""


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
    """Trains a model from every encoder, combines them, and returns the report, which is written to `out/report`.

    Args:
        sources: run or backbone folders of `pretrain`; none to train `settings.backbones` without pretraining. With
            `settings.freeze` "all" run or model folders of `finetune`, whose models stay as they are.
        data: labels.csv.
        out: gets `<backbone>/model.safetensors`, `<backbone>/model.yaml` and `ensemble.yaml`; with several seeds or
            folds one folder each below the backbone's.
        settings: training and evaluation.
        command: as it was typed, for the report.
        resume: go on with the run in `out`; the members that it finished are left as they are.
        test: labels.csv of another corpus, which the ensemble is scored on, too.

    Raises:
        ConfigError: no initial weights, nothing to compare with, or no such transform.
        EmoclrError: no checkpoint, no usable labels, no readable clips, a run in the way, or one of other settings.
        Interrupted: Ctrl-C or SIGTERM; the members that are finished are saved.

    Examples:
        >>> finetune([Path("nowhere")], Path("labels.csv"), Path("emotions"), FinetuneSettings())
        Traceback (most recent call last):
            ...
        emoclr.configs.errors.ConfigError: nowhere: ...
    """
    began = time.monotonic()
    check_run(sources, data, out, settings, resume=resume, test=test)
    initial_weights = find_initial_weights(sources, settings)
    if settings.freeze == "all":
        settings = as_they_listen(initial_weights, settings)
    settings = as_begun(out, settings, resume)
    settings = with_channels(settings, encoder_cards(initial_weights))
    inputs = prepare(sources, data, test, out, settings, resume=resume)
    networks = train(out, inputs, settings)
    context = evaluate(out, inputs, networks, settings)
    sections = [section for study in STUDIES if (section := study(context)) is not None]
    report = _report(context, sections, data, command, began)
    _write_cards(context, [str(note) for note in report.notes if isinstance(note, Caution)])
    write_report(report, out / REPORT)
    return report


def prepare(
    sources: Sequence[Path], data: Path, test: Path | None, out: Path, settings: FinetuneSettings, *, resume: bool
) -> Inputs:
    """Returns the inputs of a run and writes its `run.yaml`; arguments and errors are those of `finetune`."""
    initial_weights = find_initial_weights(sources, settings)
    rate = settings.spectrogram.sample_rate
    check_transforms(settings.augment.transforms, rate, round((settings.crop_s or 1.0) * rate))
    other_labels = read_labels(test, columns=settings.columns.given, lenient=True) if test else None
    for initial in track(initial_weights, "trying encoders"):
        initial.check(settings)
    labeled = open_labeled_clips(data, settings, other_labels)
    for note in few_speakers(labeled.table, labeled.division, validated=True):
        say(f"note: {note}")
    if labeled.crossing is not None:
        other_labels = None  # they are the test clips
        say(f"note: {data} has no test rows. {labeled.crossing.text}")
        for why, emotions in by_reason(labeled.crossing.left_out).items():
            say(f"note: not learned: {', '.join(emotions)} ({why})")
    other = open_other(other_labels, labeled, settings) if other_labels is not None else None
    notes = notes_on(initial_weights, labeled) if settings.freeze == "all" else []
    pool = pool_for(labeled.tasks, labeled.readable, settings, other) if settings.unlabeled else None
    if settings.fractions:
        announce(initial_weights, labeled, settings)
    run = RunCard(
        settings=settings,
        corpus_fingerprint=labeled.store.fingerprint,
        clips=len(labeled.store),
        labels_sha256=labels_digest(labeled.readable),
        sources={initial.name: initial.source(settings) for initial in initial_weights},
        commit=git_commit(),
    )
    begin_run(out, run, resume)
    return Inputs(initial_weights, labeled, other, pool, notes)


def train(out: Path, inputs: Inputs, settings: FinetuneSettings) -> Networks:
    """Trains the members and the networks that they are compared with; those that are finished are read."""
    labeled, initial_weights, n_seeds = inputs.labeled, inputs.initial_weights, settings.compare_seeds
    train_all = partial(train_members, initial_weights=initial_weights, settings=settings)
    members = train_all(out, labeled.tasks)
    seeds = train_seeds_of_best(out, labeled.tasks, initial_weights, settings, members, n_seeds) if n_seeds else None
    scratch = train_from_scratch(out, labeled.tasks, initial_weights, settings) if settings.from_scratch else {}
    second = None
    if inputs.pool is not None:
        second = second_round(out, members, labeled.tasks, inputs.pool, labeled.readable, settings, train_all)
    return Networks(members, second, seeds, scratch)


def evaluate(out: Path, inputs: Inputs, networks: Networks, settings: FinetuneSettings) -> Context:
    """Scores the ensemble, its members and the baselines on test clips."""
    labeled, members, share = inputs.labeled, networks.members, settings.positive_share
    truth = truth_of(labeled.table, labeled.division, share, settings.bootstrap_resamples, settings.seed)
    ensemble = ensemble_outputs(members, labeled.tasks, settings.ensemble, share)
    models = model_rows(members, labeled.tasks, settings)
    features = simple_features(inputs.initial_weights, labeled, settings)
    baselines = baseline_rows(members, networks.from_scratch, features, labeled, settings)
    baselines += listeners_of(labeled.table, labeled.division, truth)
    say("scoring")
    scores = score_all(truth, models, baselines)
    return Context(out, settings, inputs, networks, truth, ensemble, models, features, scores)


def _write_cards(context: Context, cautions: list[str]) -> None:
    """Writes the card of the ensemble, and what is to be known of it into those of its members."""
    settings = context.settings
    of_labels = label_notes(context.labeled.table, settings.positive_share)
    notes = [*(str(note) for note in of_labels if not isinstance(note, Caution)), *settings.augment.unsafe]
    for member in (member for folds in context.members.values() for member in folds):
        told = member.card.model_copy(update={"cautions": cautions, "notes": notes})
        write_yaml(member.folder / CARD, told.model_dump(mode="json"))
    card = ensemble_card(context.out, context.members, context.ensemble, context.scores, settings, cautions, notes)
    write_yaml(context.out / ENSEMBLE_CARD, card.model_dump(mode="json"))


def _report(context: Context, sections: Sequence[Section], data: Path, command: str, began: float) -> Report:
    labeled, settings, crossing = context.labeled, context.settings, context.labeled.crossing
    heard = heard_of(context)
    notes = notes_of(context, heard)
    where = crossing.title if crossing else f"in {data.name}"
    return Report(
        title=f"Which emotions the run {context.out.resolve().name} hears {where}",
        summary=summary_of(context),
        scores=context.scores,
        protocol=protocol_of(labeled.table, labeled.division, settings.network_seeds),
        labels=labeled.understood,
        command=command,
        versions=package_versions(),
        fingerprint=labeled.store.fingerprint,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        duration_s=time.monotonic() - began,
        verdict=verdict_of(context.scores, next_steps_of(context, data), notes, unit_of(labeled.table)),
        notes=notes,
        left_out=labeled.left_out,
        set_aside=[(str(failure.path), failure.reason) for failure in labeled.store.failures],
        settings=settings.model_dump(mode="json"),
        heard_in_pretraining=heard.as_json(),
        speaker_probe=speaker_rows(context.members, labeled.voices, settings),
        sections=sections,
        clips=scored_clips(labeled.table.select(labeled.division.scored)),
    )
