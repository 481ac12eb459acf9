"""Made recordings and labels, two small pretrained encoders, and one ensemble fine-tuned from them."""

import contextlib
import csv
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile as sf
import torch

from augment.settings import SpectrogramSettings
from corpus.labels import LabelTable, read_labels
from corpus.waveforms import WaveformStore, clips_of, open_waveforms
from finetune.cli import main
from finetune.settings import FinetuneSettings
from finetune.train import Task
from pretrain.checkpoint import save_encoder
from pretrain.encoder import Encoder, EncoderSettings, Normalisation

RATE = 16_000
BACKBONES = ("mobilenetv3_small_050", "test_resnet")
SPLITS = ("train", "train", "train", "validation", "test", "test")
EACH = 4
QUICK = ("workers=0", "batch_size=4", "bootstrap_resamples=20", "precision=fp32", "accelerator=cpu")


class Ran(NamedTuple):
    """How a command ended, where its run lies, and what it said."""

    code: int
    out: Path
    told: str


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOCLR_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 clips of 6 speakers: noise that is loud where it is angry and dull where it is sad; and a broken file."""
    folder = tmp_path_factory.mktemp("recordings")
    generator = np.random.default_rng(0)
    for clip in range(len(SPLITS) * EACH):
        noise = generator.normal(size=round((1.2 if clip % 7 == 0 else 0.6) * RATE)) * (0.2 if clip % 2 else 0.08)
        if clip // 2 % 2:
            noise = np.convolve(noise, np.ones(3) / 3, mode="same")
        sf.write(folder / f"{clip:02}.wav", np.clip(noise, -1, 1), RATE)
    (folder / "broken.wav").write_bytes(b"RIFF")
    return folder


WriteLabels = Callable[..., Path]


@pytest.fixture(scope="session")
def write_labels(recordings: Path) -> WriteLabels:
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
        with (recordings / name).open("w", newline="") as file:
            csv.writer(file).writerows([head, *rows])
        return recordings / name

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
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with the encoders of both backbones, as `pretrain` leaves it."""
    run = tmp_path_factory.mktemp("pretrained")
    for seed, backbone in enumerate(BACKBONES):
        torch.manual_seed(seed)
        encoder = Encoder(encoder_settings(backbone))
        save_encoder(run / backbone, encoder, crop_s=0.5, corpus_fingerprint="abc", step=1, steps=1)
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
def run(labels: Path) -> Callable[..., Ran]:
    """Returns run(out, *words, data=labels) -> Ran, through the command in this process."""

    def call(out: Path, *words: str, data: Path = labels) -> Ran:
        with contextlib.redirect_stderr(io.StringIO()) as told, contextlib.redirect_stdout(told):
            code = main(["--data", str(data), "--out", str(out), *words, *QUICK])
        return Ran(code, out, told.getvalue())

    return call


@pytest.fixture(scope="session")
def finetuned(run: Callable[..., Ran], pretrained: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """An ensemble of two, fine-tuned from the encoders of `pretrained`."""
    return run(tmp_path_factory.mktemp("finetuned") / "emotions", "--from", str(pretrained), "epochs=2")
