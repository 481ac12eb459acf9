"""An ensemble of two, trained on made recordings, and recordings that it has not heard."""

import contextlib
import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile as sf

from augment.settings import SpectrogramSettings
from finetune.run import finetune
from finetune.settings import FinetuneSettings
from predict.cli import main

RATE = 16_000
BACKBONES = ["mobilenetv3_small_050", "test_resnet"]


class Ran(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    told: str


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOCLR_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def noise(generator: np.random.Generator, duration_s: float, loud: bool, dull: bool) -> np.ndarray:
    made = generator.normal(size=round(duration_s * RATE)) * (0.2 if loud else 0.04)
    return np.clip(np.convolve(made, np.ones(6) / 6, mode="same") if dull else made, -1, 1)


def trained(folder: Path, backbones: list[str], single_label: bool) -> Path:
    """Returns the folder of an ensemble whose heads were trained on 24 clips of 6 speakers."""
    generator = np.random.default_rng(0)
    rows = []
    for clip in range(24):
        loud, dull = clip % 2, clip // 2 % 2
        sf.write(folder / f"{clip:02}.wav", noise(generator, 0.6, bool(loud), bool(dull)), RATE)
        labels = [loud, 1 - loud] if single_label else [loud, dull]
        speaker = clip // 4
        rows.append([f"{clip:02}.wav", *labels, f"s{speaker}", ("train", "validation", "test")[speaker % 3]])
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "anger", "sadness", "speaker", "split"], *rows])
    settings = FinetuneSettings(
        backbones=backbones,
        freeze="backbone",
        spectrogram=SpectrogramSettings(bands=32),
        crop_s=0.5,
        hop_s=0.3,
        bootstrap_resamples=20,
    )
    finetune([], folder / "labels.csv", folder / "emotions", settings)
    return folder / "emotions"


@pytest.fixture(scope="session")
def emotions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ensemble of two for windows of 0.5 s, at most 0.3 s apart."""
    return trained(tmp_path_factory.mktemp("several"), BACKBONES, single_label=False)


@pytest.fixture(scope="session")
def one_emotion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same for labels of which each clip carries one."""
    return trained(tmp_path_factory.mktemp("single"), ["test_resnet"], single_label=True)


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four recordings of 0.3 to 2.13 s, one that is broken, and two files that are no recordings for `predict`."""
    folder = tmp_path_factory.mktemp("recordings")
    generator = np.random.default_rng(1)
    (folder / "below").mkdir()
    sf.write(folder / "short.wav", noise(generator, 0.3, True, False), RATE)
    sf.write(folder / "exact.wav", noise(generator, 0.5, False, True), RATE)
    parts = [noise(generator, 1.0, True, False), noise(generator, 1.13, False, True)]
    sf.write(folder / "long.wav", np.concatenate(parts), RATE)
    sf.write(folder / "below/middle, loud.flac", noise(generator, 0.9, True, True), RATE)
    sf.write(folder / ".hidden.wav", noise(generator, 0.5, True, True), RATE)
    (folder / "broken.mp3").write_bytes(b"no recording")
    (folder / "notes.txt").write_text("none either")
    return folder


@pytest.fixture
def run() -> Callable[..., Ran]:
    """Returns run(*words) -> Ran, through the command in this process."""

    def call(*words: str | Path) -> Ran:
        with contextlib.redirect_stderr(io.StringIO()) as told:
            code = main([str(word) for word in words])
        return Ran(code, told.getvalue())

    return call
