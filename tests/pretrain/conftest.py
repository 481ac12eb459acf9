import contextlib
import csv
import multiprocessing
import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from emoclr.corpus.clips.sources import clips_from
from emoclr.corpus.decoded.waveforms import WaveformStore, open_waveforms
from emoclr.pretrain.cli import main
from emoclr.pretrain.encoder.checkpoint import WEIGHTS
from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings
from emoclr.pretrain.training.metrics_log import METRICS
from emoclr.pretrain.training.module import ContrastiveModule

TINY = """
backbones: [test_resnet]
crop_s: 0.5
spectrogram: {n_fft: 512, hop_length: 320, bands: 32}
projection_hidden: 32
projection_size: 16
speakers_per_batch: 4
batch_size: 8
epochs: 2
warmup: 0.2
precision: fp32
accelerator: cpu
workers: 0
log_every_steps: 1
save_every_steps: 100
augment:
  nearby_s: 0.2
  transforms:
    - {name: Gain, p: 0.5}
    - {name: AddGaussianSNR, p: 0.5}
"""
STEPS = 6


@pytest.fixture(scope="session")
def corpus(
    write_clips: Callable[..., None], write_table: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A CSV of 24 clips of 6 speakers, two files that cannot be read, and a test speaker who is to stay out."""
    folder = tmp_path_factory.mktemp("corpus")
    write_clips(folder, np.random.default_rng(0).uniform(0.3, 1.2, 26).tolist())
    rows = [
        [f"{clip:02}.wav", f"s{clip % 6}", "train"] if clip < 24 else [f"{clip}.wav", "s6", "test"]
        for clip in range(26)
    ]
    (folder / "text.wav").write_text("no recording")
    rows += [["text.wav", "s0", "train"], ["gone.wav", "s1", "train"]]
    return write_table(folder / "labels.csv", ["path", "speaker", "split"], rows)


@pytest.fixture(scope="session")
def store(corpus: Path, cache: None) -> WaveformStore:
    return open_waveforms(clips_from([corpus], ["train", "validation"]))


@pytest.fixture(scope="session")
def command(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[str]]:
    """Returns command(out, *more) -> the arguments of `pretrain`."""
    config = tmp_path_factory.mktemp("config") / "tiny.yaml"
    config.write_text(TINY)
    return lambda out, *more: ["--config", str(config), f"data={corpus}", f"out={out}", *more]


@pytest.fixture(scope="session")
def run(command: Callable[..., list[str]], call: Callable[..., Any]) -> Callable[..., Any]:
    """Returns run(out, *more) -> how the command ended, what it told, and `out`."""
    return lambda out, *more: call(main, command(out, *more), out)


@pytest.fixture(scope="session")
def at_step() -> Callable[..., contextlib.AbstractContextManager[None]]:
    """Returns at_step(n, act): a context in which `act` is called within the training step after `n` steps."""
    step = ContrastiveModule.training_step

    @contextlib.contextmanager
    def patched(number: int, act: Callable[[], object]) -> Iterator[None]:
        def training_step(module, batch, batch_idx):
            if module.global_step == number:
                act()
            return step(module, batch, batch_idx)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ContrastiveModule, "training_step", training_step)
            yield

    return patched


class Child:
    """A `pretrain` of its own process."""

    def __init__(self, process: Any, reading: int) -> None:
        self.process = process
        self.reading = reading

    def wait(self, at_most_s: float = 300) -> int | None:
        """Returns the exit code, the negative number of a signal that killed it, None where it still runs."""
        self.process.join(at_most_s)
        code: int | None = self.process.exitcode
        return code

    def told(self) -> str:
        """Returns what it has said so far, no more than a pipe holds."""
        os.set_blocking(self.reading, False)
        return os.read(self.reading, 1 << 16).decode()


@pytest.fixture(scope="module")
def start() -> Iterator[Callable[..., Child]]:
    """Returns start(words, inside) -> `pretrain` in another process, which enters the context `inside` first.

    It is forked from this one: as real to signals and limits as any other, and spared the seconds of imports.
    """
    children = []

    def begin(words: list[str], inside: contextlib.AbstractContextManager[Any] | None = None) -> Child:
        reading, writing = os.pipe()

        def work() -> None:
            # OpenMP's threads are not forked, and would be waited for.
            os.environ["OMP_NUM_THREADS"] = "1"
            torch.set_num_threads(1)
            sys.stdout = sys.stderr = os.fdopen(writing, "w", buffering=1)
            with inside or contextlib.nullcontext():
                sys.exit(main(words))

        process = multiprocessing.get_context("fork").Process(target=work)
        process.start()
        os.close(writing)
        children.append(Child(process, reading))
        return children[-1]

    yield begin
    for child in children:
        child.process.kill()
        child.process.join()
        os.close(child.reading)


@pytest.fixture(scope="session")
def free_port() -> Callable[[], str]:
    """Returns find() -> a port of this machine that nothing listens on."""

    def find() -> str:
        with socket.socket() as free:
            free.bind(("localhost", 0))
            return str(free.getsockname()[1])

    return find


@contextlib.contextmanager
def as_rank(
    rank: int, port: str, then: contextlib.AbstractContextManager[Any] | None, more: dict[str, str]
) -> Iterator[None]:
    """The environment of one of two processes."""
    given = {"RANK": str(rank), "LOCAL_RANK": str(rank), "NODE_RANK": "0", "WORLD_SIZE": "2"}
    os.environ.update(given, MASTER_ADDR="localhost", MASTER_PORT=port, **more)
    from pytorch_lightning.utilities.rank_zero import rank_zero_only

    rank_zero_only.rank = rank
    with then or contextlib.nullcontext():
        yield


@pytest.fixture(scope="module")
def start_two(start: Callable[..., Child], free_port: Callable[[], str]) -> Callable[..., list[Child]]:
    """Returns start_two(words, inside) -> the two ranks of a run, each within its own of two contexts."""

    def begin(words: list[str], inside: Any = (None, None), **more: str) -> list[Child]:
        port = free_port()
        return [start(words, as_rank(rank, port, then, more)) for rank, then in enumerate(inside)]

    return begin


@pytest.fixture(scope="session")
def finished(run: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run of six steps of two backbones."""
    return run(tmp_path_factory.mktemp("finished") / "run", "backbones=test_resnet,test_efficientnet")


@pytest.fixture(scope="session")
def stopped(run, at_step, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run that Ctrl-C stopped after two of its six steps, within its first epoch."""
    with at_step(1, lambda: signal.raise_signal(signal.SIGINT)):
        return run(tmp_path_factory.mktemp("stopped") / "run")


@pytest.fixture(scope="session")
def rows_of() -> Callable[[Path], list[dict[str, str]]]:
    """The metrics of a run, but for its speed."""

    def rows(folder: Path) -> list[dict[str, str]]:
        with (folder / METRICS).open(newline="") as lines:
            speed = {"views_per_s", "waiting_share"}
            return [{key: row[key] for key in row if key not in speed} for row in csv.DictReader(lines)]

    return rows


@pytest.fixture(scope="session")
def weights_of() -> Callable[..., bytes]:
    """The file of an encoder's weights in a run."""

    def weights(run: Path, backbone: str = "test_resnet") -> bytes:
        return (run / backbone / WEIGHTS).read_bytes()

    return weights


@pytest.fixture
def stopped_copy(stopped: Any, tmp_path: Path) -> Path:
    return Path(shutil.copytree(stopped.out, tmp_path / "run"))


@pytest.fixture
def encoder() -> Encoder:
    content = {
        "backbone": "test_resnet",
        "spectrogram": {"n_fft": 512, "hop_length": 320, "bands": 32},
        "normalisation": {"mean": (-5.0, 0.4, -3.0), "std": (3.0, 0.3, 3.0)},
        "time_masks": 1,
    }
    return Encoder(EncoderSettings.model_validate(content))
