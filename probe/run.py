"""A probe from checkpoints and labels to a report."""

import importlib.metadata
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from configs.console import say, track
from configs.errors import ConfigError
from corpus.labels import LabelTable, read_labels
from corpus.waveforms import WaveformStore, clips_of, open_waveforms
from pretrain.checkpoint import EncoderCard, backbone_folders, load_encoder, package_versions, untrained_encoder
from pretrain.encoder import Encoder
from probe.baselines import chance_probabilities, logmel_statistics
from probe.division import Division, learnable
from probe.embed import Embeddings, embed_clips
from probe.linear import LinearProbe
from probe.metrics import Array, tune_thresholds
from probe.protocol import joined, protocol_of, truth_of
from probe.report import Report, write_report
from probe.scores import CHANCE, ENSEMBLE, Prediction, SpeakerProbe, score_all
from probe.settings import ProbeSettings
from probe.speakers import speaker_probe, voice_hits, voice_task
from probe.words import label_notes, score_notes, summary_of

UNTRAINED = "untrained"
LOGMEL = "log-mel mean and deviation"


@dataclass(frozen=True)
class Features:
    """One way to describe every clip: float32 (clips, features)."""

    name: str
    matrix: Embeddings
    note: str
    trained: bool


@dataclass(frozen=True)
class Answers:
    """What a probe says of the clips that one fold scores, and of those it was fitted to (out of fold)."""

    scored: Array
    out_of_fold: Array
    thresholds: Array


def probe(source: Path, data: Path, out: Path, settings: ProbeSettings, command: str = "probe") -> Report:
    """Probes the encoders of a run on labelled clips, writes the report into `out` and returns it.

    Raises:
        EmoclrError: no checkpoint, no usable labels, no readable clips, or a folder that cannot be written to.
    """
    began = time.monotonic()
    folders = backbone_folders(source)
    encoders = [load_encoder(folder) for folder in folders]
    cards = [card for _, card in encoders]
    names = [folder.name for folder in folders] if len(folders) > 1 else [cards[0].encoder.backbone]
    whole = read_labels(data, settings.emotions)
    store = open_waveforms(clips_of(whole))
    readable = whole.select(store.source_rows)
    table, rows, division, left_out = learnable(
        readable, np.arange(len(readable)), settings.folds, settings.positive_share, settings.seed
    )
    if settings.threads:
        torch.set_num_threads(settings.threads)
    features = [
        *_encoder_features(dict(zip(names, encoders, strict=True)), store, settings),
        Features(LOGMEL, logmel_statistics(store), "", False),
    ]

    truth = truth_of(table, division, settings.positive_share, settings.bootstrap_resamples, settings.seed)
    models, baselines = _predictions(features, table, rows, division, settings)
    say("scoring")
    report = Report(
        title=f"Linear probe of {source.resolve().name} on {data.stem}",
        summary=summary_of(table, division, cards, settings),
        scores=score_all(truth, models, baselines),
        protocol=protocol_of(table, division, settings.seed),
        command=command,
        versions=package_versions() | {"scikit-learn": importlib.metadata.version("scikit-learn")},
        fingerprint=store.fingerprint,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        duration_s=time.monotonic() - began,
        notes=[
            *label_notes(table, settings.positive_share),
            *score_notes(table, division, settings.positive_share),
            *_unfinished(names, cards),
        ],
        left_out=left_out,
        set_aside=[(str(failure.path), failure.reason) for failure in store.failures],
        settings=settings.model_dump(mode="json"),
        speaker_probe=_speaker_probe(features, readable, settings),
    )
    write_report(report, out)
    return report


def _encoder_features(
    encoders: dict[str, tuple[Encoder, EncoderCard]], store: WaveformStore, settings: ProbeSettings
) -> list[Features]:
    """Embeds every clip by every encoder and by its untrained twin."""
    device = _device(settings.device)
    found = []
    for name, (encoder, card) in encoders.items():
        window_s = settings.window_s or card.crop_s
        hop_s = min(settings.hop_s or window_s / 2, window_s)
        for title, module in ((name, encoder), (f"{UNTRAINED} {name}", untrained_encoder(card, settings.seed))):
            matrix = embed_clips(
                module,
                store,
                window_s,
                hop_s,
                batch_size=settings.batch_size,
                description=f"embedding: {title}",
                device=device,
                precision=settings.precision,
                short=encoder.settings.short,
            )
            found.append(Features(title, matrix, _size_note(module), trained=title == name))
    return found


