"""From encoders and labels to an ensemble and its report."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from augment.views import ViewMaker
from configs.console import say
from configs.errors import ConfigError
from configs.files import write_yaml
from corpus.labels import SPLITS, LabelTable, read_labels
from corpus.splits import split_rows
from corpus.waveforms import WaveformStore, clips_of, open_waveforms
from finetune.checkpoint import ENSEMBLE_CARD, EnsembleCard
from finetune.model import Array, combine
from finetune.settings import FinetuneSettings
from finetune.train import Member, Rows, Task, train_member
from finetune.words import summary_of
from pretrain.checkpoint import backbone_folders, load_encoder, package_versions
from pretrain.encoder import Encoder, EncoderSettings
from pretrain.normalisation import measure_normalisation
from probe.baselines import chance_probabilities
from probe.division import Division, learnable
from probe.metrics import tune_thresholds
from probe.protocol import joined, protocol_of, truth_of
from probe.report import Report, write_report
from probe.scores import CHANCE, ENSEMBLE, Prediction, score_all
from probe.words import label_notes

DEFAULT_CROP_S = 5.0
REPORT = "report"


@dataclass(frozen=True)
class Start:
    """Where a member begins: a pretrained encoder's folder, or a backbone without pretraining (`folder` None)."""

    name: str
    folder: Path | None

    def encoder(self, settings: FinetuneSettings, store: WaveformStore, clips: Rows) -> tuple[Encoder, float, str]:
        """Returns the encoder, the length of its crops in s, and what it started from."""
        if self.folder is not None:
            encoder, card = load_encoder(self.folder)
            # Masks are counted by the settings of this training, not of the one before.
            changed = encoder.settings.model_copy(update={"time_masks": settings.augment.masks.time_masks})
            encoder.settings = changed
            return encoder, settings.crop_s or card.crop_s, f"pretraining on corpus {card.corpus_fingerprint}"
        crop_s = settings.crop_s or DEFAULT_CROP_S
        rate = settings.spectrogram.sample_rate
        maker = ViewMaker(settings.augment, round(crop_s * rate), rate, settings.seed)
        made = EncoderSettings(
            backbone=self.name,
            spectrogram=settings.spectrogram,
            normalisation=measure_normalisation(store, maker, settings.spectrogram, clips),
            time_masks=settings.augment.masks.time_masks,
        )
        torch.manual_seed(settings.seed)
        encoder = Encoder(made, pretrained=settings.pretrained)
        return encoder, crop_s, "ImageNet" if settings.pretrained else "scratch"


def finetune(
    sources: Sequence[Path], data: Path, out: Path, settings: FinetuneSettings, command: str = "finetune"
) -> Report:
    """Trains a model from every encoder, joins them, and returns the report, which is written to `out/report`.

    Args:
        sources: run or backbone folders of `pretrain`; none to train `settings.backbones` without pretraining.
        data: labels.csv.
        out: gets `<backbone>/model.safetensors`, `<backbone>/model.yaml` and `ensemble.yaml`; with several folds one
            folder each below the backbone's.
        settings: training and evaluation.
        command: as it was typed, for the report.

    Raises:
        EmoclrError: no checkpoint, no usable labels, no readable clips, an ensemble in the way.
    """
    began = time.monotonic()
    if (out / ENSEMBLE_CARD).exists():
        raise ConfigError(f"{out}: already holds an ensemble; give another --out")
    starts = find_starts(sources, settings)
    whole = read_labels(data, settings.emotions)
    store = open_waveforms(clips_of(whole))
    readable = whole.select(store.source_rows)
    if settings.folds is None and readable.splits is None:
        readable = with_split(readable, settings.seed)
    share = settings.positive_share
    table, rows, division, left_out = learnable(
        readable, np.arange(len(readable)), settings.folds, share, settings.seed
    )
    single = table.single_label
    targets = np.zeros((len(store), len(table.emotions)), dtype=np.float32)
    targets[rows] = table.targets

    members: dict[str, list[Member]] = {start.name: [] for start in starts}
    for fold in range(len(division.folds)):
        train, validation, test = three_parts(table, division, fold)
        task = Task(store, table.emotions, targets, rows[train], rows[validation], rows[test], single)
        for start in starts:
            encoder, crop_s, origin = start.encoder(settings, store, task.train)
            folder = out / start.name
            if len(division.folds) > 1:
                folder = folder / f"fold-{fold + 1}"
                say(f"fold {fold + 1} of {len(division.folds)}: {start.name}")
            heard = start.folder is not None
            members[start.name].append(
                train_member(folder, encoder, task, settings, crop_s, origin, heard_before=heard)
            )

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
        notes=label_notes(table, division, share) + settings.augment.unsafe,
        left_out=left_out,
        set_aside=[(str(failure.path), failure.reason) for failure in store.failures],
        settings=settings.model_dump(mode="json"),
    )
    _write_ensemble(out, members, ensembles, report, settings, single)
    write_report(report, out / REPORT)
    return report


def find_starts(sources: Sequence[Path], settings: FinetuneSettings) -> list[Start]:
    """Returns where the members begin, sorted by name.

    Raises:
        ConfigError: nothing to start from, a backbone that the runs do not have, or one that two runs have.
        CheckpointError: a source holds no encoder.
    """
    if not sources:
        if not settings.backbones:
            raise ConfigError("nothing to start from: give --from RUN, or backbones=[...] to train without pretraining")
        return [Start(name, None) for name in settings.backbones]
    found: dict[str, Path] = {}
    for source in sources:
        for folder in backbone_folders(source):
            name = folder.resolve().name
            if name in found:
                raise ConfigError(f"--from: both {found[name]} and {folder} are {name}; give one of them")
            found[name] = folder
    wanted = settings.backbones or sorted(found)
    for name in wanted:
        if name not in found:
            raise ConfigError(f"backbones: {name} is not among those of --from: {', '.join(sorted(found))}")
    return [Start(name, found[name]) for name in wanted]


def three_parts(table: LabelTable, division: Division, fold: int) -> tuple[Rows, Rows, Rows]:
    """Returns train, validation and test rows of a fold, speakers apart.

    Validation is the labels' own where the split is theirs and names some; otherwise speakers taken out of train.
    """
    train, test = division.folds[fold]
    if division.given:
        validation = table.rows_of("validation")
        if len(validation):
            return train, validation, test
    fit, held = division.inner[fold][0]
    return train[fit], train[held], test


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
    single: bool,
) -> None:
    every = [member for folds in members.values() for member in folds]
    thresholds = np.mean([chosen for _, chosen in ensembles], axis=0)
    card = EnsembleCard(
        members=[member.folder.relative_to(out).as_posix() for member in every],
        how=settings.ensemble,
        emotions=every[0].card.emotions,
        single_label=single,
        thresholds=[round(float(value), 6) for value in thresholds],
        window_s=max(member.card.window_s for member in every),
        hop_s=max(member.card.hop_s for member in every),
        notes=list(report.notes),
        metrics={
            name: round(found.value, 6)
            for name, found in report.scores.models[0].metrics.items()
            if np.isfinite(found.value)
        },
        versions=report.versions,
    )
    write_yaml(out / ENSEMBLE_CARD, card.model_dump(mode="json"))
