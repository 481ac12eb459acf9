"""An ensemble of two, trained on made recordings, and recordings that it has not heard."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import soundfile as sf

import emoclr.corpus.decoded.decode_stream
import emoclr.predict.output.unfinished
import emoclr.pretrain.encoder.streamed_windows
from emoclr.augment.settings import SpectrogramSettings
from emoclr.corpus.parallel.processes import stream_in_processes
from emoclr.finetune.run import finetune
from emoclr.finetune.settings import FinetuneSettings
from emoclr.predict.cli import main

RATE = 16_000
BACKBONES = ["test_efficientnet", "test_resnet"]


@pytest.fixture(scope="session")
def train(
    write_clips: Callable[..., None], write_table: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Path]:
    """Returns train(backbones, single_label) -> an ensemble whose heads were trained on 24 clips of 6 speakers."""

    def of(backbones: list[str], single_label: bool, windows: Literal["mean", "noisy_or"] = "mean") -> Path:
        folder = tmp_path_factory.mktemp("trained")
        write_clips(folder, [0.6] * 24)
        rows = []
        for clip in range(24):
            loud, dull, speaker = clip % 2, clip // 2 % 2, clip // 4
            split = ("train", "validation", "test")[speaker % 3]
            rows.append([f"{clip:02}.wav", loud, 1 - loud if single_label else dull, f"s{speaker}", split, "yes"])
        labels = write_table(folder / "labels.csv", ["path", "anger", "sadness", "speaker", "split", "synthetic"], rows)
        settings = FinetuneSettings(
            backbones=backbones,
            freeze="backbone",
            spectrogram=SpectrogramSettings(bands=32),
            crop_s=0.5,
            hop_s=0.3,
            windows=windows,
            bootstrap_resamples=20,
        )
        finetune([], labels, folder / "emotions", settings)
        return folder / "emotions"

    return of


@pytest.fixture(scope="session")
def emotions(train: Callable[..., Path]) -> Path:
    """An ensemble of two for windows of 0.5 s, 0.3 s apart."""
    return train(BACKBONES, single_label=False)


@pytest.fixture(scope="session")
def one_emotion(train: Callable[..., Path]) -> Path:
    """The same for labels of which each clip carries one."""
    return train(["test_resnet"], single_label=True)


@pytest.fixture(scope="session")
def recordings(write_noise: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four recordings of 0.3 to 2.13 s, one that is broken, and two files that are no recordings for `predict`."""
    folder = tmp_path_factory.mktemp("recordings")
    write_noise(folder / "short.wav", 0.3, loud=True, dull=False, seed=100)
    write_noise(folder / "exact.wav", 0.5, loud=False, dull=True, seed=101)
    write_noise(folder / "below/middle, loud.flac", 0.9, loud=True, dull=True, seed=102)
    halves = [
        write_noise(folder / ".hidden.wav", 1.0, True, False, 103),
        write_noise(folder / ".too.wav", 1.13, False, True, 104),
    ]
    sf.write(folder / "long.wav", np.concatenate([sf.read(half)[0] for half in halves]), RATE)
    (folder / "broken.mp3").write_bytes(b"no recording")
    (folder / "notes.txt").write_text("none either")
    return folder


@pytest.fixture
def run(call: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """Returns run(*words) -> how the command ended and what it told."""
    return lambda *words: call(main, words, tmp_path)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of 2 windows, each of which is saved; decoded in this process, which spares the start of others."""
    here = partial(stream_in_processes, workers=1)
    monkeypatch.setattr(emoclr.corpus.decoded.decode_stream, "stream_in_processes", here)
    monkeypatch.setitem(emoclr.pretrain.encoder.streamed_windows.BATCH_WINDOWS, "cpu", 2)
    monkeypatch.setattr(emoclr.predict.output.unfinished, "SAVED_EVERY_S", 0.0)
