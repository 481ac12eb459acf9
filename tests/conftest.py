"""What the tests of several folders share: a cache of their own, made recordings, labels and reports, and commands."""

import contextlib
import csv
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pytest
import soundfile as sf

import emoclr.corpus.audit.recordings
import emoclr.corpus.decoded.decode_clip
import emoclr.corpus.decoded.fill_cache
import emoclr.corpus.decoded.uncached
import emoclr.corpus.parallel.engines
import emoclr.evaluate.report.writers.page
import emoclr.evaluate.report.writers.write
from emoclr.corpus.audio.decoder import Recording
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.parallel.processes import stream_in_processes
from emoclr.evaluate.figures.figure import Figure
from emoclr.evaluate.figures.render import figure_png, figure_svg
from emoclr.evaluate.metrics.intervals import Measure
from emoclr.evaluate.report.report import Protocol, Report
from emoclr.evaluate.report.sentence import Caution, Sentence
from emoclr.evaluate.scores import Prediction, Truth, score_all
from emoclr.evaluate.speaker_probe import SpeakerProbe

RATE = 16_000
EMOTIONS = ["anger", "disgust", "fear", "happiness", "neutral", "sadness"]
T = TypeVar("T")
R = TypeVar("R")
MakeReport = Callable[..., Report]


class Ran(NamedTuple):
    """How a command ended, what it said, and the folder that was asked for."""

    code: int
    told: str
    out: Path


@pytest.fixture(scope="session", autouse=True)
def ctrl_c() -> Iterator[None]:
    """Lets Ctrl-C interrupt: what a shell starts in the background ignores it, and so would the tests there."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def same_weights() -> None:
    """Networks that a test makes have the same initial weights in every run: a tolerance holds always, or never."""
    if (torch := sys.modules.get("torch")) is not None:
        torch.manual_seed(0)


@pytest.fixture(scope="session", autouse=True)
def full_precision() -> Iterator[None]:
    """Has ensembles compute in fp32, whatever this machine is fast at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("emoclr.finetune.model.member_precision.has_native_bf16", lambda: False)
        yield


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps decoded audio out of the user's own cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOCLR_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def figures_drawn_once() -> Iterator[None]:
    """Reports reuse a figure of the same name and caption, since drawing them takes most of a short run's time.

    Tests of `evaluate`, which look at figures, draw each of them.
    """

    def once(draw: Callable[[Figure], T]) -> Callable[[Figure], T]:
        drawn: dict[tuple[object, ...], T] = {}

        def find(figure: Figure) -> T:
            if "tests/evaluate/" in os.environ.get("PYTEST_CURRENT_TEST", ""):
                return draw(figure)
            key = (figure.name, figure.title, figure.caption, figure.alt)
            if key not in drawn:
                drawn[key] = draw(figure)
            return drawn[key]

        return find

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(emoclr.evaluate.report.writers.page, "figure_svg", once(figure_svg))
        patch.setattr(emoclr.evaluate.report.writers.write, "figure_png", once(figure_png))
        yield


@pytest.fixture(scope="session")
def call() -> Callable[..., Ran]:
    """Returns call(main, words, out) -> Ran, through a command's `main` in this process."""

    def run(main: Callable[[list[str]], int], words: Sequence[str | Path], out: Path) -> Ran:
        with contextlib.redirect_stderr(io.StringIO()) as told, contextlib.redirect_stdout(told):
            code = main([str(word) for word in words])
        return Ran(code, told.getvalue(), out)

    return run


@pytest.fixture(scope="session")
def write_noise() -> Callable[..., Path]:
    """Returns write(path, duration_s, loud, dull, seed) -> path: noise at one of two levels, bright or dull."""

    def write(path: Path, duration_s: float, loud: bool, dull: bool, seed: int) -> Path:
        made = np.random.default_rng(seed).normal(size=round(duration_s * RATE)) * (0.2 if loud else 0.04)
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(path, np.clip(np.convolve(made, np.ones(6) / 6, mode="same") if dull else made, -1, 1), RATE)
        return path

    return write


