"""Made predictions and a report of them; made labels."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from emoclr.corpus.labels.labels import LabelTable
from emoclr.evaluate.report.report import Protocol, Report
from emoclr.evaluate.scores import Measure, Prediction, SpeakerProbe, Truth, score_all

EMOTIONS = ["anger", "disgust", "fear", "happiness", "neutral", "sadness"]
MakeReport = Callable[..., Report]


def make_report(
    single_label: bool = False, emotions: list[str] = EMOTIONS, models: int = 2, clips: int = 360
) -> Report:
    """A report of invented predictions that are better the higher the model's number."""
    generator = np.random.default_rng(0)
    n_emotions = len(emotions)
    shares = generator.dirichlet(np.full(n_emotions, 0.4), clips)
    targets = np.eye(n_emotions)[shares.argmax(1)] if single_label else shares
    speakers = [f"s{number:02d}" for number in np.arange(clips) % 18]

    def guess(name: str, skill: float, note: str = "") -> Prediction:
        noise = generator.dirichlet(np.full(n_emotions, 0.6), clips)
        return Prediction(name, skill * shares + (1 - skill) * noise, np.full(n_emotions, 0.25), note)

    truth = Truth(
        emotions=emotions,
        targets=targets,
        speakers=speakers,
        groups={
            "sex": ["female" if int(speaker[1:]) % 2 else "male" for speaker in speakers],
            "take": [str(clip) for clip in range(clips)],
        },
        single_label=single_label,
        n_resamples=100,
    )
    backbones = [guess(f"resnet{10 + model}t", 0.3 + 0.05 * model, "4.9 M weights") for model in range(models)]
    if models > 1:
        backbones.append(guess("ensemble", 0.6, f"mean of {models}"))
    chance = Prediction("chance", np.tile(targets.mean(0), (clips, 1)), np.full(n_emotions, 0.25))
    return Report(
        title="Linear probe of made-up embeddings",
        summary="A linear model on frozen embeddings, fitted to 720 clips of 36 speakers and scored on others.",
        scores=score_all(truth, backbones, [guess("log-mel mean and deviation", 0.2), chance]),
        protocol=Protocol(clips, 18, 720, 36, 1, [0], True),
        command="probe --from checkpoints/run --data labels.csv --out reports/<probe>",
        versions={"emoclr": "0.1.0", "torch": "2.15.0"},
        fingerprint="0123456789abcdef",
        created="2026-01-02T03:04:05+00:00",
        duration_s=12.3,
        notes=["Labels are shares of listeners' votes."],
        left_out={"awe": "no positive clip in training"},
        set_aside=[("broken & empty.wav", "holds no samples")],
        settings={"seed": 0},
        speaker_probe=SpeakerProbe([("resnet10t", Measure(0.4, 0.3, 0.5))], 18, "Half of each speaker's clips."),
    )


def made_table(
    targets: np.ndarray, speakers: list[str] | None, splits: list[str] | None = None, **groups: list[str]
) -> LabelTable:
    n = len(targets)
    return LabelTable(
        source=Path("labels.csv"),
        paths=[Path(f"/clips/{clip}.wav") for clip in range(n)],
        emotions=["joy", "fear", "awe"][: targets.shape[1]],
        targets=targets.astype(np.float32),
        speakers=speakers,
        splits=splits,
        start_s=np.zeros(n),
        end_s=np.full(n, np.nan),
        groups=groups,
    )


@pytest.fixture(scope="session", name="make_report")
def _make_report() -> MakeReport:
    return make_report


@pytest.fixture(name="make_table")
def _make_table() -> Callable[..., LabelTable]:
    return made_table
