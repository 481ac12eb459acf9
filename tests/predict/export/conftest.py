"""A small model and a small encoder, and files of both."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from emoclr.finetune.model.checkpoint import save_model
from emoclr.finetune.model.emotion_model import EmotionModel
from emoclr.pretrain.encoder.checkpoint import save_encoder
from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings

# In a process of its own: what an export starts in this one cannot be forked, and other tests fork.
EXPORTS = """
import sys
import numpy as np
import torch
from emoclr.predict.cli import main

model, onnx, rounded, encoder, program, waveforms = sys.argv[1:]
assert main(["export", "--from", model, "--out", onnx]) == 0
assert main(["export", "--from", model, "--out", rounded, "--weights", "int8"]) == 0
assert main(["export", "--from", encoder, "--out", program]) == 0
embedded = torch.export.load(program).module(check_guards=False)(torch.from_numpy(np.load(waveforms)))
np.save(waveforms, embedded.detach().numpy())
"""


@pytest.fixture(scope="session")
def waveforms() -> NDArray[np.float32]:
    """What the exported encoder hears, (5, 9001)."""
    return 0.1 * np.random.default_rng(0).normal(size=(5, 9_001)).astype(np.float32)


@pytest.fixture(scope="session")
def emotions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of two emotions for windows of 0.5 s, 0.3 s apart."""
    folder = tmp_path_factory.mktemp("emotions")
    torch.manual_seed(0)
    model = EmotionModel(Encoder(EncoderSettings(backbone="test_resnet", readout="stages")), 2).eval()
    torch.nn.init.normal_(model.head.linear.weight, std=0.5)
    save_model(
        folder,
        model,
        emotions=["anger", "sadness"],
        thresholds=[0.4, 0.6],
        temperatures=[1.5, 0.8],
        window_s=0.5,
        hop_s=0.3,
        corpus_fingerprint="",
        started_from="scratch",
    )
    return folder


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoder")
    made = Encoder(EncoderSettings(backbone="test_resnet"))
    save_encoder(folder, made, crop_s=1.0, corpus_fingerprint="", step=1, steps=1)
    return folder


@pytest.fixture(scope="session")
def exported(
    emotions: Path, encoder: Path, waveforms: NDArray[np.float32], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with emotions.onnx, rounded.onnx, encoder.pt2 and what that gives; home is where home was."""
    folder = tmp_path_factory.mktemp("exported")
    (folder / "home").mkdir()
    np.save(folder / "embedded.npy", waveforms)
    files = [folder / "emotions.onnx", folder / "rounded.onnx"]
    words = [emotions, *files, encoder, folder / "encoder.pt2", folder / "embedded.npy"]
    home = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_"))}
    done = subprocess.run(
        [sys.executable, "-c", EXPORTS, *map(str, words)],
        env=home | {"HOME": str(folder / "home"), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "emotions.onnx" in done.stdout and "rounding moved probabilities" in done.stdout
    assert "embeddings" in done.stdout
    assert not any(word in done.stderr for word in ("Warning", "[torch", "onnxruntime:")), done.stderr
    return folder