@pytest.fixture(scope="session")
def write_clips(write_noise: Callable[..., Path]) -> Callable[..., None]:
    """Returns write(folder, durations_s): `00.wav` and on, every second one loud, every second pair of them dull."""

    def write(folder: Path, durations_s: Sequence[float]) -> None:
        for clip, duration_s in enumerate(durations_s):
            write_noise(folder / f"{clip:02}.wav", duration_s, bool(clip % 2), bool(clip // 2 % 2), seed=clip)

    return write


@pytest.fixture(scope="session")
def write_table() -> Callable[..., Path]:
    """Returns write(path, head, rows) -> path of a CSV."""

    def write(path: Path, head: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([head, *rows])
        return path

    return write


@pytest.fixture(scope="session")
def workspace(
    write_clips: Callable[..., None], write_table: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder as a user has it: recordings/, labels.csv, and checkpoints/ of an encoder and of an ensemble.

    The networks are untrained. The labels are of 24 clips of 6 speakers; anger is loud, sadness dull.
    """
    folder = tmp_path_factory.mktemp("workspace")
    write_clips(folder / "recordings", [1.2 if clip % 7 == 0 else 0.6 for clip in range(24)])
    rows = [
        [f"recordings/{clip:02}.wav", clip % 2, clip // 2 % 2, f"s{clip // 4}", ("train", "test")[clip // 4 % 2]]
        for clip in range(24)
    ]
    write_table(folder / "labels.csv", ["path", "anger", "sadness", "speaker", "split"], rows)
    write_models(folder / "checkpoints")
    return folder


def write_models(checkpoints: Path) -> None:
    """Writes a run of `pretrain` and one of `finetune`, of one untrained backbone for windows of 0.5 s."""
    import torch

    from emoclr.augment.settings import SpectrogramSettings
    from emoclr.configs.files import write_yaml
    from emoclr.finetune.model.checkpoint import EnsembleCard, save_model
    from emoclr.finetune.model.emotion_model import EmotionModel
    from emoclr.pretrain.encoder.checkpoint import save_encoder
    from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings

    torch.manual_seed(0)
    encoder = Encoder(EncoderSettings(backbone="test_resnet", spectrogram=SpectrogramSettings(bands=32)))
    save_encoder(checkpoints / "my-run/test_resnet", encoder, crop_s=0.5, corpus_fingerprint="made", step=1, steps=1)
    answers = {"emotions": ["anger", "sadness"], "thresholds": [0.5, 0.5]}
    windows = {"window_s": 0.5, "hop_s": 0.25}
    emotions = checkpoints / "my-emotions"
    model = EmotionModel(encoder, 2)
    torch.nn.init.normal_(model.head.linear.weight, std=0.02)
    save_model(
        emotions / "test_resnet",
        model,
        temperatures=[1.0, 1.0],
        corpus_fingerprint="made",
        started_from="scratch",
        **answers,
        **windows,
    )
    card = EnsembleCard.model_validate({"members": ["test_resnet"], **answers, **windows})
    write_yaml(emotions / "ensemble.yaml", card.model_dump(mode="json"))


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work on files is done here: quicker, and for tests that change what decodes."""

    def each(
        work: Callable[[T], R], tasks: Sequence[T], path_of: object, lost: object, workers: int | None = None
    ) -> Iterator[R]:
        return map(work, tasks)

    for module in (emoclr.corpus.audit.recordings, emoclr.corpus.parallel.engines):
        monkeypatch.setattr(module, "each_in_processes", each)
    monkeypatch.setattr(
        emoclr.corpus.decoded.fill_cache,
        "stream_in_processes",
        lambda *arguments: stream_in_processes(*arguments[:4], workers=1),
    )


@pytest.fixture
def decodings(in_this_process: None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Counts what is decoded in this process."""
    paths: list[str] = []

    class Counted(Recording):
        def __init__(self, path: Path, *how: Any) -> None:
            paths.append(path.name)
            super().__init__(path, *how)

    for module in (emoclr.corpus.decoded.decode_clip, emoclr.corpus.decoded.uncached):
        monkeypatch.setattr(module, "Recording", Counted)
    return paths


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
        verdict=[
            Sentence("The clips are of one speaker, <i>anna</i>.", "limit", "warning"),
            Sentence("The ensemble works: `a<b`.", "fitness", "good"),
        ],
        notes=[Caution("The clips are of one speaker, <i>anna</i>."), "Labels are shares of listeners' votes."],
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
