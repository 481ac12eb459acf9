"""From encoders and labels to an ensemble and its report."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from configs.console import say, track
from configs.files import write_yaml
from corpus.labels import SPLITS, LabelTable, read_labels
from corpus.splits import split_rows
from corpus.waveforms import clips_of, open_waveforms
from finetune.checkpoint import ENSEMBLE_CARD, EnsembleCard
from finetune.model import Array, combine
from finetune.resume import RunCard, begin_run, finished_member, labels_digest, previous_run, stopped_by_sigterm
from finetune.settings import FinetuneSettings
from finetune.starts import Start, find_starts
from finetune.train import Member, Task, train_member
from finetune.words import VOICES, summary_of
from pretrain.checkpoint import package_versions
from pretrain.run import Interrupted
from probe.baselines import chance_probabilities
from probe.division import Division, learnable, three_parts
from probe.metrics import tune_thresholds
from probe.protocol import joined, protocol_of, truth_of
from probe.report import Report, write_report
from probe.scores import CHANCE, ENSEMBLE, Prediction, SpeakerProbe, score_all
from probe.speakers import VoiceTask, speaker_probe, voice_task
from probe.words import label_notes, score_notes

REPORT = "report"
BEFORE = "before fine-tuning"


def finetune(
    sources: Sequence[Path],
    data: Path,
    out: Path,
    settings: FinetuneSettings,
    command: str = "finetune",
    *,
    resume: bool = False,
) -> Report:
    """Trains a model from every encoder, joins them, and returns the report, which is written to `out/report`.

    Args:
        sources: run or backbone folders of `pretrain`; none to train `settings.backbones` without pretraining.
        data: labels.csv.
        out: gets `<backbone>/model.safetensors`, `<backbone>/model.yaml` and `ensemble.yaml`; with several folds one
            folder each below the backbone's.
        settings: training and evaluation.
        command: as it was typed, for the report.
        resume: go on with the run in `out`; the members that it finished are left as they are.

    Raises:
        EmoclrError: no checkpoint, no usable labels, no readable clips, a run in the way, or one of other settings.
        Interrupted: Ctrl-C or SIGTERM; the members that are finished are saved.
    """
    began = time.monotonic()
    previous_run(out, resume)
    starts = find_starts(sources, settings)
    for start in track(starts, "trying encoders"):
        start.check(settings)
    whole = read_labels(data, settings.emotions)
    store = open_waveforms(clips_of(whole))
    readable = whole.select(store.source_rows)
    if settings.folds is None and readable.splits is None:
        readable = with_split(readable, settings.seed)
    share = settings.positive_share
    table, rows, division, left_out = learnable(
        readable, np.arange(len(readable)), settings.folds, share, settings.seed, validated=True
    )
    single = table.single_label
    targets = np.zeros((len(store), len(table.emotions)), dtype=np.float32)
    targets[rows] = table.targets

    voices = voice_task(readable, settings.seed)
    tasks = []
    for fold in range(len(division.folds)):
        train, validation, test = (rows[part] for part in three_parts(table, division, fold))
        tasks.append(Task(store, table.emotions, targets, train, validation, test, single, voices))

    run = RunCard(
        settings=settings,
        corpus_fingerprint=store.fingerprint,
        labels_sha256=labels_digest(readable),
        sources={start.name: start.source(settings) for start in starts},
    )
    begin_run(out, run, resume)
    members = _train_members(out, starts, tasks, settings)

    about = [*label_notes(table, share), *settings.augment.unsafe]
    truth = truth_of(table, division, share, settings.bootstrap_resamples, settings.seed)
    models = [joined(name, [(m.test, np.array(m.card.thresholds)) for m in folds]) for name, folds in members.items()]
    ensembles = [
        _together([folds[fold] for folds in members.values()], table, division, fold, settings)
        for fold in range(len(division.folds))
    ]
    if len(starts) > 1:
        models.insert(0, joined(ENSEMBLE, ensembles, f"{settings.ensemble} of {len(starts)}"))
    baselines = [
        joined(f"head alone, {name}", [(m.head_only, m.head_only_thresholds) for m in folds])
        for name, folds in members.items()
    ]
    prior = chance_probabilities(table.targets[division.fitted], len(division.scored))
    baselines.append(Prediction(CHANCE, prior, prior, "the shares of the training clips"))
    report = Report(
        title=f"Emotion models {out.resolve().name} on {data.stem}",
        summary=summary_of(table, division, settings, list(members)),
        scores=score_all(truth, models, baselines),
        protocol=protocol_of(table, division, settings.seed),
        command=command,
        versions=package_versions(),
        fingerprint=store.fingerprint,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        duration_s=time.monotonic() - began,
        notes=[*about, *score_notes(table, division, share)],
        left_out=left_out,
        set_aside=[(str(failure.path), failure.reason) for failure in store.failures],
        settings=settings.model_dump(mode="json"),
        speaker_probe=_speaker_probe(members, voices, settings),
    )
    _write_ensemble(out, members, ensembles, report, settings, about)
    write_report(report, out / REPORT)
    return report


def _train_members(
    out: Path, starts: Sequence[Start], tasks: Sequence[Task], settings: FinetuneSettings
) -> dict[str, list[Member]]:
    """Returns the members of each start, one a fold; those that stand in `out` are not trained again."""
    members: dict[str, list[Member]] = {start.name: [] for start in starts}
    try:
        with stopped_by_sigterm():
            for fold, task in enumerate(tasks, start=1):
                for start in starts:
                    folder = out / start.name
                    if len(tasks) > 1:
                        folder = folder / f"fold-{fold}"
                        say(f"fold {fold} of {len(tasks)}: {start.name}")
                    member = finished_member(folder)
                    if member is not None:
                        say(f"{start.name}: finished before")
                    else:
                        member = _train(folder, start, task, settings)
                    members[start.name].append(member)
    except KeyboardInterrupt as interrupt:
        finished = sum(map(len, members.values()))
        raise Interrupted(
            f"stopped; {finished} of {len(starts) * len(tasks)} members are finished and saved; "
            "go on with the same command and --resume"
        ) from interrupt
    return members


def _train(folder: Path, start: Start, task: Task, settings: FinetuneSettings) -> Member:
    encoder, crop_s, origin = start.encoder(settings, task.store, task.train)
    return train_member(folder, encoder, task, settings, crop_s, origin, heard_before=start.folder is not None)


def _speaker_probe(
    members: Mapping[str, Sequence[Member]], task: VoiceTask | None, settings: FinetuneSettings
) -> SpeakerProbe | None:
    """Returns how well each backbone tells voices apart, and how well it did before; the mean over folds."""
    if task is None:
        return None
    hits = {}
    for name, folds in members.items():
        hits[name] = np.mean([member.voices for member in folds], axis=0)
        if settings.freeze == "none":
            hits[f"{name}, {BEFORE}"] = np.mean([member.voices_before for member in folds], axis=0)
    return speaker_probe(hits, task, VOICES[settings.freeze], settings.bootstrap_resamples, settings.seed)


def with_split(table: LabelTable, seed: int) -> LabelTable:
    """Returns a table with a split of its own: about 60, 20 and 20 % of the clips, by speaker."""
    splits = np.empty(len(table), dtype=object)
    for name, rows in zip(SPLITS, split_rows(table, seed), strict=True):
        splits[rows] = name
    return replace(table, splits=splits.tolist())


def _together(
    members: Sequence[Member], table: LabelTable, division: Division, fold: int, settings: FinetuneSettings
) -> tuple[Array, Array]:
    """Returns the ensemble's test probabilities and its thresholds, tuned on validation speakers."""
    thresholds = np.array([member.card.thresholds for member in members])
    validation, test = (
        combine(np.array([getattr(member, part) for member in members]), thresholds, settings.ensemble)
        for part in ("validation", "test")
    )
    if settings.ensemble == "vote":
        return test, np.full(len(table.emotions), 0.5)
    _, rows, _ = three_parts(table, division, fold)
    return test, tune_thresholds(table.targets[rows], validation, settings.positive_share)


def _write_ensemble(
    out: Path,
    members: dict[str, list[Member]],
    ensembles: Sequence[tuple[Array, NDArray[np.float64]]],
    report: Report,
    settings: FinetuneSettings,
    notes: list[str],
) -> None:
    every = [member for folds in members.values() for member in folds]
    thresholds = np.mean([chosen for _, chosen in ensembles], axis=0)
    card = EnsembleCard(
        members=[member.folder.relative_to(out).as_posix() for member in every],
        how=settings.ensemble,
        emotions=every[0].card.emotions,
        single_label=report.scores.truth.single_label,
        thresholds=[round(float(value), 6) for value in thresholds],
        window_s=max(member.card.window_s for member in every),
        hop_s=max(member.card.hop_s for member in every),
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
