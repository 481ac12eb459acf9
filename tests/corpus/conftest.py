import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from emoclr.corpus.clips.clip_table import Clip
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.labels_csv import read_labels, write_labels
from emoclr.corpus.prepare.registry import RECIPES

FORMATS = {
    ".wav": ("WAV", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".ogg": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
    ".aiff": ("AIFF", "PCM_16"),
}

WriteTone = Callable[..., Path]


@pytest.fixture
def write_tone(tmp_path: Path) -> WriteTone:
    """Returns write(name, rate=..., hz=..., level=..., duration_s=..., channels=(1,)) -> path, below `tmp_path`.

    Each number of `channels` scales the tone in one channel.
    """

    def write(
        name: str,
        rate: int = 16_000,
        hz: float = 440.0,
        level: float = 0.5,
        duration_s: float = 1.0,
        channels: tuple[float, ...] = (1.0,),
    ) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        times = np.arange(round(duration_s * rate)) / rate
        tone = level * np.sin(2 * np.pi * hz * times)
        form, subtype = FORMATS[path.suffix.lower()]
        sf.write(path, np.stack([scale * tone for scale in channels], axis=1), rate, subtype, format=form)
        return path

    return write


@pytest.fixture
def write_csv(tmp_path: Path) -> Callable[..., Path]:
    """Returns write(*lines, name=...) -> path of a CSV below `tmp_path`."""

    def write(*lines: str, name: str = "labels.csv") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


@pytest.fixture
def copy_of(tmp_path: Path, write_tone: WriteTone) -> Callable[..., Path]:
    """Returns make(*names, folder=...) -> folder that holds one short recording under each of these names."""
    tone = write_tone("tone.wav", duration_s=0.02)

    def make(*names: str, folder: str = "some copy") -> Path:
        root = tmp_path / folder
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            os.link(tone, root / name)
        return root

    return make


@pytest.fixture
def prepare(tmp_path: Path) -> Callable[..., tuple[LabelTable, str]]:
    """Returns prepare(name, folder, labels=None) -> the labels as they are read back, and the notes."""

    def run(name: str, folder: Path, labels: str | None = None) -> tuple[LabelTable, str]:
        result = RECIPES[name].prepare(folder, labels)
        write_labels(tmp_path / "labels.csv", result.table)
        return read_labels(tmp_path / "labels.csv"), "\n".join(result.notes)

    return run


@pytest.fixture
def tones(write_tone: WriteTone) -> list[Clip]:
    """Six recordings of a second, each of its own pitch."""
    return [Clip(write_tone(f"{n}.flac", rate=22_050, hz=200 + n)) for n in range(6)]
