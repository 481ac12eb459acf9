"""Made recordings and labels, two small pretrained encoders, and one ensemble fine-tuned from them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from emoclr.augment.settings import SpectrogramSettings
from emoclr.corpus.audit.clip_fingerprints import clip_fingerprints
from emoclr.corpus.clips.sources import clips_of
from emoclr.corpus.decoded.waveforms import WaveformStore, open_waveforms
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.labels_csv import read_labels
from emoclr.finetune.cli import main
from emoclr.finetune.data.labeled_clips import Task
from emoclr.finetune.settings import FinetuneSettings
from emoclr.pretrain.encoder.checkpoint import save_encoder
from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings, Normalisation
from emoclr.pretrain.resume.heard_clips import write_fingerprints

BACKBONES = ("test_efficientnet", "test_resnet")
SPLITS = ("train", "train", "train", "validation", "test", "test")
EACH = 4
QUICK = ("workers=0", "batch_size=4", "bootstrap_resamples=20", "precision=fp32", "accelerator=cpu")


@pytest.fixture(scope="session")
def recordings(write_clips: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 clips of 6 speakers: noise that is loud where it is angry and dull where it is sad; and a broken file."""
    folder = tmp_path_factory.mktemp("recordings")
    write_clips(folder, [1.2 if clip % 7 == 0 else 0.6 for clip in range(len(SPLITS) * EACH)])
    (folder / "broken.wav").write_bytes(b"RIFF")
    return folder


WriteLabels = Callable[..., Path]


@pytest.fixture(scope="session")
def write_labels(recordings: Path, write_table: WriteLabels) -> WriteLabels:
    """Returns write(name, splits=(one a speaker)) -> labels.csv: shares of anger and sadness, any of both, or none."""

    def write(name: str, splits: Sequence[str] | None = SPLITS) -> Path:
        head = ["path", "anger", "sadness", "speaker", "sex", *(["split"] if splits else [])]
        rows: list[list[object]] = []
        for clip in range(len(SPLITS) * EACH):
            speaker = clip // EACH
            shares = [0.9 * (clip % 2), 0.8 * (clip // 2 % 2)]
            split = [splits[speaker]] if splits else []
            rows.append([f"{clip:02}.wav", *shares, f"s{speaker}", "fm"[speaker % 2], *split])
        rows.append(["broken.wav", 1, 0, "s0", "f", *([splits[0]] if splits else [])])
        return write_table(recordings / name, head, rows)

    return write


@pytest.fixture(scope="session")
def labels(write_labels: WriteLabels) -> Path:
    return write_labels("labels.csv")


@pytest.fixture(scope="session")
def table(labels: Path, store: WaveformStore) -> LabelTable:
    return read_labels(labels).select(store.source_rows)


@pytest.fixture(scope="session")
def store(labels: Path, cache: None) -> WaveformStore:
    return open_waveforms(clips_of(read_labels(labels)))


@pytest.fixture(scope="session")
def task(table: LabelTable, store: WaveformStore) -> Task:
    rows = (table.rows_of(split) for split in ("train", "validation", "test"))
    return Task(store, table.emotions, table.targets, *rows)


@pytest.fixture(scope="session")
def pretrained(store: WaveformStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with the encoders of both backbones, of which one is known to have heard a test clip."""
    run = tmp_path_factory.mktemp("pretrained")
    for seed, backbone in enumerate(BACKBONES):
        torch.manual_seed(seed)
        encoder = Encoder(encoder_settings(backbone))
        save_encoder(run / backbone, encoder, crop_s=0.5, corpus_fingerprint="abc", step=1, steps=1)
    heard = clip_fingerprints(store, [clip for clip in range(len(store)) if store.path(clip).name == "16.wav"])
    write_fingerprints(run / "test_resnet", heard.ravel())
    return run


@pytest.fixture(scope="session", name="encoder_settings")
def _encoder_settings() -> Callable[[str], EncoderSettings]:
    return encoder_settings


def encoder_settings(backbone: str) -> EncoderSettings:
    levels = Normalisation(mean=(-5.0, 0.5, -3.0), std=(3.0, 0.3, 3.0))
    return EncoderSettings(backbone=backbone, spectrogram=SpectrogramSettings(bands=32), normalisation=levels)


@pytest.fixture(scope="session")
def settings() -> Callable[..., FinetuneSettings]:
    """Returns settings(**changes) -> those of a quick training."""
    quick = {"workers": 0, "batch_size": 4, "bootstrap_resamples": 20, "precision": "fp32", "accelerator": "cpu"}
    small = {"spectrogram": SpectrogramSettings(bands=32), "crop_s": 0.5}
    return lambda **changes: FinetuneSettings.model_validate({**quick, **small, **changes})


@pytest.fixture(scope="session")
def run(labels: Path, call: Callable[..., Any]) -> Callable[..., Any]:
    """Returns run(out, *words, data=labels) -> how the command ended, what it told, and `out`."""
    return lambda out, *words, data=labels: call(main, ["--data", data, "--out", out, *words, *QUICK], out)


@pytest.fixture(scope="session")
def finetuned(run: Callable[..., Any], pretrained: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An ensemble of two, fine-tuned from the encoders of `pretrained`."""
    return run(tmp_path_factory.mktemp("finetuned") / "emotions", "--from", str(pretrained), "epochs=2")