def _device(setting: str) -> str:
    if setting == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if setting == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device: cuda: torch finds no GPU on this machine; device=cpu works everywhere")
    return setting


def _predictions(
    features: Sequence[Features],
    table: LabelTable,
    rows: npt.NDArray[np.int64],
    division: Division,
    settings: ProbeSettings,
) -> tuple[list[Prediction], list[Prediction]]:
    """Returns the models' predictions and the baselines', each with its ensemble where there are several."""
    work = [(described, fold) for described in features for fold in range(len(division.folds))]
    answers: dict[str, list[Answers]] = {described.name: [] for described in features}
    single, share = table.single_label, settings.positive_share
    for described, fold in track(work, "fitting"):
        train, test = division.folds[fold]
        matrix = described.matrix[rows]
        fitted = LinearProbe(single, share).fit(matrix[train], table.targets[train], division.inner[fold])
        scored = fitted.predict_proba(matrix[test])
        answers[described.name].append(Answers(scored, fitted.out_of_fold_, fitted.thresholds_))

    trained = [described for described in features if described.trained]
    twins = [described for described in features if described.name.startswith(f"{UNTRAINED} ")]
    models = [joined(described.name, _pairs(answers[described.name]), described.note) for described in trained]
    baselines = [joined(twin.name, _pairs(answers[twin.name])) for twin in twins]
    if len(trained) > 1:
        for name, members, into in (
            (ENSEMBLE, trained, models),
            (f"{UNTRAINED} {ENSEMBLE}", twins, baselines),
        ):
            together = [
                _ensemble([answers[member.name][fold] for member in members], table, division, fold, share)
                for fold in range(len(division.folds))
            ]
            into.insert(0, joined(name, _pairs(together), f"mean of {len(members)} probabilities"))
    baselines.append(joined(LOGMEL, _pairs(answers[LOGMEL])))
    prior = chance_probabilities(table.targets[division.fitted], len(division.scored))
    baselines.append(Prediction(CHANCE, prior, prior, "the shares of the clips fitted to"))
    return models, baselines


def _ensemble(
    members: Sequence[Answers], table: LabelTable, division: Division, fold: int, positive_share: float
) -> Answers:
    out_of_fold = np.mean([member.out_of_fold for member in members], axis=0)
    train, _ = division.folds[fold]
    thresholds = tune_thresholds(table.targets[train], out_of_fold, positive_share)
    return Answers(np.mean([member.scored for member in members], axis=0), out_of_fold, thresholds)


def _pairs(folds: Sequence[Answers]) -> list[tuple[Array, Array]]:
    return [(fold.scored, fold.thresholds) for fold in folds]


def _speaker_probe(features: Sequence[Features], table: LabelTable, settings: ProbeSettings) -> SpeakerProbe | None:
    task = voice_task(table, settings.seed)
    if task is None:
        return None
    hits = {
        described.name: voice_hits(described.matrix, task, settings.seed)
        for described in track(features, "speaker probe")
    }
    remark = "A contrast learns voices easily; what it spends on them, emotions do not get."
    return speaker_probe(hits, task, remark, settings.bootstrap_resamples, settings.seed)


def _size_note(encoder: Encoder) -> str:
    weights = sum(parameter.numel() for parameter in encoder.backbone.parameters())
    return f"{weights / 1e6:.1f} M weights, {encoder.features:,} features"


def _unfinished(names: Sequence[str], cards: Sequence[EncoderCard]) -> list[str]:
    return [
        f"{name} was probed before its pretraining ended: step {card.step:,} of {card.steps:,}."
        for name, card in zip(names, cards, strict=True)
        if not card.finished
    ]
